import { addressOf, openAt } from '../artifact-stream.js';
import { ProviderError, type Adapter, type ProviderContext, type Submitted } from '../contract.js';
import { exchange, parseBody, parseTaskId, SUBMIT_TIMEOUT_MS } from '../exchange.js';
import type { Effect, HttpAnswer } from '../http-errors.js';
import { isKeyPair, klingTokens, type Tokens } from './auth.js';
import { verifyCallback } from './callback.js';
import { saysTokenIsTaken, saysTokenTime, saysWrongCredential, throwUnlessGood } from './error.js';
import { findByExternalId, stateOf, type Get } from './lookup.js';
import { options, settings, settingsShape, type Wire } from './options.js';
import { toWire, unsupported } from './request.js';
import { currentCreated, LEGACY_PATHS, legacyCreated, source, taskId as taskIdShape, type TaskId } from './wire.js';

/** Kling's own video API, in both its generations; the route's settings say which. It has no way to cancel. */
export function makeKling(tokens: Tokens): Adapter {
  /** One call; a signed token that Kling's clock refuses is signed anew once, which can have started nothing. */
  async function call(ctx: ProviderContext, path: string, effect: Effect, body?: unknown): Promise<HttpAnswer> {
    const once = async (): Promise<HttpAnswer> => {
      const headers = { authorization: `Bearer ${tokens.of(ctx)}`, 'content-type': 'application/json' };
      const post = { method: 'POST' as const, body: JSON.stringify(body), timeoutMs: SUBMIT_TIMEOUT_MS };
      return exchange(ctx, `${ctx.endpoint}${path}`, { headers, ...(body === undefined ? {} : post) }, effect);
    };
    const answer = await once();
    if (!isKeyPair(ctx) || !saysTokenTime(answer)) return answer;
    tokens.renew(ctx);
    return once();
  }

  const getter =
    (ctx: ProviderContext): Get =>
    async (path) =>
      call(ctx, path, 'reads');

  const find = async (token: string, ctx: ProviderContext): Promise<TaskId | null> =>
    findByExternalId(token, getter(ctx), { isKeyPair: isKeyPair(ctx), nowMs: ctx.now() });

  /** This token's task was made by an earlier request whose answer was lost. */
  async function adopt(ctx: ProviderContext): Promise<Submitted> {
    const found = await find(ctx.token, ctx);
    if (found === null)
      throw new ProviderError('internal', 'unknown', 'Kling has used this external task id, but shows no such task');
    return { taskId: found };
  }

  return {
    id: 'kling',
    modalities: ['video'],
    can: () => ({
      cancel: false,
      findByToken: true,
      callback: true,
      idempotencyKey: false,
      resubmitSafe: false,
      synchronous: false,
    }),
    options,
    settings,
    unsupported,

    async submit(task, ctx) {
      const { wire } = settingsShape.parse(task.settings);
      const { path, body } = await toWire(task, wire, ctx);
      const answer = await call(ctx, path, 'buys', body);
      if (saysTokenIsTaken(answer)) return adopt(ctx);
      throwWrongPair(answer, wire, ctx);
      throwUnlessGood(answer, 'buys', ctx.now());
      return { taskId: createdTask(answer, wire, path) };
    },

    poll: async (taskId, ctx) => stateOf(parseTaskId(taskIdShape, taskId), getter(ctx), ctx.now()),

    /** Results lie on a CDN whose links hold their own right; the key is not for it. */
    openArtifact: async (artifact, _taskId, ctx, offset) =>
      openAt(ctx, addressOf(source.parse(artifact.source).url, ctx, {}), offset),

    findByToken: find,

    verifyCallback: async (request, ctx) => verifyCallback(request, ctx),
  };
}

/** The current API refuses pairs of keys: this route is closed then, while the credential is good for the legacy one. */
function throwWrongPair(answer: HttpAnswer, wire: Wire, ctx: ProviderContext): void {
  if (wire !== 'current' || !isKeyPair(ctx) || !saysWrongCredential(answer)) return;
  throw new ProviderError('not_found', 'rejected', "Kling's current API takes an API key, not accessKey:secretKey", {
    upstreamStatus: answer.status,
  });
}

function createdTask(answer: HttpAnswer, wire: Wire, path: string): TaskId {
  if (wire === 'current') return { wire, id: parseBody(currentCreated, answer.text, 'buys').data.id };
  const { task_id: id } = parseBody(legacyCreated, answer.text, 'buys').data;
  return { wire, path: path === LEGACY_PATHS[0] ? LEGACY_PATHS[0] : LEGACY_PATHS[1], id };
}

export const kling = makeKling(klingTokens());
