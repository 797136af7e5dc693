import type { z } from 'zod';
import { addressOf, openAt } from '../artifact-stream.js';
import { ProviderError, type Adapter, type ProviderContext } from '../contract.js';
import { exchange, parseBody, parseTaskId, SUBMIT_TIMEOUT_MS } from '../exchange.js';
import type { Effect, HttpAnswer } from '../http-errors.js';
import { envelopeError, toError } from './error.js';
import { options, settings } from './options.js';
import { bodyOf, unsupported } from './request.js';
import { fromWire } from './result.js';
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
    const { headers, body } = await bodyOf(task);
    const call = { method: 'POST' as const, headers: { ...headers, ...auth(ctx) }, body, timeoutMs: SUBMIT_TIMEOUT_MS };
    const answer = await exchange(ctx, `${ctx.endpoint}/release_task`, call, 'buys');
    const data = unwrap(released, answer, 'buys', ctx.now());
    return { taskId: { task_id: data.task_id } satisfies TaskId };
  },

  async poll(taskId, ctx) {
    const { task_id: id } = parseTaskId(taskIdShape, taskId);
    const call = {
      method: 'POST' as const,
      headers: { 'content-type': 'application/json', ...auth(ctx) },
      body: JSON.stringify({ task_id_list: [id] }),
    };
    const answer = await exchange(ctx, `${ctx.endpoint}/query_result`, call, 'reads');
    const data = unwrap(queried, answer, 'reads', ctx.now());
    return fromWire(data.find((entry) => entry.task_id === undefined || entry.task_id === id));
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
