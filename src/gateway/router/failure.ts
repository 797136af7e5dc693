import { KilnError } from '../../common/errors.js';
import type { ProviderError } from '../../providers/contract.js';
import { CONTEXT_LENGTH_EXCEEDED } from '../../providers/sync/error.js';
import type { SyncRoute } from '../../catalog/sync-schema.js';

/** One route that was asked and did not answer. */
export interface FailedAttempt {
  route: SyncRoute;
  error: ProviderError;
}

const MESSAGE_MAX_CHARS = 2000;
/** What a client is told to wait where no provider said. */
const DEFAULT_WAIT_SECONDS = 1;
const BUSY_MAX_WAIT_SECONDS = 60;

const said = (error: ProviderError): string =>
  error.message.replaceAll(/\s+/g, ' ').trim().slice(0, MESSAGE_MAX_CHARS).toWellFormed();

/** A verdict on the request itself: another route would say the same, and the client is told what was said. */
export const isVerdict = ({ kind }: ProviderError): boolean => kind === 'invalid_input' || kind === 'content_policy';

/**
 * A wildcard's routes serve whatever model a client names: one that is not there, or not for this account, must not close
 * them to all others. A wildcard's routes have its star in their ids.
 */
export const isOfAskedModel = ({ kind, detail }: ProviderError, { id }: Pick<SyncRoute, 'id'>): boolean =>
  id.includes('*') && (kind === 'not_found' || detail.upstreamStatus === 403);

function verdict(error: ProviderError): KilnError {
  const param = error.detail.param ?? null;
  if (error.kind === 'content_policy')
    return new KilnError(400, 'content_policy', said(error), { param, code: 'content_filter', shouldRetry: false });
  if (error.detail.code === CONTEXT_LENGTH_EXCEEDED)
    return new KilnError(400, 'invalid_request_error', said(error), { param, code: CONTEXT_LENGTH_EXCEEDED });
  const status = error.detail.upstreamStatus === 413 ? 413 : 400;
  return new KilnError(status, status === 413 ? 'payload_too_large' : 'invalid_request_error', said(error), { param });
}

/**
 * What the client is told when no route answered: the last verdict on its request, 429 where every route is busy, else 500.
 * Providers' own words reach it only in verdicts.
 */
export function allFailed(model: string, failed: readonly FailedAttempt[]): KilnError {
  const judged = failed.findLast(({ error }) => isVerdict(error));
  if (judged) return verdict(judged.error);
  if (
    failed.length > 0 &&
    failed.every(({ error, route }) => error.kind === 'not_found' && isOfAskedModel(error, route))
  )
    return new KilnError(404, 'not_found', `The model '${model}' does not exist at its provider.`, {
      code: 'model_not_found',
      param: 'model',
      shouldRetry: false,
    });
  const tried = [...new Set(failed.map(({ route, error }) => `${route.id}: ${error.kind}`))].join(', ');
  const waits = failed.flatMap(({ error }) => error.detail.retryAfterMs ?? []);
  if (failed.length > 0 && failed.every(({ error }) => error.kind === 'rate_limited')) {
    const waitMs = waits.length > 0 ? Math.min(...waits) : DEFAULT_WAIT_SECONDS * 1000;
    return new KilnError(429, 'rate_limit_exceeded', `Every route of ${model} is at its limit (${tried}).`, {
      retryAfterSeconds: Math.min(Math.max(waitMs / 1000, 1), BUSY_MAX_WAIT_SECONDS),
    });
  }
  return new KilnError(500, 'upstream_error', `Every route of ${model} failed (${tried}); nothing was charged.`);
}
