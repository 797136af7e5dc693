import { pipeline, Readable, Transform } from 'node:stream';
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { conflict, KilnError } from '../common/errors.js';
import { newSecret } from '../common/ids.js';
import { delay } from '../common/time.js';
import { Keyring, type PurposeKeys } from '../config/secret.js';
import { AnsweredBefore } from '../http/answered-before.js';
import { isPartial } from '../http/kept-answers.js';
import { seal, unseal } from '../keys/sealed.js';
import { Logger } from '../telemetry/logger.js';
import { type BodyFingerprint, fingerprintOf } from './body-fingerprint.js';
import { keyReused } from './idempotency-key.js';
import { IdempotencyRepository, type IdempotencyRow, type IdempotencyScope, UNREAD } from './idempotency.repository.js';

export interface IdempotencyTimes {
  /** A dead owner's claim ends after this; a live one renews it three times as often. */
  leaseMs: number;
  /** How long a repetition waits for the first request's answer. */
  waitMs: number;
  lookEveryMs: number;
}
export const IDEMPOTENCY_TIMES = Symbol('IDEMPOTENCY_TIMES');

/** No request lives longer: a renewal that outlives its request must end. */
const MAX_RENEWALS_MS = 3_600_000;
const MAX_ANSWER_CHARS = 1024 * 1024;
const MAX_STREAM_BYTES = 4 * 1024 * 1024;
const KEPT_HEADERS = /^(content-type|location|cache-control|x-kiln-(?!request-id$).*)$/;

const storedAnswer = z.object({
  status: z.int(),
  headers: z.record(z.string(), z.string()),
  body: z.string(),
  /** Streams may be any bytes. */
  encoding: z.literal('base64').optional(),
});
type StoredAnswer = z.infer<typeof storedAnswer>;

interface Owned {
  scope: IdempotencyScope;
  token: string;
  fingerprint: BodyFingerprint;
  renewal: NodeJS.Timeout;
}

/**
 * `Idempotency-Key` for requests whose effect is an answer: the first request owns the key while it runs, under a lease that
 * it renews; its answer is stored before it is sent, sealed because answers hold links and secrets. Refusals and failures
 * changed nothing and are not remembered. Creation of jobs claims its key in the statement that inserts the job instead.
 */
@Injectable()
export class Idempotency {
  private readonly owned = new WeakMap<FastifyRequest, Owned>();
  private readonly sealingKeys: PurposeKeys;

  constructor(
    private readonly rows: IdempotencyRepository,
    private readonly logger: Logger,
    @Inject(IDEMPOTENCY_TIMES) private readonly times: IdempotencyTimes,
    keyring: Keyring,
  ) {
    this.sealingKeys = keyring.keys('answers');
  }

  /** Stores the answers of requests that `begin` let through. */
  register(fastify: FastifyInstance): void {
    fastify.addHook('onSend', async (request, reply, payload) => {
      const owned = this.owned.get(request);
      if (owned) {
        this.owned.delete(request);
        if (payload instanceof Readable) return this.watched(owned, reply, payload);
        await this.end(owned, answerOf(reply, payload));
      }
      return payload;
    });
  }

  /**
   * Returns where the request is the first with its key. Throws AnsweredBefore with the first one's answer, 422 where that was
   * another request, and 409 where it is still running after `waitMs`.
   */
  async begin(request: FastifyRequest, scope: IdempotencyScope, signal: AbortSignal): Promise<void> {
    const fingerprint = fingerprintOf(request);
    const token = newSecret();
    const until = Date.now() + this.times.waitMs;
    // A body that was read to compare it is gone: such a request can attach, but no longer be the first.
    let own = fingerprint.known;
    for (let isRead = false; ;) {
      if (!isRead && (await this.rows.claim(scope, own ?? UNREAD, token, this.times.leaseMs))) {
        this.owned.set(request, { scope, token, fingerprint, renewal: this.keepRenewing(scope, token) });
        return;
      }
      isRead ||= own === null;
      own ??= await fingerprint.finish();
      const row = await this.rows.find(scope);
      if (row && row.fingerprint !== UNREAD && row.fingerprint !== own) throw keyReused();
      if (row?.answer) throw new AnsweredBefore(this.open(scope, row.answer));
      if (Date.now() >= until || signal.aborted || (isRead && !row)) throw stillRunning();
      await delay(this.times.lookEveryMs, signal).catch(() => undefined);
    }
  }

