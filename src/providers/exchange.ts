import type { z } from 'zod';
import type { EgressOptions, EgressResponse } from '../egress/egress.js';
import { ProviderError, type ProviderContext } from './contract.js';
import { fromTransport, outcomeAfterSending, RAW_MAX_CHARS, type Effect, type HttpAnswer } from './http-errors.js';

/** For calls that carry references or start work; the route's own limit, which `ctx.signal` carries, comes first. */
export const SUBMIT_TIMEOUT_MS = 600_000;

/** One call to the provider's own API, with the body still to be read; throws ProviderError. */
export async function request(
  ctx: ProviderContext,
  url: string,
  options: EgressOptions,
  effect: Effect,
): Promise<EgressResponse> {
  try {
    return await ctx.fetch(url, { signal: ctx.signal, ...options });
  } catch (error) {
    throw fromTransport(error, effect);
  }
}

/** One call with its whole body as text; throws ProviderError. */
export async function exchange(
  ctx: ProviderContext,
  url: string,
  options: EgressOptions,
  effect: Effect,
): Promise<HttpAnswer> {
  const response = await request(ctx, url, options, effect);
  try {
    return { status: response.status, headers: response.headers, text: await response.text() };
  } catch (error) {
    const lost = fromTransport(error, effect);
    // The headers had come, so whatever the error says of itself, the peer has seen the request.
    throw new ProviderError(lost.kind, outcomeAfterSending(effect), lost.message, {
      ...lost.detail,
      upstreamStatus: response.status,
    });
  }
}

/** The body of a good answer, read leniently; a body that can't be read throws `internal` with the raw text. */
export function parseBody<S extends z.ZodType>(schema: S, text: string, effect: Effect, status = 200): z.output<S> {
  const malformed = (why: string): ProviderError =>
    new ProviderError('internal', outcomeAfterSending(effect), `unreadable answer: ${why}`, {
      upstreamStatus: status,
      raw: text.slice(0, RAW_MAX_CHARS),
    });
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw malformed('not JSON');
  }
  const parsed = schema.safeParse(body);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw malformed(issue ? `${issue.path.join('.')} ${issue.message}` : 'wrong shape');
  }
  return parsed.data;
}

/** As `parseBody`, but null for what is not of this shape: error bodies that any proxy may have written. */
export function parseMaybe<S extends z.ZodType>(schema: S, text: string): z.output<S> | null {
  try {
    return schema.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}

/** A task id as this adapter saved it. */
export function parseTaskId<S extends z.ZodType>(schema: S, taskId: unknown): z.output<S> {
  const parsed = schema.safeParse(taskId);
  if (!parsed.success) throw new ProviderError('internal', 'unknown', 'the saved task id has another shape');
  return parsed.data;
}

/** Encodes every segment of an id that may hold slashes. */
export const encodePath = (path: string): string => path.split('/').map(encodeURIComponent).join('/');
