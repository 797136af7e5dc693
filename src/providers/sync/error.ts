import { z } from 'zod';
import { ProviderError, type ProviderErrorKind } from '../contract.js';
import { parseMaybe } from '../exchange.js';
import { fromStatus, kindOfStatus, RAW_MAX_CHARS, retryAfterMs, type HttpAnswer } from '../http-errors.js';

/** OpenAI's and Anthropic's envelopes, and what servers make of them; OpenRouter's `code` is a number. */
const single = z.object({
  error: z.union([
    z.string(),
    z.object({
      message: z.string().nullish(),
      type: z.string().nullish(),
      code: z.union([z.string(), z.number()]).nullish(),
      param: z.string().nullish(),
      metadata: z.unknown().optional(),
    }),
  ]),
});
/** What OpenRouter adds where a model's moderation has flagged the input (OpenRouter docs, "Errors"). */
const flagged = z.object({ reasons: z.array(z.unknown()) });
/** Google's OpenAI-compatible endpoint sends a list of one. */
const envelope = z.union([single, z.tuple([single]).transform(([only]) => only)]);

/** Kinds by `error.code`, else by `error.type`: OpenAI's, Anthropic's, and those of servers that speak as they do. */
const BY_WORD: Readonly<Record<string, ProviderErrorKind>> = {
  context_length_exceeded: 'invalid_input',
  string_above_max_length: 'invalid_input',
  invalid_request_error: 'invalid_input',
  request_too_large: 'invalid_input',
  content_policy_violation: 'content_policy',
  content_filter: 'content_policy',
  moderation_blocked: 'content_policy',
  insufficient_quota: 'quota',
  billing_error: 'quota',
  billing_not_active: 'quota',
  billing_hard_limit_reached: 'quota',
  rate_limit_exceeded: 'rate_limited',
  rate_limit_error: 'rate_limited',
  overloaded_error: 'unavailable',
  model_not_found: 'not_found',
  not_found_error: 'not_found',
  invalid_api_key: 'auth',
  authentication_error: 'auth',
  permission_error: 'auth',
  timeout_error: 'timeout',
};

/** How servers say that a prompt does not fit; Anthropic and Bedrock have no code for it. */
const TOO_LONG =
  /context length|context window|maximum context|prompt is too long|input is too long|too many (input )?tokens/i;
export const CONTEXT_LENGTH_EXCEEDED = 'context_length_exceeded';

interface Said {
  message: string | null;
  words: string[];
  param: string | null;
  isFlagged?: boolean;
}

function saidBy(text: string): Said {
  const error = parseMaybe(envelope, text)?.error;
  if (error === undefined) return { message: null, words: [], param: null };
  if (typeof error === 'string') return { message: error, words: [], param: null };
  const words = [error.code, error.type].filter((word): word is string => typeof word === 'string');
  const isFlagged = flagged.safeParse(error.metadata).success;
  return { message: error.message ?? null, words, param: error.param ?? null, isFlagged };
}

function kindOf(status: number, { words, message, isFlagged }: Said, headers: Headers): ProviderErrorKind {
  // One flagged prompt must not pass for a refused key, which closes every route that uses it.
  if (status === 403 && isFlagged === true) return 'content_policy';
  // A status that names the trouble is worth more than a type every refusal has: DeepSeek's 500 says invalid_request_error too.
  const byStatus = kindOfStatus(status);
  const [first] = words.flatMap((word) => BY_WORD[word] ?? []).filter((kind) => kind !== 'invalid_input');
  if (status === 429 && headers.get('x-should-retry') === 'false') return 'quota';
  if (status === 429 && words.includes('insufficient_quota')) return 'quota';
  if (byStatus === 'invalid_input' && message !== null && TOO_LONG.test(message)) return 'invalid_input';
  if (status === 529) return 'unavailable';
  if (status === 409 || status === 425) return 'unavailable';
  return byStatus === 'invalid_input' || byStatus === 'internal' ? (first ?? byStatus) : byStatus;
}

/** An error answer of a synchronous wire. Nothing is bought by an answer that is an error: the tokens were never made. */
export function syncError(answer: HttpAnswer, nowMs: number): ProviderError {
  const said = saidBy(answer.text);
  const base = fromStatus(answer, 'buys', nowMs, said.message ?? undefined);
  const tooLong =
    said.words.includes(CONTEXT_LENGTH_EXCEEDED) || (answer.status < 500 && TOO_LONG.test(said.message ?? ''));
  const code = tooLong ? CONTEXT_LENGTH_EXCEEDED : said.words[0];
  return new ProviderError(kindOf(answer.status, said, answer.headers), 'rejected', base.message, {
    ...base.detail,
    retryAfterMs: exactWaitMs(answer.headers) ?? retryAfterMs(answer.headers, nowMs),
    ...(said.param === null ? {} : { param: said.param }),
    ...(code === undefined ? {} : { code }),
  });
}

/** An error inside of a 200: a body that is an error, or an error event before anything else. */
export function faultError(fault: { message: string; code: string | null }): ProviderError {
  const status = /^\d{3}$/.test(fault.code ?? '') ? Number(fault.code) : null;
  const kind = BY_WORD[fault.code ?? ''] ?? (status === null ? 'unavailable' : kindOfStatus(status));
  return new ProviderError(kind, 'rejected', fault.message, {
    ...(status === null ? {} : { upstreamStatus: status }),
    ...(fault.code === null ? {} : { code: fault.code }),
    raw: fault.message.slice(0, RAW_MAX_CHARS),
  });
}

function exactWaitMs(headers: Headers): number | undefined {
  const exact = headers.get('retry-after-ms')?.trim() ?? '';
  return /^\d+(\.\d+)?$/.test(exact) ? Math.round(Number(exact)) : undefined;
}