  /** A stream is remembered as it goes, and stored before its end goes out. */
  private watched(owned: Owned, reply: FastifyReply, stream: Readable): Readable {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let isEnded = false;
    const end = async (answer: StoredAnswer | null): Promise<void> => {
      if (isEnded) return;
      isEnded = true;
      await this.end(owned, answer);
    };
    const watching = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        bytes += chunk.length;
        if (bytes <= MAX_STREAM_BYTES) chunks.push(chunk);
        done(null, chunk);
      },
      flush(done) {
        const answer = isPartial(stream) ? null : streamAnswer(reply, bytes <= MAX_STREAM_BYTES ? chunks : null);
        end(answer).then(done.bind(null, null), done);
      },
    });
    watching.once('close', () => void end(null));
    pipeline(stream, watching, () => undefined);
    return watching;
  }

  private async end({ scope, token, fingerprint, renewal }: Owned, answer: StoredAnswer | null): Promise<void> {
    try {
      if (answer) {
        const read = await fingerprint.finish();
        const sealed = seal(Buffer.from(JSON.stringify(answer)), this.sealingKeys, contextOf(scope));
        await this.rows.store(scope, token, read, sealed);
      } else {
        await this.rows.release(scope, token);
      }
    } catch (error) {
      // The answer goes out all the same; the lease ends by itself.
      this.logger.warn({ err: error }, 'an answer could not be kept for its Idempotency-Key');
    } finally {
      clearInterval(renewal);
    }
  }

  private keepRenewing(scope: IdempotencyScope, token: string): NodeJS.Timeout {
    const startedAt = Date.now();
    const timer = setInterval(() => {
      if (Date.now() - startedAt > MAX_RENEWALS_MS) clearInterval(timer);
      else void this.rows.renew(scope, token, this.times.leaseMs).catch(() => undefined);
    }, this.times.leaseMs / 3);
    return timer.unref();
  }

  private open(scope: IdempotencyScope, answer: NonNullable<IdempotencyRow['answer']>): AnsweredBefore['answer'] {
    const plain = unseal(answer, this.sealingKeys, contextOf(scope)).toString('utf8');
    const { status, headers, body, encoding } = storedAnswer.parse(JSON.parse(plain));
    const bytes = encoding === undefined ? body : Buffer.from(body, encoding);
    return { status, headers: { ...headers, 'idempotent-replayed': 'true' }, body: bytes };
  }
}

/** Null where the answer is not to be remembered. */
function answerOf(reply: FastifyReply, payload: unknown): StoredAnswer | null {
  if (reply.statusCode >= 400) return null;
  const body = payload === undefined || payload === null ? '' : payload;
  if (typeof body !== 'string') return null;
  if (body.length > MAX_ANSWER_CHARS) return tooLong();
  return { status: reply.statusCode, headers: keptHeaders(reply), body };
}

function keptHeaders(reply: FastifyReply): Record<string, string> {
  const headers = Object.entries(reply.getHeaders()).flatMap(([name, value]) =>
    value !== undefined && KEPT_HEADERS.test(name) ? [[name, String(value)] as const] : [],
  );
  return Object.fromEntries(headers);
}

/** Null chunks: the stream was too long to keep. */
function streamAnswer(reply: FastifyReply, chunks: readonly Buffer[] | null): StoredAnswer | null {
  if (reply.statusCode >= 400) return null;
  if (chunks)
    return {
      status: reply.statusCode,
      headers: keptHeaders(reply),
      body: Buffer.concat(chunks).toString('base64'),
      encoding: 'base64',
    };
  return tooLong();
}

/** What an answer too long to keep is given again as: what was paid for must not be made again. */
function tooLong(): StoredAnswer {
  const error = conflict('The first answer to this Idempotency-Key was too long to be kept; it was sent once.');
  return {
    status: error.status,
    headers: { 'content-type': 'application/json; charset=utf-8', 'x-should-retry': 'false' },
    body: JSON.stringify(error.toBody()),
  };
}

const contextOf = ({ keyId, path, key }: IdempotencyScope): string => [keyId, path, key].join('\n');

const stillRunning = (): KilnError =>
  new KilnError(
    409,
    'idempotency_in_progress',
    'The first request with this Idempotency-Key has not been answered yet; ask again shortly.',
    { param: 'Idempotency-Key', retryAfterSeconds: 2 },
  );
