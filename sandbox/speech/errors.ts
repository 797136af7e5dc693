import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import type { Provider } from '../faults.js';
import { OpenAIError, toOpenAIError } from '../openai/errors.js';
import { bodyOf } from '../text/chat/error-shapes.js';
import type { FailureKind } from '../text/chat/errors.js';

/** Whose words an error is answered in: the provider's own envelope, FastAPI's `detail`, or Kokoro-FastAPI's object in it. */
export type ErrorManner = 'vendor' | 'fastapi' | 'kokoro';

interface Host {
  provider: Provider;
  manner: ErrorManner;
}

/** What pydantic refuses before the server's own code runs, and what it calls it. */
const PYDANTIC_TYPES: Readonly<Record<string, string>> = {
  missing_required_parameter: 'missing',
  invalid_type: 'type_error',
  invalid_value: 'value_error',
};

/** What an error is about, by OpenAI's codes: the other vendors say it in words of their own. */
const KINDS: Readonly<Record<string, FailureKind>> = {
  unknown_parameter: 'unknown',
  missing_required_parameter: 'missing',
  invalid_type: 'type',
  invalid_api_key: 'bad_key',
  model_not_found: 'no_model',
  moderation_blocked: 'blocked',
};
const KINDS_BY_HTTP: Readonly<Record<number, FailureKind>> = {
  401: 'no_key',
  404: 'no_path',
  429: 'rate_limited',
  500: 'internal',
  503: 'unavailable',
};

interface Written {
  http: number;
  body: object;
}

function written(error: OpenAIError, { provider, manner }: Host): Written {
  const { code = null, param = null } = error.detail;
  if (manner === 'vendor') {
    if (provider === 'openai') return { http: error.http, body: error.body() };
    const kind = KINDS[code ?? ''] ?? KINDS_BY_HTTP[error.http] ?? 'value';
    // Google refuses a wrong key as an argument.
    const http = kind === 'bad_key' && provider === 'google' ? 400 : error.http;
    return { http, body: bodyOf(provider, http, { kind, message: error.message, param }) };
  }
  const pydantic = PYDANTIC_TYPES[code ?? ''];
  if (error.http === 400 && pydantic !== undefined)
    return {
      http: 422,
      body: { detail: [{ type: pydantic, loc: ['body', ...(param === null ? [] : [param])], msg: error.message }] },
    };
  if (manner === 'fastapi') return { http: error.http, body: { detail: error.message } };
  const [word, type] =
    error.http >= 500 ? ['processing_error', 'server_error'] : [code ?? 'validation_error', 'invalid_request_error'];
  return { http: error.http, body: { detail: { error: word, message: error.message, type } } };
}

/** The body of an error in a host's words. */
export function errorBodyOf(error: OpenAIError, host: Host): object {
  return written(error, host).body;
}

/** Error handler of a host's mount. */
export function answerErrorsOf(host: Host) {
  return function answer(
    error: FastifyError | OpenAIError,
    _request: FastifyRequest,
    reply: FastifyReply,
  ): FastifyReply {
    const known = error instanceof OpenAIError ? error : toOpenAIError(error);
    const { http, body } = written(known, host);
    const id = host.manner === 'vendor' ? { 'x-request-id': 'req_sandbox' } : {};
    return reply
      .code(http)
      .headers({ ...id, ...known.detail.headers })
      .send(body);
  };
}
