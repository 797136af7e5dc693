import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { type FaultName, faultSpec } from '../../fault-table.js';
import type { Provider } from '../../faults.js';
import { breakOff } from '../../transport.js';
import type { Problem } from '../check.js';
import { bodyOf, messageFor } from './error-shapes.js';

export type FailureKind =
  | 'unknown'
  | 'missing'
  | 'type'
  | 'value'
  | 'unsupported'
  | 'unparsable'
  | 'no_key'
  | 'bad_key'
  | 'no_model'
  | 'no_path'
  | 'too_long'
  | 'blocked'
  | 'rate_limited'
  | 'internal'
  | 'unavailable';

/** What went wrong, before a vendor's words for it. */
export interface Failure {
  kind: FailureKind;
  message: string;
  param: string | null;
}

const HTTP: Readonly<Record<FailureKind, number>> = {
  unknown: 400,
  missing: 400,
  type: 400,
  value: 400,
  unsupported: 400,
  unparsable: 400,
  no_key: 401,
  bad_key: 401,
  no_model: 404,
  no_path: 404,
  too_long: 400,
  blocked: 400,
  rate_limited: 429,
  internal: 500,
  unavailable: 503,
};

/** An error in the shape of the vendor whose wire it is. */
export class ChatError extends Error {
  readonly http: number;

  constructor(
    readonly provider: Provider,
    readonly failure: Failure,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(failure.message);
    this.http = httpOf(provider, failure.kind);
  }

  body(): object {
    return bodyOf(this.provider, this.http, this.failure);
  }
}

function httpOf(provider: Provider, kind: FailureKind): number {
  // DeepSeek answers an unknown model 400 "Model Not Exist" (deepwn/addi#13), OpenRouter 400 "… is not a valid model ID".
  if (kind === 'no_model' && (provider === 'deepseek' || provider === 'openrouter')) return 400;
  // Google refuses a wrong key as an argument; OpenRouter flags by 403.
  if (kind === 'bad_key' && provider === 'google') return 400;
  return kind === 'blocked' && provider === 'openrouter' ? 403 : HTTP[kind];
}

export function failed(provider: Provider, kind: FailureKind, param: string | null, message: string): ChatError {
  return new ChatError(provider, { kind, message, param });
}

/** A problem of the body's shape in the vendor's words. */
export function wrong(provider: Provider, problem: Problem): ChatError {
  return failed(provider, problem.kind, problem.param === '' ? null : problem.param, messageFor(provider, problem));
}

export const serverError = (provider: Provider): ChatError =>
  failed(provider, 'internal', null, 'The server had an error while processing your request. Sorry about that!');

const DEFAULT_RETRY_SECONDS = 1;

/** Throws or breaks off as a fault of the submit asks; false when it is none. `value` is the seconds to wait after a 429. */
export function showFault(provider: Provider, reply: FastifyReply, name: FaultName, value: number | null): boolean {
  const { answer } = faultSpec(name);
  switch (answer) {
    case undefined:
      return false;
    case 'rate_limited': {
      const seconds = value ?? DEFAULT_RETRY_SECONDS;
      const message = `Rate limit reached. Please try again in ${seconds}s.`;
      throw new ChatError(
        provider,
        { kind: 'rate_limited', message, param: null },
        {
          'retry-after': String(seconds),
          ...(provider === 'openai' ? { 'retry-after-ms': String(seconds * 1000) } : {}),
        },
      );
    }
    case 'internal':
      throw serverError(provider);
    case 'unavailable':
      throw failed(provider, 'unavailable', null, 'The engine is currently overloaded, please try again later.');
    case 'blocked':
      throw failed(provider, 'blocked', null, 'The prompt was flagged as potentially violating the usage policy.');
    case 'hang':
    case 'drop':
    case 'malformed':
      breakOff(reply, answer);
      return true;
  }
}

/** An error that knows its status and body: ours, and that of a mount which these routes are part of. */
interface Answerable {
  readonly http: number;
  body(): object;
  readonly headers?: Readonly<Record<string, string>>;
}

const isAnswerable = (error: object): error is Answerable =>
  'http' in error && typeof error.http === 'number' && 'body' in error && typeof error.body === 'function';

/** Error handler of a vendor's mount. */
export function answerError(provider: Provider) {
  return (error: FastifyError | ChatError, _request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const known: Answerable = isAnswerable(error) ? error : toChatError(provider, error);
    return reply
      .code(known.http)
      .headers({ 'x-request-id': 'req_sandbox', ...known.headers })
      .send(known.body());
  };
}

function toChatError(provider: Provider, error: FastifyError): ChatError {
  const { statusCode = 500 } = error;
  if (statusCode >= 500) return failed(provider, 'internal', null, error.message);
  return failed(provider, 'unparsable', null, `We could not parse the JSON body of your request. (${error.message})`);
}

export function checkKey(provider: Provider, request: FastifyRequest, key: string): void {
  const [scheme, given = ''] = (request.headers.authorization ?? '').split(' ');
  if (scheme === 'Bearer' && given === key) return;
  if (given === '')
    throw failed(
      provider,
      'no_key',
      null,
      "You didn't provide an API key. Send it as 'Authorization: Bearer YOUR_KEY'.",
    );
  throw failed(provider, 'bad_key', null, 'Incorrect API key provided.');
}
