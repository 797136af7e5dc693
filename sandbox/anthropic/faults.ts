import type { FastifyReply } from 'fastify';
import { type FaultName, faultSpec } from '../fault-table.js';
import { breakOff } from '../transport.js';
import { AnthropicError, invalid, overloaded } from './errors.js';

const DEFAULT_RETRY_SECONDS = 1;

/** A 429 that passes: `retry-after` in seconds. */
const rateLimited = (seconds: number): AnthropicError =>
  new AnthropicError('rate_limit_error', "This request would exceed your organization's rate limit.", {
    headers: { 'retry-after': String(seconds), 'x-should-retry': 'true' },
  });

/** A 429 that waiting does not help: no `retry-after`, and a code that says so. */
const spent = (): AnthropicError =>
  new AnthropicError('rate_limit_error', 'Your organization has reached its enforced spend limit.', {
    code: 'enforced_spend_limit_reached',
    headers: { 'x-should-retry': 'false' },
  });

/**
 * Shows a fault of a submit; false when `name` is none. `value` is the seconds to wait after a 429, 0 the one of a spend limit.
 * `503` is what Anthropic calls overloaded: 529.
 */
export function showFault(reply: FastifyReply, name: FaultName, value: number | null): boolean {
  const { answer } = faultSpec(name);
  switch (answer) {
    case undefined:
      return false;
    case 'rate_limited':
      throw value === 0 ? spent() : rateLimited(value ?? DEFAULT_RETRY_SECONDS);
    case 'internal':
      throw new AnthropicError('api_error', 'Internal server error');
    case 'unavailable':
      throw overloaded();
    case 'blocked':
      throw invalid('Output blocked by content filtering policy');
    case 'hang':
    case 'drop':
    case 'malformed':
      breakOff(reply, answer);
      return true;
  }
}
