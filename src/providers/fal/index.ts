import type { JsonValue } from '../../common/json.js';
import { addressOf, openAt } from '../artifact-stream.js';
import { ProviderError, type Adapter, type ProviderContext, type TaskState } from '../contract.js';
import { encodePath, exchange, parseBody, parseMaybe, parseTaskId, SUBMIT_TIMEOUT_MS } from '../exchange.js';
import type { HttpAnswer } from '../http-errors.js';
import { taskOf } from './address.js';
import { isVerdict, runError, statusError, toError } from './error.js';
import { options, settings } from './options.js';
import { toWire, unsupported } from './request.js';
import { fromOutput, fromStatus, hasFailed } from './result.js';
import { webhookVerifier, type Verifier } from './webhook.js';
import {
  cancelAnswer,
  errorBody,
  output,
  queueStatus,
  source,
  submitted,
  taskId as taskIdShape,
  type QueueStatus,
  type TaskId,
} from './wire.js';

/** How long fal keeps results for us: longer than any download is tried, and then they are gone from its public CDN. */
const KEEP_SECONDS = 86_400;
const LIFECYCLE = {
  'x-fal-object-lifecycle-preference': JSON.stringify({ expiration_duration_seconds: KEEP_SECONDS }),
};
const IN_PROGRESS_TEXT = /still in progress|not completed|in queue/i;

/** The scheme word is `Key`. */
function auth(ctx: ProviderContext): Record<string, string> {
  const credential = ctx.credential;
  if (credential === null) throw new ProviderError('auth', 'rejected', 'the route has no credential');
  if (credential.kind === 'google_service_account')
    throw new ProviderError('auth', 'rejected', 'fal takes a key, not a service account');
  return { authorization: `Key ${credential.kind === 'api_key' ? credential.key : credential.token}` };
}

const read = async (ctx: ProviderContext, url: string): Promise<HttpAnswer> =>
  exchange(ctx, url, { headers: { accept: 'application/json', ...auth(ctx) } }, 'reads');

/** Null where the queue does not know the request. 202 while it waits or runs, 200 when it has ended. */
async function statusOf(task: TaskId, ctx: ProviderContext): Promise<QueueStatus | null> {
  const answer = await read(ctx, task.status_url);
  if (answer.status === 404) return null;
  if (answer.status !== 200 && answer.status !== 202) throw toError(answer, 'reads', ctx.now());
  return parseBody(queueStatus, answer.text, 'reads');
}

function isStillRunning(answer: HttpAnswer): boolean {
  if (answer.status === 202) return true;
  const detail = parseMaybe(errorBody, answer.text)?.detail;
  return answer.status === 400 && typeof detail === 'string' && IN_PROGRESS_TEXT.test(detail);
}

/** A run that has ended: its output, or the error the model or the platform left in its place. */
async function resultOf(task: TaskId, status: QueueStatus, ctx: ProviderContext): Promise<TaskState> {
  const answer = await read(ctx, task.response_url);
  if (isStillRunning(answer)) return { state: 'pending', started: true };
  const failed = hasFailed(status);
  if (answer.status === 200) {
    if (failed) return { state: 'failed', error: statusError(status.error, status.error_type) };
    return fromOutput(parseBody(output, answer.text, 'reads'));
  }
  if (isVerdict(answer)) return { state: 'failed', error: runError(answer, ctx.now()) };
  if (failed) return { state: 'failed', error: statusError(status.error, status.error_type) };
  // A bare 4xx of a finished run is its result too, but for what says something of us or of the moment.
  const ofTheRun = answer.status >= 400 && answer.status < 500 && ![401, 403, 408, 429].includes(answer.status);
  if (ofTheRun) return { state: 'failed', error: runError(answer, ctx.now()) };
  throw toError(answer, 'reads', ctx.now());
}

/**
 * fal's queue (https://queue.fal.run): submit to the whole model id, then the addresses of its answer. It has neither an
 * idempotency key nor a way to look a request up, so a submit without an answer stays unknown.
 */
export function makeFal(verify: Verifier): Adapter {
  return {
    id: 'fal',
    modalities: ['video', 'image', 'music'],
    can: () => ({
      cancel: true,
      findByToken: false,
      callback: true,
      idempotencyKey: false,
      resubmitSafe: false,
      synchronous: false,
    }),
    options,
    settings,
    unsupported,

    async submit(task, ctx) {
      const { model, body, warnings } = await toWire(task);
      const query = ctx.callbackUrl === undefined ? '' : `?fal_webhook=${encodeURIComponent(ctx.callbackUrl)}`;
      const call = {
        method: 'POST' as const,
        headers: { accept: 'application/json', 'content-type': 'application/json', ...LIFECYCLE, ...auth(ctx) },
        body: JSON.stringify(body),
        timeoutMs: SUBMIT_TIMEOUT_MS,
      };
      const answer = await exchange(ctx, `${ctx.endpoint}/${encodePath(model)}${query}`, call, 'buys');
      if (answer.status < 200 || answer.status > 202) throw toError(answer, 'buys', ctx.now());
      const taken = parseBody(submitted, answer.text, 'buys');
      return {
        taskId: taskOf(taken, model, ctx.endpoint),
        ...(warnings.length > 0 && { warnings }),
      };
    },

    async poll(taskId: JsonValue, ctx) {
      const task = parseTaskId(taskIdShape, taskId);
      const status = await statusOf(task, ctx);
      if (status === null) return { state: 'missing' };
      const state = fromStatus(status);
      return state === 'ended' ? resultOf(task, status, ctx) : state;
    },

    async openArtifact(artifact, _taskId, ctx, offset) {
      // Results are public links: the key goes to none of them, wherever they lead.
      return openAt(ctx, addressOf(source.parse(artifact.source).url, ctx, {}), offset);
    },

    /**
     * 202 is a wish: a waiting request is removed, a running one only gets a signal, which many partner models ignore and
     * bill. So the status afterwards decides.
     */
    async cancel(taskId, ctx) {
      const task = parseTaskId(taskIdShape, taskId);
      const call = { method: 'PUT' as const, headers: { accept: 'application/json', ...auth(ctx) } };
      const answer = await exchange(ctx, task.cancel_url, call, 'reads');
      const word = parseMaybe(cancelAnswer, answer.text)?.status?.toUpperCase();
      if (word === 'ALREADY_COMPLETED' || word === 'NOT_FOUND' || [400, 404, 409].includes(answer.status))
        return 'too_late';
      if (answer.status < 200 || answer.status > 202) throw toError(answer, 'reads', ctx.now());
      // Said only of a request that was taken out of the queue.
      if (word === 'OK') return 'canceled';
      const status = await statusOf(task, ctx);
      if (status === null || fromStatus(status) === 'ended')
        return status === null || hasFailed(status) ? 'canceled' : 'too_late';
      const state = fromStatus(status);
      return state !== 'ended' && state.state === 'pending' && state.started === false ? 'canceled' : 'too_late';
    },

    verifyCallback: verify,
  };
}

export const fal = makeFal(webhookVerifier());
