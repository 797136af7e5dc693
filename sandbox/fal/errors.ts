import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { type FaultName, faultSpec } from '../fault-table.js';
import { breakOff } from '../transport.js';

/** One entry of a model's error, as FastAPI writes it. */
export interface Detail {
  loc: (string | number)[];
  msg: string;
  type: string;
  input: unknown;
  ctx?: object;
}

/** An error as fal answers it: the platform's text with a type, or a model's list. */
export class FalError extends Error {
  private constructor(
    readonly http: number,
    readonly body: object,
    readonly headers: Record<string, string>,
  ) {
    super(JSON.stringify(body));
  }

  static platform(http: number, detail: string, type?: string): FalError {
    return new FalError(
      http,
      { detail, ...(type === undefined ? {} : { error_type: type }) },
      type === undefined ? {} : { 'x-fal-error-type': type },
    );
  }

  static model(http: number, retryable: boolean, details: Detail[]): FalError {
    const detail = details.map((one) => ({ ...one, url: `https://docs.fal.ai/errors#${one.type}` }));
    return new FalError(http, { detail }, { 'x-fal-retryable': String(retryable) });
  }

  /** A cancel answers a word of its own: `{"status": …}`. */
  static status(http: number, status: string): FalError {
    return new FalError(http, { status }, {});
  }
}

export const invalid = (field: string, msg: string, type: string, input: unknown, ctx?: object): Detail => ({
  loc: ['body', field],
  msg,
  type,
  input,
  ...(ctx === undefined ? {} : { ctx }),
});

export const policyViolation = (prompt: string): FalError =>
  FalError.model(422, false, [
    {
      loc: ['body', 'prompt'],
      msg: 'The content could not be processed because it was flagged by a content checker.',
      type: 'content_policy_violation',
      input: prompt,
    },
  ]);

export const internalServerError = (): FalError =>
  FalError.model(500, true, [
    { loc: ['body'], msg: 'Internal server error', type: 'internal_server_error', input: {} },
  ]);

export function answerFalError(
  error: FastifyError | FalError,
  _request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  if (error instanceof FalError) return reply.code(error.http).headers(error.headers).send(error.body);
  const isClientError = error.statusCode !== undefined && error.statusCode < 500;
  return reply.code(isClientError ? 422 : 500).send({ detail: error.message });
}

const RETRY_AFTER_SECONDS = 1;

/** Shows a fault of a submit or a poll; false when `name` is none of those. */
export function showFault(reply: FastifyReply, name: FaultName, value: number | null, prompt: string): boolean {
  const { answer } = faultSpec(name);
  switch (answer) {
    case undefined:
      return false;
    case 'rate_limited':
      void reply.header('retry-after', value ?? RETRY_AFTER_SECONDS);
      throw FalError.platform(429, 'Too many requests');
    case 'internal':
      throw FalError.platform(500, 'Internal server error', 'internal_error');
    case 'unavailable':
      throw FalError.platform(503, 'No runner is available', 'runner_scheduling_failure');
    case 'blocked':
      throw policyViolation(prompt);
    case 'hang':
    case 'drop':
    case 'malformed':
      breakOff(reply, answer);
      return true;
  }
}
