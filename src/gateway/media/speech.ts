import { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { NO_BOUND } from '../../billing/usage-price.js';
import { NO_USAGE } from '../../billing/usage.js';
import { requestError } from '../../common/request-errors.js';
import { notKept } from '../../http/kept-answers.js';
import type { AuthKey } from '../../keys/auth-key.js';
import { ProviderError } from '../../providers/contract.js';
import type { SyncResponse } from '../../providers/sync/contract.js';
import { type Bill, GatewayRequests } from '../router/requests.js';
import type { Opened, SyncWork } from '../router/work.js';
import { wholeJson } from '../text/open-text.js';

const MAX_CHARS = 1_000_000;
const DEFAULT_FORMAT = 'mp3';

/** OpenAI's fields (API reference, "Create speech"); others pass on to the server. */
const body = z.looseObject({
  input: z.string().min(1).max(MAX_CHARS),
  voice: z.union([z.string().min(1), z.looseObject({ id: z.string().min(1) })]),
  instructions: z.string().optional(),
  response_format: z.enum(['mp3', 'opus', 'aac', 'flac', 'wav', 'pcm']).optional(),
  speed: z.number().min(0.25).max(4).optional(),
  stream_format: z.enum(['audio', 'sse']).optional(),
});

interface Sound {
  contentType: string;
  first: Buffer;
  rest: AsyncIterator<Buffer>;
  body: Readable;
}

/** Waits for the first bytes; JSON is no sound. */
async function openSound(response: SyncResponse): Promise<Sound> {
  const contentType = response.contentType ?? 'audio/mpeg';
  if (contentType.includes('json')) {
    await wholeJson(response);
    throw new ProviderError('internal', 'rejected', 'the answer is JSON, not sound');
  }
  const rest = response.body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const first = await rest.next();
  if (first.done === true) throw new ProviderError('unavailable', 'rejected', 'an empty answer');
  return { contentType, first: first.value, rest, body: response.body };
}

/** POST /v1/audio/speech: bytes as they come. */
@Injectable()
export class Speech {
  constructor(private readonly requests: GatewayRequests) {}

  async answer(call: { body: unknown; request: FastifyRequest; reply: FastifyReply; key: AuthKey }): Promise<void> {
    const found = this.requests.start(call, 'speech', 'speech');
    const parsed = body.safeParse(found.body);
    const [issue] = parsed.error?.issues ?? [];
    if (!parsed.success) throw requestError(body, issue ?? { message: 'is not valid' }, found.body);
    const { model: _alias, ...fields } = found.body;
    // Servers differ in what they send where nothing is said; the client of this API expects OpenAI's.
    const asked = { ...fields, response_format: parsed.data.response_format ?? DEFAULT_FORMAT };
    const characters = Array.from(parsed.data.input).length;
    const work: SyncWork = {
      ...found,
      key: call.key,
      streamed: true,
      measure: {
        name: 'characters',
        isOpen: false,
        most: () => characters,
        bound: (_route, most) => ({ ...NO_BOUND, characters: most }),
      },
      bound: () => ({ ...NO_BOUND, characters }),
      lacking: () => [],
      call: () => ({ kind: 'speech', stream: parsed.data.stream_format === 'sse', body: asked }),
    };
    await this.requests.run(work, {
      open: openSound,
      finish: async (opened, bill) => {
        const sound = new SoundRelay(work, opened, bill, characters);
        this.requests.headers(call.reply, opened, null);
        const stream = Readable.from(sound.bytes(), { objectMode: false, highWaterMark: 64 * 1024 });
        notKept(stream, () => !sound.complete);
        stream.once(
          'close',
          () => void sound.abandon().catch((cause: unknown) => this.requests.brokeOff(work, opened, cause)),
        );
        stream.once('error', (cause) => this.requests.brokeOff(work, opened, cause));
        await call.reply.type(opened.answer.contentType).send(stream);
      },
    });
  }
}

/** Sound on its way. A client that goes away pays for the text that was spoken; sound that breaks off costs nothing. */
class SoundRelay {
  complete = false;
  private isStarted = false;
  private isBilled = false;

  constructor(
    private readonly work: SyncWork,
    private readonly opened: Opened<Sound>,
    private readonly bill: Bill,
    private readonly characters: number,
  ) {}

  async abandon(): Promise<void> {
    if (this.isStarted) return;
    this.opened.answer.body.destroy();
    await this.charge('canceled');
  }

  async *bytes(): AsyncGenerator<Buffer, void> {
    this.isStarted = true;
    const { first, rest, body: source } = this.opened.answer;
    try {
      // One piece is held back, so that the last of it goes out when it is paid for.
      let held = first;
      for (let next = await rest.next(); next.done !== true; next = await rest.next()) {
        yield held;
        held = next.value;
      }
      await this.charge('ok');
      this.complete = true;
      yield held;
    } catch (error) {
      if (!this.isBilled && !this.work.gone.aborted) await this.charge('partial');
      throw error;
    } finally {
      source.destroy();
      if (!this.isBilled) await this.charge('canceled');
    }
  }

  private async charge(status: 'ok' | 'canceled' | 'partial'): Promise<void> {
    this.isBilled = true;
    const usage = { ...NO_USAGE, characters: status === 'partial' ? 0 : this.characters };
    await this.bill(usage, { status, httpStatus: 200 });
  }
}
