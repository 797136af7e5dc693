import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Callbacks } from '../callbacks.js';
import type { SandboxContext } from '../context.js';
import { readPrompt } from '../faults.js';
import { linkTo, sendOutput, typeOf } from '../media.js';
import { problemOf } from './contract.js';
import { ContractError, type Problem, showRunpodFault } from './errors.js';
import { type GpuJob, type GpuJobs, RUN_MS } from './server.js';
import { validateSkyReels, type Wanted } from './skyreels.js';

const ENDPOINTS = ['skyreels'];
/** A worker that has to be started first. */
const QUEUE_MS = 3_000;
/** Results of /run are kept for so long. */
const RETENTION_MS = 30 * 60_000;
const DAY_MS = 86_400_000;
const BODY_LIMIT_BYTES = 10 * 1024 * 1024;

class RunpodError extends Error {
  constructor(
    readonly http: number,
    message: string,
  ) {
    super(message);
  }
}

const bad = (message: string): RunpodError => new RunpodError(400, message);

/** RunPod's serverless API for queue-based endpoints: /run, /status, /cancel, /purge-queue, /health. */
export function runpodRoutes(context: SandboxContext, jobs: GpuJobs, callbacks: Callbacks) {
  return async function register(app: FastifyInstance): Promise<void> {
    app.setErrorHandler((error: Error & { http?: number; statusCode?: number }, _request, reply) =>
      reply.code(error.http ?? error.statusCode ?? 500).send({ error: error.message }),
    );
    app.setNotFoundHandler((_request, reply) => reply.code(404).send({ error: 'not found' }));
    // RunPod's own Python client says JSON where it sends no body.
    app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, text, done) => {
      try {
        done(null, text === '' ? null : (JSON.parse(text as string) as unknown));
      } catch {
        done(bad('the body is not JSON'));
      }
    });
    // The reference pages show the bare key too.
    app.addHook('onRequest', async (request) => {
      const given = request.headers.authorization;
      if (given !== `Bearer ${context.key}` && given !== context.key) throw new RunpodError(401, 'unauthorized');
      const { endpoint } = request.params as { endpoint?: string };
      if (endpoint !== undefined && !ENDPOINTS.includes(endpoint)) throw new RunpodError(404, 'endpoint not found');
    });
    const known = (id: string): GpuJob => {
      const job = jobs.find(id);
      const now = context.clock.now();
      const isGone =
        job === null ||
        job.request.dialect !== 'runpod' ||
        jobs.stateOf(job) === 'missing' ||
        now >= (job.request.deletedAtMs ?? 0) ||
        (job.readyAtMs !== null && now >= job.readyAtMs + RETENTION_MS);
      if (isGone) throw new RunpodError(404, 'job not found');
      return job;
    };
    const mine = (): GpuJob[] => jobs.list().filter(({ request }) => request.dialect === 'runpod');

    app.post('/:endpoint/run', { bodyLimit: BODY_LIMIT_BYTES }, async (request, reply) =>
      run({ context, jobs, callbacks }, request, reply),
    );
    app.get<{ Params: { id: string } }>('/:endpoint/status/:id', async (request, reply) => {
      context.recorder.count('gpu', 'polls');
      const { id } = request.params;
      const job = known(id);
      const fault = context.faults.during('gpu', 'poll', id, job.prompt, job.faults);
      if (fault !== null && showRunpodFault(reply, fault, null)) return reply;
      return viewOf(jobs, job, linkOf(request, job));
    });
    app.post<{ Params: { id: string } }>('/:endpoint/cancel/:id', async (request) => {
      const job = known(request.params.id);
      context.recorder.count('gpu', 'cancels');
      if (['queued', 'running'].includes(jobs.stateOf(job))) await jobs.cancel(job);
      return { id: job.id, status: WORDS[jobs.stateOf(job)] };
    });
    app.post('/:endpoint/purge-queue', async () => {
      const queued = mine().filter((job) => jobs.stateOf(job) === 'queued');
      for (const job of queued) await jobs.cancel(job);
      return { removed: queued.length, status: 'completed' };
    });
    app.get('/:endpoint/health', async () => {
      const states = mine().map((job) => jobs.stateOf(job));
      const count = (...wanted: string[]): number => states.filter((state) => wanted.includes(state)).length;
      const running = count('running');
      return {
        jobs: {
          completed: count('done', 'empty'),
          failed: count('failed', 'filtered'),
          inProgress: running,
          inQueue: count('queued'),
          retried: 0,
        },
        workers: { idle: running > 0 ? 0 : 1, initializing: 0, ready: 1, running, throttled: 0 },
      };
    });
  };
}

/** Where the worker put its result: a bucket's link, without a credential. */
export function bucketRoutes(context: SandboxContext, jobs: GpuJobs) {
  return async function register(app: FastifyInstance): Promise<void> {
    app.get<{ Params: { id: string; name: string } }>('/:id/:name', async (request, reply) => {
      const { id, name } = request.params;
      const index = jobs.find(id)?.outputs.findIndex((output) => output.name === name) ?? -1;
      return sendOutput(context, jobs, { id, index }, request, reply, () => reply.code(404).send('NoSuchKey'));
    });
  };
}

const linkOf = (request: FastifyRequest, job: GpuJob): string =>
  linkTo(request, `/gpu/bucket/${job.id}/${job.outputs[0]?.name ?? ''}`, job);

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function millis(policy: Record<string, unknown>, name: string, minMs: number, standardMs: number): number {
  const value = policy[name];
  if (value === undefined) return standardMs;
  if (!Number.isInteger(value) || Number(value) < minMs || Number(value) > 7 * DAY_MS)
    throw bad(`policy.${name} must be ${minMs} to ${7 * DAY_MS} ms`);
  return Number(value);
}

