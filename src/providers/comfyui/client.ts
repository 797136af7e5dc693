import type { z } from 'zod';
import { ProviderError, type MediaTask, type ProviderContext, type TaskState } from '../contract.js';
import { exchange, parseBody, parseMaybe, SUBMIT_TIMEOUT_MS } from '../exchange.js';
import type { Effect } from '../http-errors.js';
import { extensionOf } from '../media-types.js';
import { invalidInput, readReference, referencesOf } from '../task-input.js';
import { toError } from './error.js';
import type { Workflow } from './mapping.js';
import { uploadsOf } from './request.js';
import { fromHistory, fromJob, fromQueue } from './result.js';
import { cancelled, history, job, jobNotFound, queue, uploaded, type TaskId } from './wire.js';

/** ComfyUI's own default for the longest body. */
const UPLOAD_MAX_BYTES = 100 * 1024 * 1024;
/** Under load each item of the queue holds its whole graph. */
const STATE_MAX_BYTES = 64 * 1024 * 1024;

/** ComfyUI has no auth of its own; a proxy before it may ask for a key. */
export function auth(ctx: ProviderContext): Record<string, string> {
  const credential = ctx.credential;
  if (credential === null) return {};
  if (credential.kind === 'google_service_account')
    throw new ProviderError('auth', 'rejected', 'ComfyUI takes no service account');
  return { authorization: `Bearer ${credential.kind === 'api_key' ? credential.key : credential.token}` };
}

export async function getJson<S extends z.ZodType>(
  ctx: ProviderContext,
  path: string,
  schema: S,
): Promise<z.output<S>> {
  const answer = await exchange(
    ctx,
    `${ctx.endpoint}${path}`,
    { headers: auth(ctx), maxBytes: STATE_MAX_BYTES },
    'reads',
  );
  if (answer.status !== 200) throw toError(answer, 'reads', ctx.now());
  return parseBody(schema, answer.text, 'reads');
}

export async function post(ctx: ProviderContext, path: string, body: unknown, effect: Effect) {
  const headers = { 'content-type': 'application/json', ...auth(ctx) };
  const call = { method: 'POST' as const, headers, body: JSON.stringify(body), timeoutMs: SUBMIT_TIMEOUT_MS };
  return exchange(ctx, `${ctx.endpoint}${path}`, call, effect);
}

/**
 * Sends the references a graph takes to the instance; answers their names there by `{role}.{index}`. The server renames a
 * file whose name is taken, so the name it answers is the one that counts.
 */
export async function uploadReferences(
  task: MediaTask,
  flow: Workflow,
  ctx: ProviderContext,
): Promise<Map<string, string>> {
  const names = new Map<string, string>();
  for (const { role, index } of uploadsOf(flow)) {
    const reference = referencesOf(task, role)[index];
    if (!reference) throw invalidInput(`${role} is needed by this workflow`, role);
    const bytes = await readReference(reference, UPLOAD_MAX_BYTES);
    const form = new FormData();
    const name = `kiln-${task.jobId}-${ctx.token}-${role}-${index}.${extensionOf(reference.contentType)}`;
    form.set('image', new Blob([new Uint8Array(bytes)], { type: reference.contentType }), name);
    form.set('type', 'input');
    form.set('overwrite', 'true');
    const call = { method: 'POST' as const, headers: auth(ctx), body: form, timeoutMs: SUBMIT_TIMEOUT_MS };
    const answer = await exchange(ctx, `${ctx.endpoint}/upload/image`, call, 'prepares');
    if (answer.status !== 200) throw toError(answer, 'prepares', ctx.now());
    const file = parseBody(uploaded, answer.text, 'prepares');
    names.set(`${role}.${index}`, file.subfolder ? `${file.subfolder}/${file.name}` : file.name);
  }
  return names;
}

/** What the jobs routes answer on servers that lack them: any 404 or 405 but their own "Job not found". */
const lacksRoute = (status: number, text: string): boolean =>
  status === 405 || (status === 404 && parseMaybe(jobNotFound, text) === null);

/**
 * State of a prompt. Newer servers have a jobs route, whose 404 means "never heard of"; on older ones the queue is read
 * before the history, an order in which a prompt that moves from one to the other can't be missed.
 */
export async function readState(task: TaskId, ctx: ProviderContext): Promise<TaskState> {
  const path = `/api/jobs/${encodeURIComponent(task.prompt_id)}`;
  const answer = await exchange(
    ctx,
    `${ctx.endpoint}${path}`,
    { headers: auth(ctx), maxBytes: STATE_MAX_BYTES },
    'reads',
  );
  if (answer.status === 200) return fromJob(parseBody(job, answer.text, 'reads'), task);
  if (!lacksRoute(answer.status, answer.text)) {
    if (answer.status === 404) return { state: 'missing' };
    throw toError(answer, 'reads', ctx.now());
  }
  const queued = fromQueue(await getJson(ctx, '/queue', queue), task.prompt_id);
  return queued ?? fromHistory(await getJson(ctx, `/history/${encodeURIComponent(task.prompt_id)}`, history), task);
}

async function command(ctx: ProviderContext, path: string, body: unknown): Promise<void> {
  const answer = await post(ctx, path, body, 'reads');
  if (answer.status !== 200) throw toError(answer, 'reads', ctx.now());
}

/**
 * Stops one prompt. On servers without the jobs route it is taken from the queue; if it runs, it is interrupted by id, and
 * only after the queue named it as the running one, since very old servers interrupt whatever runs.
 */
export async function cancelPrompt(promptId: string, ctx: ProviderContext): Promise<'canceled' | 'too_late'> {
  const answer = await post(ctx, `/api/jobs/${encodeURIComponent(promptId)}/cancel`, {}, 'reads');
  if (answer.status === 200) return parseBody(cancelled, answer.text, 'reads').cancelled ? 'canceled' : 'too_late';
  if (!lacksRoute(answer.status, answer.text)) {
    if (answer.status === 404) return 'too_late';
    throw toError(answer, 'reads', ctx.now());
  }
  const before = fromQueue(await getJson(ctx, '/queue', queue), promptId);
  if (before === null) return 'too_late';
  await command(ctx, '/queue', { delete: [promptId] });
  const after = fromQueue(await getJson(ctx, '/queue', queue), promptId);
  if (after?.state === 'pending' && after.started) {
    await command(ctx, '/interrupt', { prompt_id: promptId });
    return 'canceled';
  }
  const wasWaiting = before.state === 'pending' && before.started !== true;
  return wasWaiting && after === null ? 'canceled' : 'too_late';
}
