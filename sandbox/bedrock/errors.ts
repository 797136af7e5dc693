import { randomUUID } from 'node:crypto';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { AnthropicError } from '../anthropic/errors.js';

/** HTTP status of each exception: Bedrock Runtime API reference, `InvokeModel`, and the models of `@aws-sdk/client-bedrock-runtime`. */
const HTTP_OF = {
  AccessDeniedException: 403,
  UnrecognizedClientException: 403,
  InvalidSignatureException: 403,
  MissingAuthenticationTokenException: 403,
  ValidationException: 400,
  ResourceNotFoundException: 404,
  UnknownOperationException: 404,
  ModelTimeoutException: 408,
  RequestEntityTooLargeException: 413,
  ModelErrorException: 424,
  ThrottlingException: 429,
  ModelNotReadyException: 429,
  InternalServerException: 500,
  ServiceUnavailableException: 503,
} as const;

export type BedrockErrorType = keyof typeof HTTP_OF;

/** An error as Bedrock answers it: the type in `x-amzn-ErrorType`, the body `{"message"}`. */
export class BedrockError extends Error {
  readonly http: number;

  constructor(
    readonly type: BedrockErrorType,
    message: string,
  ) {
    super(message);
    this.http = HTTP_OF[type];
  }
}

export const validation = (message: string): BedrockError => new BedrockError('ValidationException', message);

/** Error handler of the mount. What the model refuses is a ValidationException with the model's words. */
export function answerBedrockError(
  error: FastifyError | BedrockError | AnthropicError,
  _request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const known = error instanceof BedrockError ? error : toBedrockError(error);
  return reply
    .code(known.http)
    .headers({ 'x-amzn-requestid': randomUUID(), 'x-amzn-errortype': known.type })
    .send({ message: known.message });
}

function toBedrockError(error: FastifyError | AnthropicError): BedrockError {
  if (error instanceof AnthropicError) return ofModel(error);
  const { statusCode = 500 } = error;
  if (statusCode === 413) return new BedrockError('RequestEntityTooLargeException', 'Request body is too large.');
  if (statusCode >= 500)
    return new BedrockError('InternalServerException', 'The system encountered an unexpected error during processing.');
  return validation('Malformed input request, please reformat your input and try again.');
}

/** What an error of the model is on this surface. */
export function ofModel(error: AnthropicError): BedrockError {
  switch (error.type) {
    case 'rate_limit_error':
      return new BedrockError('ThrottlingException', 'Too many requests, please wait before trying again.');
    case 'overloaded_error':
      return new BedrockError('ServiceUnavailableException', 'Bedrock is unable to process your request.');
    case 'api_error':
      return new BedrockError(
        'InternalServerException',
        'The system encountered an unexpected error during processing.',
      );
    case 'timeout_error':
      return new BedrockError('ModelTimeoutException', 'The model took too long to answer.');
    case 'not_found_error':
      return new BedrockError('ResourceNotFoundException', error.message);
    case 'authentication_error':
    case 'billing_error':
    case 'permission_error':
      return new BedrockError('AccessDeniedException', error.message);
    case 'invalid_request_error':
    case 'request_too_large':
      return validation(error.message);
  }
}