interface RunBody {
  input: Record<string, unknown>;
  webhook: string | null;
  ttlMs: number;
}

function readBody(body: unknown): RunBody {
  if (!isObject(body)) throw bad('the body must be an object');
  const { input, webhook, policy = {}, s3Config, ...rest } = body;
  const stray = Object.keys(rest)[0];
  if (stray !== undefined) throw bad(`unknown field ${stray}`);
  if (!isObject(input) || Object.keys(input).length === 0) throw bad('input is required');
  if (webhook !== undefined && typeof webhook !== 'string') throw bad('webhook must be a string');
  if (s3Config !== undefined && !isObject(s3Config)) throw bad('s3Config must be an object');
  if (!isObject(policy)) throw bad('policy must be an object');
  const unknown = Object.keys(policy).find((name) => !['executionTimeout', 'ttl', 'lowPriority'].includes(name));
  if (unknown !== undefined) throw bad(`unknown field policy.${unknown}`);
  if (policy['lowPriority'] !== undefined && typeof policy['lowPriority'] !== 'boolean')
    throw bad('policy.lowPriority must be a boolean');
  millis(policy, 'executionTimeout', 5_000, 600_000);
  return { input, webhook: webhook ?? null, ttlMs: millis(policy, 'ttl', 10_000, DAY_MS) };
}

/** RunPod takes what it is given; what the worker says of it comes later. */
async function asWorker(context: SandboxContext, input: unknown, drawn: string): Promise<Wanted | Problem> {
  try {
    return await validateSkyReels(context, input, drawn);
  } catch (error) {
    if (error instanceof ContractError) return error.problem;
    throw error;
  }
}

async function run(
  parts: { context: SandboxContext; jobs: GpuJobs; callbacks: Callbacks },
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  const { context, jobs, callbacks } = parts;
  const given = (request.body as { input?: { prompt?: unknown } } | null)?.input?.prompt;
  const rawPrompt = typeof given === 'string' ? given : '';
  const prompt = readPrompt(rawPrompt);
  const record = (outcome: 'accepted' | 'refused' | 'unanswered', fault: string | null, taskId: string | null) =>
    context.recorder.submit({ provider: 'gpu', path: request.url, outcome, fault, taskId, body: request.body });

  const before = context.faults.onSubmit('gpu', 'submit', rawPrompt, prompt.faults);
  if (before !== null) {
    record(before.name === 'hang' || before.name === 'drop' ? 'unanswered' : 'refused', before.name, null);
    if (showRunpodFault(reply, before.name, before.value)) return reply;
  }
  try {
    const { input, webhook, ttlMs } = readBody(request.body);
    if (prompt.problem !== null) throw bad(prompt.problem);
    const wanted = await asWorker(context, input, prompt.text);
    const refused = 'code' in wanted ? wanted : null;
    const job = await jobs.accept({
      id: `${randomUUID()}-u1`,
      prompt: rawPrompt,
      faults: context.faults.bind('gpu', rawPrompt, prompt.faults),
      request: {
        dialect: 'runpod',
        warnings: 'code' in wanted ? [] : wanted.warnings,
        refused,
        deletedAtMs: context.clock.now() + ttlMs,
      },
      outputs: 'code' in wanted ? [] : [{ kind: 'clip', clip: wanted.clip, name: 'out.mp4' }],
      realisticMs: refused === null ? RUN_MS : 0,
      realisticQueueMs: QUEUE_MS,
    });
    const link = linkOf(request, job);
    if (webhook !== null)
      callbacks.whenDone(
        job,
        webhook,
        () => viewOf(jobs, job, link),
        () => ({}),
      );
    const after = context.faults.onSubmit('gpu', 'accept', rawPrompt, prompt.faults);
    record('accepted', after?.name ?? null, job.id);
    if (after !== null && showRunpodFault(reply, after.name, after.value)) return reply;
    return { id: job.id, status: 'IN_QUEUE' };
  } catch (error) {
    if (error instanceof RunpodError) record('refused', null, null);
    throw error;
  }
}

const WORDS = {
  queued: 'IN_QUEUE',
  running: 'IN_PROGRESS',
  canceled: 'CANCELLED',
  failed: 'FAILED',
  filtered: 'FAILED',
  missing: 'FAILED',
  empty: 'COMPLETED',
  done: 'COMPLETED',
} as const;

function viewOf(jobs: GpuJobs, job: GpuJob, link: string): object {
  const state = jobs.stateOf(job);
  const { refused, warnings } = job.request;
  const delayTime = Math.round(job.startsAtMs - job.createdAtMs);
  const head = { id: job.id, delayTime, workerId: 'sandbox' };
  const executionTime = Math.round((job.readyAtMs ?? job.startsAtMs) - job.startsAtMs);
  if (state === 'queued') return { id: job.id, status: 'IN_QUEUE', delayTime };
  if (state === 'running') {
    const progress = Math.round(jobs.progressOf(job) * 1000) / 1000;
    return { ...head, status: 'IN_PROGRESS', output: { progress } };
  }
  if (state === 'canceled') return { ...head, status: 'CANCELLED' };
  if (refused !== null) return { ...head, status: 'FAILED', executionTime, error: JSON.stringify(refused) };
  if (state !== 'done' && state !== 'empty')
    return { ...head, status: 'FAILED', executionTime, error: JSON.stringify(problemOf(job)) };
  const artifacts =
    state === 'empty'
      ? []
      : job.outputs.map((output) => ({ name: output.name, content_type: typeOf(output), url: link }));
  return { ...head, status: 'COMPLETED', executionTime, output: { artifacts, warnings } };
}
