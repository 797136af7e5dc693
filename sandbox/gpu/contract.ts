import { createHmac } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Callbacks } from '../callbacks.js';
import type { SandboxContext } from '../context.js';
import { readPrompt } from '../faults.js';
import { OFF_ORIGIN, sendOutput, typeOf } from '../media.js';
import { ContractError, invalid, notFound, type Problem, showContractFault } from './errors.js';
import type { GpuJob, GpuJobs, GpuServer } from './server.js';
import { MODEL, validateSkyReels } from './skyreels.js';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const MAX_TIMEOUT_S = 604_800;

/** By Standard Webhooks; the key is the sandbox's credential. */
const sign =
  ({ key, clock }: SandboxContext, id: string) =>
  (body: Buffer): Record<string, string> => {
    const timestamp = String(Math.floor(clock.now() / 1000));
    const signature = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64');
    return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
  };

/** The contract of docs/gpu-endpoint.md, as a server in front of SkyReels-V2 speaks it. */
export function contractRoutes(context: SandboxContext, jobs: GpuJobs, server: GpuServer, callbacks: Callbacks) {
  return async function register(app: FastifyInstance): Promise<void> {
    app.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
      if (error instanceof ContractError)
        return reply.code(error.http).headers(error.headers).send({ error: error.problem });
      const code = (error.statusCode ?? 500) < 500 ? 'INVALID_INPUT' : 'INTERNAL';
      return reply
        .code(error.statusCode ?? 500)
        .send({ error: { code, message: error.message, retryable: code === 'INTERNAL' } });
    });
    app.setNotFoundHandler(() => {
      throw notFound('no such path');
    });
    /** The answer while it loads; anything that arrives wakes it. */
    const loading = (reply: FastifyReply): boolean => {
      const left = server.wake();
      if (left === null) return false;
      context.recorder.count('gpu', 'cold_answers');
      void reply.code(503).header('retry-after', String(left.etaS)).send({ state: 'loading', eta_s: left.etaS });
      return true;
    };

    app.get('/healthz', async () => ({ status: 'ok' }));
    app.get('/readyz', async (_request, reply) => (loading(reply) ? reply : { state: 'ready', ...server.counts() }));
    await app.register(async (guarded) => {
      guarded.addHook('onRequest', async (request, reply) => {
        if (request.headers.authorization !== `Bearer ${context.key}`)
          throw new ContractError({ code: 'UNAUTHORIZED', message: 'the key is missing or wrong', retryable: false });
        return loading(reply) ? reply : undefined;
      });
      jobRoutes(guarded, { context, jobs, server, callbacks });
    });
  };
}

interface Parts {
  context: SandboxContext;
  jobs: GpuJobs;
  server: GpuServer;
  callbacks: Callbacks;
}

function jobRoutes(app: FastifyInstance, parts: Parts): void {
  const { context, jobs, server } = parts;
  const known = (id: string): GpuJob => {
    const job = server.find(id);
    if (job === null || jobs.stateOf(job) === 'missing') throw notFound('no such job');
    return job;
  };
  app.get('/v1/info', async () => ({
    model: MODEL,
    version: 'sandbox',
    boot_id: server.bootId,
    capacity: 1,
    ...server.counts(),
  }));
  app.post('/v1/jobs', async (request, reply) => submit(parts, request, reply));
  app.get<{ Params: { id: string } }>('/v1/jobs/:id', async (request, reply) => {
    context.recorder.count('gpu', 'polls');
    const { id } = request.params;
    const job = known(id);
    const fault = context.faults.during('gpu', 'poll', id, job.prompt, job.faults);
    if (fault !== null && showContractFault(reply, fault, null)) return reply;
    return viewOf(parts, job);
  });
  app.post<{ Params: { id: string } }>('/v1/jobs/:id/cancel', async (request, reply) => {
    const job = known(request.params.id);
    context.recorder.count('gpu', 'cancels');
    if (['queued', 'running'].includes(jobs.stateOf(job))) await server.cancel(job);
    return reply.code(202).send(viewOf(parts, job));
  });
  app.get<{ Params: { id: string; name: string } }>('/v1/jobs/:id/artifacts/:name', async (request, reply) => {
    const { id, name } = request.params;
    const index = known(id).outputs.findIndex((output) => output.name === name);
    return sendOutput(context, jobs, { id, index }, request, reply, () => {
      throw notFound('no such artifact');
    });
  });
}

interface SubmitBody {
  input: Record<string, unknown>;
  webhook: string | null;
}

