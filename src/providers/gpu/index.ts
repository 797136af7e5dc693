import type { JsonObject } from '../../common/json.js';
import { addressOf, openAt } from '../artifact-stream.js';
import { ProviderError, type Adapter, type Capabilities, type MediaTask, type ProviderContext } from '../contract.js';
import { exchange, parseBody, parseTaskId, SUBMIT_TIMEOUT_MS } from '../exchange.js';
import type { Effect, HttpAnswer } from '../http-errors.js';
import { kilnError, runpodError } from './error.js';
import { options, settings } from './options.js';
import { kilnBody, kindOf, runpodBody, settingsOf, unsupported } from './request.js';
import { kilnState, runpodState } from './result.js';
import { kilnJob, readiness, runpodHealth, runpodJob, source, taskId as taskIdShape, type TaskId } from './wire.js';
import { signatureProblem } from '../standard-webhook.js';

/** A server in the cluster may ask for no key; RunPod always does. */
function auth(ctx: ProviderContext): Record<string, string> {
  const credential = ctx.credential;
  if (credential === null) return {};
  if (credential.kind === 'api_key') return { authorization: `Bearer ${credential.key}` };
  if (credential.kind === 'bearer') return { authorization: `Bearer ${credential.token}` };
  throw new ProviderError('auth', 'rejected', 'a GPU endpoint takes a key, not a service account');
}

const ERRORS = { kiln: kilnError, runpod: runpodError } as const;
type Dialect = keyof typeof ERRORS;

/** A call whose good answer is any 2xx. */
async function call(
  ctx: ProviderContext,
  dialect: Dialect,
  path: string,
  effect: Effect,
  send?: { body?: JsonObject; headers?: Record<string, string> },
): Promise<HttpAnswer> {
  const body = send?.body === undefined ? {} : { body: JSON.stringify(send.body) };
  const answer = await exchange(
    ctx,
    `${ctx.endpoint}${path}`,
    {
      method: send ? 'POST' : 'GET',
      headers: { ...('body' in body ? { 'content-type': 'application/json' } : {}), ...send?.headers, ...auth(ctx) },
      ...body,
      ...(effect === 'buys' ? { timeoutMs: SUBMIT_TIMEOUT_MS } : {}),
    },
    effect,
  );
  if (answer.status >= 200 && answer.status < 300) return answer;
  throw ERRORS[dialect](answer, effect, ctx.now());
}

async function submitKiln(task: MediaTask, ctx: ProviderContext): Promise<TaskId> {
  const send = { body: await kilnBody(task, ctx), headers: { 'idempotency-key': ctx.token } };
  const { text } = await call(ctx, 'kiln', '/v1/jobs', 'buys', send);
  const job = parseBody(kilnJob, text, 'buys');
  return { dialect: 'kiln', id: job.id, kind: kindOf(task.modality), boot_id: job.boot_id ?? null };
}

async function submitRunpod(task: MediaTask, ctx: ProviderContext): Promise<TaskId> {
  const { text } = await call(ctx, 'runpod', '/run', 'buys', { body: await runpodBody(task, ctx) });
  return { dialect: 'runpod', id: parseBody(runpodJob, text, 'buys').id, kind: kindOf(task.modality) };
}

const CAN: Readonly<Record<Dialect, Capabilities>> = {
  kiln: {
    cancel: true,
    findByToken: false,
    callback: true,
    idempotencyKey: true,
    resubmitSafe: true,
    synchronous: false,
  },
  runpod: {
    cancel: true,
    findByToken: false,
    callback: true,
    idempotencyKey: false,
    resubmitSafe: false,
    synchronous: false,
  },
};

const isNotFound = (error: unknown): boolean => error instanceof ProviderError && error.kind === 'not_found';

/**
 * A model on a GPU that has no API of its own, behind the contract of docs/gpu-endpoint.md or on RunPod serverless. The worker
 * gets the same `input` in both dialects.
 */
export const gpu: Adapter = {
  id: 'gpu',
  modalities: ['video', 'image', 'music'],
  can: (raw) => CAN[settingsOf(raw).dialect],
  options,
  settings,
  unsupported,

  async submit(task, ctx) {
    const { dialect } = settingsOf(task.settings);
    return { taskId: await (dialect === 'kiln' ? submitKiln(task, ctx) : submitRunpod(task, ctx)) };
  },

  async poll(saved, ctx) {
    const task = parseTaskId(taskIdShape, saved);
    const id = encodeURIComponent(task.id);
    try {
      if (task.dialect === 'kiln') {
        const { text } = await call(ctx, 'kiln', `/v1/jobs/${id}`, 'reads');
        return kilnState(parseBody(kilnJob, text, 'reads'), task);
      }
      const { text } = await call(ctx, 'runpod', `/status/${id}`, 'reads');
      return runpodState(parseBody(runpodJob, text, 'reads'), task);
    } catch (error) {
      if (isNotFound(error)) return { state: 'missing' };
      throw error;
    }
  },

  async openArtifact(artifact, _taskId, ctx, offset) {
    const { url } = source.parse(artifact.source);
    // A path from the server's root stands below the endpoint, which may have a path of its own.
    return openAt(ctx, addressOf(url.startsWith('/') ? `${ctx.endpoint}${url}` : url, ctx, auth(ctx)), offset);
  },

  async cancel(saved, ctx) {
    const task = parseTaskId(taskIdShape, saved);
    const id = encodeURIComponent(task.id);
    try {
      if (task.dialect === 'kiln') {
        const { text } = await call(ctx, 'kiln', `/v1/jobs/${id}/cancel`, 'reads', {});
        const { status } = parseBody(kilnJob, text, 'reads');
        return ['succeeded', 'failed'].includes(status.toLowerCase()) ? 'too_late' : 'canceled';
      }
      const { text } = await call(ctx, 'runpod', `/cancel/${id}`, 'reads', {});
      const { status } = parseBody(runpodJob, text, 'reads');
      return ['COMPLETED', 'FAILED', 'TIMED_OUT'].includes(status.toUpperCase()) ? 'too_late' : 'canceled';
    } catch (error) {
      if (isNotFound(error)) return 'too_late';
      throw error;
    }
  },

  /** RunPod signs nothing: with a secret set, its rings are not believed and polling finds the end. */
  async verifyCallback(request, ctx) {
    return ctx.callbackSecret === undefined ? null : signatureProblem(request, ctx.callbackSecret, ctx.now());
  },

  /** The context does not name the dialect: RunPod has no /readyz, and says 404. */
  async load(ctx) {
    try {
      const { text } = await call(ctx, 'kiln', '/readyz', 'reads');
      const { queued, running } = parseBody(readiness, text, 'reads');
      return (queued ?? 0) + (running ?? 0);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    const { text } = await call(ctx, 'runpod', '/health', 'reads');
    const { jobs } = parseBody(runpodHealth, text, 'reads');
    return (jobs.inQueue ?? 0) + (jobs.inProgress ?? 0);
  },
};
