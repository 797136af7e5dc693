import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ErrorType } from '../common/error-types.js';
import { KilnError } from '../common/errors.js';
import type { Logger } from '../telemetry/logger.js';
import { anthropicErrorType } from './anthropic-errors.js';
import { AnsweredBefore } from './answered-before.js';

/** Whatever is thrown becomes the envelope. Only a KilnError's text reaches the client; an unexpected error is a 500 with its request id. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  constructor(
    private readonly logger: Logger,
    private readonly maxBodyBytes: number,
  ) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const reply = http.getResponse<FastifyReply>();
    const request = http.getRequest<FastifyRequest>();
    if (error instanceof AnsweredBefore) {
      const { status, headers, body } = error.answer;
      void reply.code(status).headers(headers).send(body);
      return;
    }
    const shown = toKilnError(error, this.maxBodyBytes);
    if (shown.status >= 500) this.logger.error({ err: error, status: shown.status }, 'a request failed');
    if (reply.sent || reply.raw.headersSent) {
      reply.raw.destroy();
      return;
    }
    sendError(reply, request.url, shown);
  }
}

/** Writes the envelope of the API that was called, with the headers that tell an SDK whether to try again. */
export function sendError(reply: FastifyReply, url: string, error: KilnError): void {
  const { retryAfterSeconds, shouldRetry, headers = {}, fields, anthropicDetails: details } = error.detail;
  if (retryAfterSeconds !== undefined) reply.header('retry-after', String(Math.ceil(retryAfterSeconds)));
  if (shouldRetry !== undefined) reply.header('x-should-retry', String(shouldRetry));
  for (const [name, value] of Object.entries(headers)) reply.header(name, value);
  const body = url.startsWith('/v1/messages')
    ? {
        type: 'error',
        error: {
          type: anthropicErrorType(error.status),
          message: error.message,
          ...fields,
          ...(details && { details }),
        },
        request_id: reply.request.id,
      }
    : error.toBody();
  void reply.code(error.status).type('application/json; charset=utf-8').send(body);
}

const BY_STATUS: Readonly<Record<number, { type: ErrorType; message: string }>> = {
  400: { type: 'invalid_request_error', message: 'The request is not valid.' },
  404: { type: 'not_found', message: 'There is nothing here.' },
  405: { type: 'method_not_allowed', message: 'This method is not allowed here.' },
  408: { type: 'timeout', message: 'The request took too long to arrive.' },
  413: { type: 'payload_too_large', message: 'The request is larger than this service accepts.' },
  415: { type: 'unsupported_media_type', message: 'This content type is not accepted here.' },
};

/** Fastify's and Nest's own errors have a status; anything without one is ours, and a 500. */
export function toKilnError(error: unknown, maxBodyBytes?: number): KilnError {
  if (error instanceof KilnError) return error;
  const status =
    error instanceof HttpException ? error.getStatus() : Number((error as { statusCode?: unknown } | null)?.statusCode);
  const known = BY_STATUS[status];
  if (!known)
    return new KilnError(500, 'internal_error', 'Something went wrong here; the request id tells us what.', {
      cause: error,
    });
  const message =
    status === 413 && maxBodyBytes !== undefined ? `The body is larger than ${maxBodyBytes} bytes.` : null;
  return new KilnError(status, known.type, message ?? publicText(error) ?? known.message, { cause: error });
}

/** Fastify's texts for client errors name types and parts of the URL, and nothing of ours. */
function publicText(error: unknown): string | null {
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' && code.startsWith('FST_') && error instanceof Error ? error.message : null;
}
