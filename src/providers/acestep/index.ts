import type { z } from 'zod';
import { addressOf, openAt } from '../artifact-stream.js';
import { ProviderError, type Adapter, type ProviderContext } from '../contract.js';
import { exchange, parseBody, parseTaskId, SUBMIT_TIMEOUT_MS } from '../exchange.js';
import type { Effect, HttpAnswer } from '../http-errors.js';
import { envelopeError, toError } from './error.js';
import { options, settings } from './options.js';
import { type Call, callsOf, stemsOf, unsupported } from './request.js';
import { fromWire, together } from './result.js';
import { queried, released, source, stats, taskId as taskIdShape, type TaskId } from './wire.js';

/** The key is optional on this server; `/v1/audio` and `/v1/stats` take it in the header only. */
function auth(ctx: ProviderContext): Record<string, string> {
  const credential = ctx.credential;
  if (credential === null) return {};
  if (credential.kind === 'api_key') return { authorization: `Bearer ${credential.key}` };
  if (credential.kind === 'bearer') return { authorization: `Bearer ${credential.token}` };
  throw new ProviderError('auth', 'rejected', 'ACE-Step takes a key, not a service account');
}

type Envelope = z.ZodType<{ data?: unknown; code?: number; error?: string | null }>;

/** The `data` of a wrapped answer. */
function unwrap<S extends Envelope>(
  schema: S,
  answer: HttpAnswer,
  effect: Effect,
  nowMs: number,
): NonNullable<z.output<S>['data']> {
  if (answer.status !== 200) throw toError(answer, effect, nowMs);
  const body: z.output<S> = parseBody(schema, answer.text, effect);
  if (body.code !== undefined && body.code !== 200) throw envelopeError(body.code, body.error, answer.text, effect);
  if (body.data === null || body.data === undefined)
    throw envelopeError(500, 'the answer has no data', answer.text, effect);
  return body.data;
}

/**
 * One POST /release_task; the task's id. Where earlier ones of the same job are already with the server, a refusal is no
 * proof that nothing runs.
 */
async function release(written: Call, hasEarlier: boolean, ctx: ProviderContext): Promise<string> {
  const call = {
    method: 'POST' as const,
    headers: { ...written.headers, ...auth(ctx) },
    body: written.body,
    timeoutMs: SUBMIT_TIMEOUT_MS,
  };
  try {
    const answer = await exchange(ctx, `${ctx.endpoint}/release_task`, call, 'buys');
    return unwrap(released, answer, 'buys', ctx.now()).task_id;
  } catch (error) {
    if (!hasEarlier || !(error instanceof ProviderError)) throw error;
    throw new ProviderError(error.kind, 'unknown', error.message, error.detail);
  }
}

/**
 * ACE-Step 1.5's own API server, in the cluster. It has no cancel route and no client token; a task that a restart lost
 * looks queued for ever, which `poll` tells as `missing`.
 */
export const acestep: Adapter = {
  id: 'acestep',
  modalities: ['music'],
  can: () => ({
    cancel: false,
    findByToken: false,
    callback: false,
    idempotencyKey: false,
    resubmitSafe: true,
    synchronous: false,
  }),
  options,
  settings,
  unsupported,

  async submit(task, ctx) {
    const calls = await callsOf(task);
    const ids: string[] = [];
    for (const call of calls) ids.push(await release(call, ids.length > 0, ctx));
    const stems = stemsOf(task);
    const [first = ''] = ids;
    const taskId: TaskId = stems
      ? { tasks: ids.map((id, index) => ({ task_id: id, stem: stems[index] ?? '' })) }
      : { task_id: first };
    return { taskId };
  },

  async poll(taskId, ctx) {
    const parsed = parseTaskId(taskIdShape, taskId);
    const tasks = 'tasks' in parsed ? parsed.tasks : [{ ...parsed, stem: undefined }];
    const call = {
      method: 'POST' as const,
      headers: { 'content-type': 'application/json', ...auth(ctx) },
      body: JSON.stringify({ task_id_list: tasks.map(({ task_id: id }) => id) }),
    };
    const answer = await exchange(ctx, `${ctx.endpoint}/query_result`, call, 'reads');
    const data = unwrap(queried, answer, 'reads', ctx.now());
    const states = tasks.map(({ task_id: id, stem }) =>
      fromWire(
        data.find((entry) => entry.task_id === id || (entry.task_id === undefined && tasks.length === 1)),
        stem,
      ),
    );
    const [only] = states;
    return states.length === 1 && only ? only : together(states);
  },

  async openArtifact(artifact, _taskId, ctx, offset) {
    const { file } = source.parse(artifact.source);
    // A path from the server's root stands below the endpoint, which may have a path of its own.
    const url = file.startsWith('/') ? `${ctx.endpoint}${file}` : file;
    return openAt(ctx, addressOf(url, ctx, auth(ctx)), offset);
  },

  async load(ctx) {
    const answer = await exchange(ctx, `${ctx.endpoint}/v1/stats`, { headers: auth(ctx) }, 'reads');
    const { jobs } = unwrap(stats, answer, 'reads', ctx.now());
    return (jobs.queued ?? 0) + (jobs.running ?? 0);
  },
};
