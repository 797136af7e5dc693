import { KilnError } from '../common/errors.js';
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../common/time.js';
import type { RateState } from './rate-limits.js';

/** As OpenAI's headers have it: `12ms`, `8.64s`, `6m0s`, `1h0m0s`. Rounded up to the millisecond. */
export function durationText(ms: number): string {
  const whole = Math.max(0, Math.ceil(ms));
  if (whole < SECOND_MS) return `${whole}ms`;
  const hours = Math.floor(whole / HOUR_MS);
  const minutes = Math.floor((whole % HOUR_MS) / MINUTE_MS);
  const seconds = (whole % MINUTE_MS) / SECOND_MS;
  return `${hours > 0 ? `${hours}h` : ''}${hours > 0 || minutes > 0 ? `${minutes}m` : ''}${seconds}s`;
}

/** Names an answer of a limited key by; where it is there, the upstream's limits are not the client's. */
export const OWN_LIMIT_HEADER = 'x-ratelimit-limit-requests';

/**
 * What a limited key is told: OpenAI's headers ("Rate limits in headers" of its guide: reset is "the time until the rate limit
 * resets to its initial state"), and on /v1/messages Anthropic's too ("Response headers" of its Rate limits page: reset is
 * when the limit is fully replenished, as RFC 3339).
 */
export function rateHeaders({ limit, remaining, resetMs }: RateState, url: string, now: Date): Record<string, string> {
  const headers = {
    [OWN_LIMIT_HEADER]: String(limit),
    'x-ratelimit-remaining-requests': String(remaining),
    'x-ratelimit-reset-requests': durationText(resetMs),
  };
  if (!url.startsWith('/v1/messages')) return headers;
  const resetsAt = new Date(Math.ceil((now.getTime() + resetMs) / SECOND_MS) * SECOND_MS);
  return {
    ...headers,
    'anthropic-ratelimit-requests-limit': String(limit),
    'anthropic-ratelimit-requests-remaining': String(remaining),
    'anthropic-ratelimit-requests-reset': resetsAt.toISOString().replace('.000Z', 'Z'),
  };
}

/** 429 with when to come again: whole seconds, at least one. */
export function tooManyRequests({ limit, retryAfterMs }: RateState): KilnError {
  const seconds = Math.max(1, Math.ceil(retryAfterMs / SECOND_MS));
  return new KilnError(
    429,
    'rate_limit_exceeded',
    `This key may make ${limit} requests a minute; try again in ${seconds} s.`,
    { retryAfterSeconds: seconds },
  );
}
