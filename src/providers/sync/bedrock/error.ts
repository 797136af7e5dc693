import { messageOf } from '../../../common/errors.js';
import { EgressError } from '../../../egress/egress.js';
import { ProviderError, type ProviderErrorKind } from '../../contract.js';
import { fromTransport, kindOfStatus } from '../../http-errors.js';
import { CONTEXT_LENGTH_EXCEEDED } from '../error.js';

/** Bedrock's exceptions (API reference of InvokeModel), which say more than their status. */
const BY_NAME: Readonly<Record<string, ProviderErrorKind>> = {
  AccessDeniedException: 'auth',
  UnrecognizedClientException: 'auth',
  ExpiredTokenException: 'auth',
  ValidationException: 'invalid_input',
  ResourceNotFoundException: 'not_found',
  ServiceQuotaExceededException: 'quota',
  ThrottlingException: 'rate_limited',
  ModelNotReadyException: 'unavailable',
  ModelTimeoutException: 'timeout',
  ModelErrorException: 'internal',
  ModelStreamErrorException: 'internal',
  InternalServerException: 'internal',
  ServiceUnavailableException: 'unavailable',
};

/** AWS opens models to an account one by one: this says that one is not open, not that the credential is bad. */
const MODEL_NOT_OPEN = /access to (the|this) model/i;

interface AwsFailure {
  name?: string;
  $metadata?: { httpStatusCode?: number };
  $response?: { headers?: Record<string, string> };
}

export function toBedrockError(error: unknown): ProviderError {
  if (error instanceof ProviderError) return error;
  if (error instanceof EgressError) return fromTransport(error, 'buys');
  const { name = '', $metadata, $response } = error as AwsFailure;
  const status = $metadata?.httpStatusCode;
  const message = messageOf(error);
  const byName = name === 'AccessDeniedException' && MODEL_NOT_OPEN.test(message) ? 'not_found' : BY_NAME[name];
  const kind = byName ?? (status === undefined ? 'unavailable' : kindOfStatus(status));
  const wait = Number($response?.headers?.['retry-after'] ?? '');
  return new ProviderError(kind, 'rejected', message, {
    ...(status === undefined ? {} : { upstreamStatus: status }),
    ...(wait > 0 ? { retryAfterMs: wait * 1000 } : {}),
    ...(/too long|context/i.test(message) && kind === 'invalid_input' ? { code: CONTEXT_LENGTH_EXCEEDED } : {}),
    cause: error,
  });
}