/** Checks the envelope; the input is the worker's. */
function readBody(body: unknown, key: string): SubmitBody {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw invalid('the body must be an object');
  const { id, input, webhook, timeout_s: timeout, ...rest } = body as Record<string, unknown>;
  const stray = Object.keys(rest)[0];
  if (stray !== undefined) throw invalid(`${stray} is not known; known are id, input, webhook, timeout_s`, stray);
  if (id !== key) throw invalid('id must be the Idempotency-Key', 'id');
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    throw invalid('input must be an object', 'input');
  if (webhook !== undefined && !(typeof webhook === 'string' && /^https?:\/\//.test(webhook)))
    throw invalid('webhook must be an http(s) link', 'webhook');
  const isTime = Number.isInteger(timeout) && Number(timeout) >= 1 && Number(timeout) <= MAX_TIMEOUT_S;
  if (timeout !== undefined && !isTime) throw invalid(`timeout_s must be 1 to ${MAX_TIMEOUT_S}`, 'timeout_s');
  return { input: input as Record<string, unknown>, webhook: webhook ?? null };
}

async function submit(parts: Parts, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const { context, server, callbacks } = parts;
  const given = (request.body as { input?: { prompt?: unknown } } | null)?.input?.prompt;
  const rawPrompt = typeof given === 'string' ? given : '';
  const prompt = readPrompt(rawPrompt);
  const record = (outcome: 'accepted' | 'refused' | 'unanswered', fault: string | null, taskId: string | null) =>
    context.recorder.submit({ provider: 'gpu', path: request.url, outcome, fault, taskId, body: request.body });

  const before = context.faults.onSubmit('gpu', 'submit', rawPrompt, prompt.faults);
  if (before !== null) {
    record(before.name === 'hang' || before.name === 'drop' ? 'unanswered' : 'refused', before.name, null);
    if (showContractFault(reply, before.name, before.value)) return reply;
  }
  try {
    const key = request.headers['idempotency-key'];
    if (typeof key !== 'string' || !UUID.test(key)) throw invalid('Idempotency-Key must be a lowercase UUID');
    const { input, webhook } = readBody(request.body, key);
    if (prompt.problem !== null) throw invalid(prompt.problem, 'prompt');
    const known = server.existing(key, input);
    if (known !== null) {
      context.recorder.count('gpu', 'submits_repeated');
      return reply.code(200).send(viewOf(parts, known));
    }
    const wanted = await validateSkyReels(context, input, prompt.text);
    const faults = context.faults.bind('gpu', rawPrompt, prompt.faults);
    const job = await server.accept(wanted, { key, input, prompt: rawPrompt, faults });
    if (webhook !== null) callbacks.whenDone(job, webhook, () => viewOf(parts, job), sign(context, `msg_${job.id}`));
    const after = context.faults.onSubmit('gpu', 'accept', rawPrompt, prompt.faults);
    record('accepted', after?.name ?? null, job.id);
    if (after !== null && showContractFault(reply, after.name, after.value)) return reply;
    return reply.code(202).send(viewOf(parts, job));
  } catch (error) {
    if (error instanceof ContractError) record('refused', null, null);
    throw error;
  }
}

const WORDS = {
  queued: 'queued',
  running: 'running',
  canceled: 'cancelled',
  failed: 'failed',
  filtered: 'failed',
  missing: 'failed',
  empty: 'succeeded',
  done: 'succeeded',
} as const;

/** Why a run failed. */
export function problemOf({ faults }: GpuJob): Problem {
  if ('policy' in faults)
    return { code: 'CONTENT_POLICY', message: 'the result was withheld by the content filter', retryable: false };
  return 'oom' in faults
    ? { code: 'OOM', message: 'CUDA out of memory', retryable: true }
    : { code: 'INTERNAL', message: 'NaN in the latents', retryable: false };
}

/** A job as GET answers it, and as the callback says it. */
function viewOf({ jobs, server }: Parts, job: GpuJob): object {
  const state = jobs.stateOf(job);
  const artifacts = job.outputs.map((output) => ({
    name: output.name,
    content_type: typeOf(output),
    url: 'off-origin' in job.faults ? OFF_ORIGIN : `/v1/jobs/${job.id}/artifacts/${output.name ?? ''}`,
  }));
  const timings = { queued_ms: job.startsAtMs - job.createdAtMs, run_ms: (job.readyAtMs ?? 0) - job.startsAtMs };
  return {
    id: job.id,
    status: WORDS[state],
    progress: Math.round(jobs.progressOf(job) * 1000) / 1000,
    ...(state === 'running' ? { stage: 'sampling' } : {}),
    ...(state === 'queued' ? { queue_position: server.positionOf(job) } : {}),
    ...(state === 'failed' || state === 'filtered' ? { error: problemOf(job) } : {}),
    ...(state === 'done' ? { artifacts, timings } : {}),
    ...(state === 'empty' ? { artifacts: [], timings } : {}),
    warnings: job.request.warnings,
    boot_id: server.bootId,
  };
}
