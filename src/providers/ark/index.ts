import type { JsonValue } from '../../common/json.js';
import { addressOf, openAt } from '../artifact-stream.js';
import { ProviderError, type Adapter, type ProviderContext } from '../contract.js';
import { exchange, parseBody, parseTaskId, SUBMIT_TIMEOUT_MS } from '../exchange.js';
import { toError } from './error.js';
import { options, settings } from './options.js';
import { tokenPrice, toWire, unsupported } from './request.js';
import { fromWire, statusOf } from './result.js';
import { created, source, task as taskShape, taskId as taskIdShape, type Task, type TaskId } from './wire.js';

function auth(ctx: ProviderContext): Record<string, string> {
  const credential = ctx.credential;
  if (credential === null) throw new ProviderError('auth', 'rejected', 'the route has no credential');
  if (credential.kind === 'api_key') return { authorization: `Bearer ${credential.key}` };
  if (credential.kind === 'bearer') return { authorization: `Bearer ${credential.token}` };
  throw new ProviderError('auth', 'rejected', 'Ark takes a key, not a service account');
}

const tasksUrl = (ctx: ProviderContext): string => `${ctx.endpoint}/contents/generations/tasks`;
const taskUrl = (ctx: ProviderContext, { id }: TaskId): string => `${tasksUrl(ctx)}/${encodeURIComponent(id)}`;

/** Null: the provider does not know it (records are kept for seven days). */
async function read(ctx: ProviderContext, task: TaskId): Promise<Task | null> {
  const answer = await exchange(ctx, taskUrl(ctx, task), { headers: auth(ctx) }, 'reads');
  if (answer.status === 404) return null;
  if (answer.status !== 200) throw toError(answer, 'reads', ctx.now());
  return parseBody(taskShape, answer.text, 'reads');
}

/**
 * ByteDance's Seedance 2.0 family on BytePlus ModelArk and Volcengine Ark: one wire, two clouds, which differ in host, key
 * and the prefix of model ids. A create has neither an idempotency key nor a client token, so one without an answer stays
 * unknown. Callbacks are not signed: the token in their address is all there is, and they only ring.
 */
export const ark: Adapter = {
  id: 'ark',
  modalities: ['video'],
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
    const { body, warnings } = await toWire(task, ctx.callbackUrl);
    const call = {
      method: 'POST' as const,
      headers: { 'content-type': 'application/json', ...auth(ctx) },
      body: JSON.stringify(body),
      timeoutMs: SUBMIT_TIMEOUT_MS,
    };
    const answer = await exchange(ctx, tasksUrl(ctx), call, 'buys');
    if (answer.status !== 200) throw toError(answer, 'buys', ctx.now());
    const { id } = parseBody(created, answer.text, 'buys');
    return {
      taskId: { id, micro_usd_per_million_tokens: tokenPrice(task) } satisfies TaskId,
      ...(warnings.length > 0 && { warnings }),
    };
  },

  async poll(taskId: JsonValue, ctx) {
    const known = parseTaskId(taskIdShape, taskId);
    const task = await read(ctx, known);
    return task === null ? { state: 'missing' } : fromWire(task, known.micro_usd_per_million_tokens);
  },

  /** The link is signed, lives for 24 hours and about 100 downloads, and takes no key. */
  async openArtifact(artifact, _taskId, ctx, offset) {
    return openAt(ctx, addressOf(source.parse(artifact.source).uri, ctx, {}), offset);
  },

  /** DELETE cancels a queued task, but erases the record of one that has ended: so the status is read first. */
  async cancel(taskId, ctx) {
    const known = parseTaskId(taskIdShape, taskId);
    const task = await read(ctx, known);
    const status = task === null ? null : statusOf(task);
    if (status === 'cancelled') return 'canceled';
    if (status !== 'queued') return 'too_late';
    const call = { method: 'DELETE' as const, headers: auth(ctx) };
    const answer = await exchange(ctx, taskUrl(ctx, known), call, 'reads');
    if (answer.status >= 200 && answer.status < 300) return 'canceled';
    // 409 InvalidAction.RunningTaskDeletion: it left the queue in between, runs on and is billed.
    if (answer.status === 409 || answer.status === 404) return 'too_late';
    throw toError(answer, 'reads', ctx.now());
  },
};
