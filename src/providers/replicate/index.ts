import type { JsonValue } from '../../common/json.js';
import { addressOf, openAt } from '../artifact-stream.js';
import { ProviderError, type Adapter, type ProviderContext } from '../contract.js';
import { exchange, parseBody, parseTaskId, SUBMIT_TIMEOUT_MS } from '../exchange.js';
import { callbackVerifier } from './callback.js';
import { toError } from './error.js';
import { carrier } from './media.js';
import { options, settings } from './options.js';
import { toWire, unsupported } from './request.js';
import { afterCancel, fromWire } from './result.js';
import { created, prediction, source, taskId as taskIdShape, type TaskId } from './wire.js';

function auth(ctx: ProviderContext): Record<string, string> {
  const credential = ctx.credential;
  if (credential === null) throw new ProviderError('auth', 'rejected', 'the route has no credential');
  if (credential.kind === 'api_key') return { authorization: `Bearer ${credential.key}` };
  if (credential.kind === 'bearer') return { authorization: `Bearer ${credential.token}` };
  throw new ProviderError('auth', 'rejected', 'Replicate takes a token, not a service account');
}

/** By id on the endpoint: `urls.get` of an answer may lead anywhere, and would get the credential. */
const addressOfTask = (ctx: ProviderContext, { id }: TaskId): string =>
  `${ctx.endpoint}/predictions/${encodeURIComponent(id)}`;

const isGood = (status: number): boolean => status >= 200 && status < 300;

/**
 * Replicate's predictions. A create knows no idempotency key and repeats nothing of ours but the webhook's address, which a Kiln that can't be reached
 * does not send; and nothing says that the list of predictions is complete when a lost create is looked for. So absence is
 * never proved: `findByToken` is false, and a create without an answer stays unknown.
 */
export function makeReplicate(): Adapter {
  const verify = callbackVerifier();
  return {
    id: 'replicate',
    modalities: ['image', 'video'],
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
      const authorization = auth(ctx);
      const wire = await toWire(task, ctx.callbackUrl, carrier(ctx, authorization));
      const call = {
        method: 'POST' as const,
        headers: { ...wire.headers, ...authorization },
        body: JSON.stringify(wire.body),
        timeoutMs: SUBMIT_TIMEOUT_MS,
      };
      const answer = await exchange(ctx, `${ctx.endpoint}${wire.path}`, call, 'buys');
      if (!isGood(answer.status)) throw toError(answer, 'buys', ctx.now());
      const { id } = parseBody(created, answer.text, 'buys', answer.status);
      const taskId: TaskId = { id, kind: wire.kind, count: wire.count };
      return wire.warnings.length > 0 ? { taskId, warnings: wire.warnings } : { taskId };
    },

    async poll(taskId: JsonValue, ctx) {
      const task = parseTaskId(taskIdShape, taskId);
      const answer = await exchange(ctx, addressOfTask(ctx, task), { headers: auth(ctx) }, 'reads');
      if (answer.status === 404) return { state: 'missing' };
      if (!isGood(answer.status)) throw toError(answer, 'reads', ctx.now());
      return fromWire(parseBody(prediction, answer.text, 'reads'), task);
    },

    async openArtifact(artifact, _taskId, ctx, offset) {
      return openAt(ctx, addressOf(source.parse(artifact.source).url, ctx, auth(ctx)), offset);
    },

    async cancel(taskId, ctx) {
      const task = parseTaskId(taskIdShape, taskId);
      const call = { method: 'POST' as const, headers: auth(ctx) };
      const answer = await exchange(ctx, `${addressOfTask(ctx, task)}/cancel`, call, 'reads');
      if (isGood(answer.status)) return afterCancel(parseBody(prediction, answer.text, 'reads'));
      // What is said of a prediction that has ended is not documented; each of these says that there is nothing to stop.
      if ([400, 404, 409, 410, 422].includes(answer.status)) return 'too_late';
      throw toError(answer, 'reads', ctx.now());
    },

    verifyCallback: async (request, ctx) => verify(request, ctx, auth),
  };
}

export const replicate = makeReplicate();
