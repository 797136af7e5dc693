import type { Provider } from '../../faults.js';
import type { Problem } from '../check.js';
import type { Failure, FailureKind } from './errors.js';

const OPENAI_TYPES: Partial<Record<FailureKind, string>> = {
  rate_limited: 'requests',
  internal: 'server_error',
  unavailable: 'server_error',
};
const OPENAI_CODES: Partial<Record<FailureKind, string>> = {
  unknown: 'unknown_parameter',
  missing: 'missing_required_parameter',
  type: 'invalid_type',
  value: 'invalid_value',
  unsupported: 'unsupported_parameter',
  bad_key: 'invalid_api_key',
  no_model: 'model_not_found',
  too_long: 'context_length_exceeded',
  blocked: 'content_policy_violation',
  rate_limited: 'rate_limit_exceeded',
};

const GOOGLE_STATUS: Partial<Record<FailureKind, string>> = {
  no_key: 'UNAUTHENTICATED',
  no_model: 'NOT_FOUND',
  no_path: 'NOT_FOUND',
  rate_limited: 'RESOURCE_EXHAUSTED',
  internal: 'INTERNAL',
  unavailable: 'UNAVAILABLE',
};

const DEEPSEEK_TYPES: Partial<Record<FailureKind, string>> = {
  no_key: 'authentication_error',
  bad_key: 'authentication_error',
  rate_limited: 'rate_limit_error',
  internal: 'server_error',
  unavailable: 'service_unavailable_error',
};

const MOONSHOT_TYPES: Partial<Record<FailureKind, string>> = {
  no_key: 'invalid_authentication_error',
  bad_key: 'invalid_authentication_error',
  no_model: 'resource_not_found_error',
  no_path: 'resource_not_found_error',
  blocked: 'content_filter',
  rate_limited: 'rate_limit_reached_error',
  internal: 'server_error',
  unavailable: 'engine_overloaded_error',
};

const GROQ_CODES: Partial<Record<FailureKind, string>> = {
  no_key: 'invalid_api_key',
  bad_key: 'invalid_api_key',
  no_model: 'model_not_found',
  too_long: 'context_length_exceeded',
  rate_limited: 'rate_limit_exceeded',
};

const VLLM_TYPES: Partial<Record<FailureKind, string>> = {
  no_model: 'NotFoundError',
  no_path: 'NotFoundError',
  internal: 'InternalServerError',
  unavailable: 'ServiceUnavailableError',
};

type Shape = (http: number, failure: Failure) => object;

const openaiShape: Shape = (_http, { kind, message, param }) => ({
  error: {
    message,
    type: OPENAI_TYPES[kind] ?? 'invalid_request_error',
    param,
    code: OPENAI_CODES[kind] ?? null,
  },
});

const groqShape: Shape = (_http, { kind, message }) => {
  const type = kind === 'internal' || kind === 'unavailable' ? 'internal_server_error' : 'invalid_request_error';
  const code = GROQ_CODES[kind];
  return {
    error: { message, type: kind === 'rate_limited' ? 'requests' : type, ...(code === undefined ? {} : { code }) },
  };
};

const SHAPES: Partial<Record<Provider, Shape>> = {
  // A list with one entry (free-claude-code#542).
  google: (http, { kind, message }) => [googleError(http, kind, message)],
  openrouter: (http, { message }) => ({ error: { message, code: http }, user_id: 'user_sandbox' }),
  deepseek: (_http, { kind, message }) => ({
    error: {
      message,
      type: DEEPSEEK_TYPES[kind] ?? 'invalid_request_error',
      param: null,
      code: 'invalid_request_error',
    },
  }),
  moonshot: (_http, { kind, message }) => ({
    error: { message, type: MOONSHOT_TYPES[kind] ?? 'invalid_request_error' },
  }),
  groq: groqShape,
  // No code where it was seen (gpt4free#3446).
  deepinfra: (_http, { kind, message, param }) => ({
    error: { message, type: OPENAI_TYPES[kind] ?? 'invalid_request_error', param, code: null },
  }),
  vllm: (http, { kind, message, param }) => ({
    error: { message, type: VLLM_TYPES[kind] ?? 'BadRequestError', param, code: http },
  }),
};

/** The body of an error, by whose wire it is. */
export function bodyOf(provider: Provider, http: number, failure: Failure): object {
  return (SHAPES[provider] ?? openaiShape)(http, failure);
}

function googleError(code: number, kind: FailureKind, message: string): object {
  const details =
    kind === 'unknown'
      ? [{ '@type': 'type.googleapis.com/google.rpc.BadRequest', fieldViolations: [{ description: message }] }]
      : null;
  return {
    error: {
      code,
      message,
      status: GOOGLE_STATUS[kind] ?? 'INVALID_ARGUMENT',
      ...(details === null ? {} : { details }),
    },
  };
}

/** What a validator says of a field. */
export function messageFor(provider: Provider, problem: Problem): string {
  return (MESSAGES[provider] ?? openaiMessage)(problem);
}

const MESSAGES: Partial<Record<Provider, (problem: Problem) => string>> = {
  google: googleMessage,
  groq: groqMessage,
  deepseek: (problem) => `Failed to deserialize the JSON body into the target type: ${serdeMessage(problem)}`,
};

function openaiMessage({ kind, param, got, wanted }: Problem): string {
  switch (kind) {
    case 'unknown':
      return `Unknown parameter: '${param}'.`;
    case 'missing':
      return `Missing required parameter: '${param}'.`;
    case 'type':
      return `Invalid type for '${param}': expected ${wanted}, but got ${got} instead.`;
    case 'value':
      return `Invalid '${param}': ${got}. Supported values are: ${wanted}.`;
  }
}

function googleMessage({ kind, param, got, wanted }: Problem): string {
  if (kind === 'unknown') {
    const [, parent = '', name = param] = /^(.*)\.([^.]+)$/.exec(param) ?? [];
    const at = parent === '' ? '' : ` at '${parent}'`;
    return `Invalid JSON payload received. Unknown name "${name}"${at}: Cannot find field.`;
  }
  if (kind === 'missing') return `Invalid argument: ${param} is required.`;
  return `Invalid value at '${param}' (${wanted}), ${got}`;
}

function groqMessage({ kind, param, got, wanted }: Problem): string {
  const inner = innerGroqMessage(kind, param.split('.').at(-1) ?? param, got, wanted);
  const message = /^messages\[(\d+)\]/.exec(param);
  return message === null
    ? inner
    : `'messages.${message[1]}' : the following must be satisfied[('messages.${message[1]}' : ${inner})]`;
}

function innerGroqMessage(kind: Problem['kind'], name: string, got: string, wanted: string): string {
  if (kind === 'unknown') return `property '${name}' is unsupported`;
  if (kind === 'missing') return `property '${name}' is missing`;
  return `'${name}' : value must be ${wanted}, got ${got}`;
}

function serdeMessage({ kind, param, got, wanted }: Problem): string {
  const at = param.replace(/\.[^.]+$/, '');
  if (kind === 'missing') return `${at}: missing field \`${param.split('.').at(-1)}\``;
  return kind === 'type'
    ? `${param}: invalid type: ${got}, expected ${wanted}`
    : `${param}: unknown variant ${got}, expected ${wanted}`;
}
