import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Outputs, type OutputRow } from '../../assets/outputs.js';
import { KilnError, unavailable } from '../../common/errors.js';
import { parseRequest } from '../../common/parse.js';
import { readIdempotencyKey } from '../../idempotency/idempotency-key.js';
import type { AuthKey } from '../../keys/auth-key.js';
import { createJobBody } from '../../jobs/api/bodies.js';
import { JobCommands } from '../../jobs/api/commands.js';
import { isTerminal } from '../../jobs/domain/states.js';
import { JobWaiter } from '../../jobs/events/wait.js';
import type { JobRow } from '../../jobs/store/rows.js';
import { inFacadeWords } from './facade-words.js';
import { type FacadeForm, FormReader } from './form-reader.js';
import { jobFailure } from './job-failure.js';

/** What a facade makes of its request. */
export interface FacadeJob {
  model: string;
  input: Record<string, unknown>;
  /** Fields of POST /v1/jobs beside the two above, unchecked. */
  options: Record<string, unknown>;
  /** Job's input fields that have another name here; for errors. */
  names: Readonly<Record<string, string>>;
}

/** Jobs as the facades need them: made once however often the request is sent, waited for, and read. */
@Injectable()
export class FacadeJobs {
  constructor(
    private readonly commands: JobCommands,
    private readonly waiter: JobWaiter,
    private readonly outputs: Outputs,
    private readonly forms: FormReader,
  ) {}

  /**
   * Makes the job, or attaches to the one that this request has made before: by its `Idempotency-Key`, or, without one, where
   * the client's SDK says that it tries again (`x-stainless-retry-count`), by its body, for 10 minutes. Sets `x-kiln-job-id`.
   * `read` says what the form asks for; what it throws is thrown. Uploads that nothing came of are deleted. Throws what POST /v1/jobs throws, in the facade's words.
   */
  async create<T extends FacadeJob>(
    key: AuthKey,
    { request, reply }: { request: FastifyRequest; reply: FastifyReply },
    form: FacadeForm,
    read: () => T | Promise<T>,
  ): Promise<{ job: JobRow; asked: T }> {
    let isUsed = false;
    try {
      const asked = await read();
      const { model, input, options, names } = asked;
      const body = parseRequest(createJobBody, { ...options, model, input });
      const [path = ''] = request.url.split('?');
      const made = await inFacadeWords(names, async () =>
        this.commands.create.create(key, body, readIdempotencyKey(request.headers), {
          path,
          fingerprint: form.fingerprint,
          isRepeat: isRepeat(request),
          ageMs: () => reply.elapsedTime,
        }),
      );
      isUsed = made.created;
      reply.header('x-kiln-job-id', made.job.id);
      if (!made.created) reply.header('idempotent-replayed', 'true');
      return { job: made.job, asked };
    } finally {
      if (!isUsed) await this.forms.discard(key, form);
    }
  }

  /**
   * The succeeded job; null where the client went away, whose job goes on and is found under /v1/jobs. Throws the failure of a
   * failed one, 504 after `seconds`, and 503 while this process stops: then the same request finds the job again.
   */
  async succeeded(
    job: JobRow,
    seconds: number,
    gone: AbortSignal,
    names: Readonly<Record<string, string>> = {},
  ): Promise<JobRow | null> {
    const until = Date.now() + seconds * 1000;
    const latest = await this.waiter.wait(job, seconds, gone);
    if (latest.status === 'succeeded') return latest;
    if (isTerminal(latest.status)) throw jobFailure(latest, names);
    if (gone.aborted) return null;
    if (Date.now() >= until) throw stillRunning(latest, seconds);
    throw unavailable(`The server is restarting. Job ${job.id} goes on; the same request finds it again.`, 1);
  }

  /** What the job's last run has made, in order; empty where it has not succeeded. */
  async made(job: JobRow): Promise<OutputRow[]> {
    if (job.status !== 'succeeded') return [];
    const rows = (await this.outputs.forJobs([job.id])).get(job.id) ?? [];
    return rows.filter(({ run }) => run === job.run);
  }
}

/** The headers that tell the job, its route and its cost. */
export function jobHeaders(job: JobRow): Record<string, string> {
  return {
    'x-kiln-job-id': job.id,
    ...(job.route && { 'x-kiln-route': encodeURI(job.route.id) }),
    ...(job.chargedMicroUsd !== null && { 'x-kiln-cost-micro-usd': String(job.chargedMicroUsd) }),
  };
}

/** Aborts when the answer is over, which is early where the client goes away. Its own event: a kept-alive socket would gather listeners. */
export function hangUp(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  if (reply.raw.destroyed) gone.abort();
  reply.raw.once('close', () => gone.abort());
  return gone.signal;
}

/** OpenAI's SDKs count their tries in `x-stainless-retry-count`, from 0. */
const isRepeat = ({ headers }: FastifyRequest): boolean => Number(headers['x-stainless-retry-count'] ?? 0) >= 1;

const stillRunning = ({ id, status }: JobRow, seconds: number): KilnError =>
  new KilnError(
    504,
    'still_running',
    `Job ${id} is ${status} after ${seconds} seconds. It goes on: GET /v1/jobs/${id} has its outputs when it is done.`,
    { shouldRetry: false },
  );
