import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { OpenAIError, toOpenAIError } from '../openai/errors.js';

/** Whose words an error is answered in: OpenAI's envelope, FastAPI's `detail`, or Kokoro-FastAPI's object in it. */
export type ErrorManner = 'openai' | 'fastapi' | 'kokoro';

/** What pydantic refuses before the server's own code runs, and what it calls it. */
const PYDANTIC_TYPES: Readonly<Record<string, string>> = {
  missing_required_parameter: 'missing',
  invalid_type: 'type_error',
  invalid_value: 'value_error',
};

interface Written {
  http: number;
  body: object;
}

function written(error: OpenAIError, manner: ErrorManner): Written {
  if (manner === 'openai') return { http: error.http, body: error.body() };
  const { code = null, param = null } = error.detail;
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
export function errorBodyOf(error: OpenAIError, manner: ErrorManner): object {
  return written(error, manner).body;
}

/** Error handler of a mount. */
export function answerErrorsIn(manner: ErrorManner) {
  return function answer(
    error: FastifyError | OpenAIError,
    _request: FastifyRequest,
    reply: FastifyReply,
  ): FastifyReply {
    const known = error instanceof OpenAIError ? error : toOpenAIError(error);
    const { http, body } = written(known, manner);
    const id = manner === 'openai' ? { 'x-request-id': 'req_sandbox' } : {};
    return reply
      .code(http)
      .headers({ ...id, ...known.detail.headers })
      .send(body);
  };
}
