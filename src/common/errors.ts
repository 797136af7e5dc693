import type { JsonObject } from './json.js';
import type { ErrorCode, ErrorType } from './error-types.js';

/**
 * The one error that reaches a client. `type` is the reason, `code` is OpenAI's word where one exists, else the status as
 * a string; `param` is the field. Anything else that is thrown becomes a 500 without its text.
 */
export class KilnError extends Error {
  override readonly name = 'KilnError';
  readonly code: string;

  constructor(
    readonly status: number,
    readonly type: ErrorType,
    message: string,
    readonly detail: {
      code?: ErrorCode;
      param?: string | null;
      /** Seconds for `Retry-After`. */
      retryAfterSeconds?: number;
      /** `false` sends `x-should-retry: false`: waiting a minute does not cure it. */
      shouldRetry?: boolean;
      headers?: Record<string, string>;
      /** Further fields of `error`, in every envelope. */
      fields?: JsonObject;
      /** `error.details` of Anthropic's envelope, which its clients act upon. */
      anthropicDetails?: JsonObject;
      cause?: unknown;
    } = {},
  ) {
    super(message, { cause: detail.cause });
    this.code = detail.code ?? String(status);
  }

  get param(): string | null {
    return this.detail.param ?? null;
  }

  toBody(): { error: JsonObject & { message: string; type: ErrorType; code: string; param: string | null } } {
    const { message, type, code, param } = this;
    return { error: { message, type, code, param, ...this.detail.fields } };
  }
}

export const invalidRequest = (message: string, param?: string, code?: ErrorCode): KilnError =>
  new KilnError(400, 'invalid_request_error', message, { param: param ?? null, code });

export const notFound = (what: string, id: string): KilnError =>
  new KilnError(404, 'not_found', `No ${what} '${id}' exists for this key.`);

/** Wrong state for what was asked: waiting does not help, so SDKs are told not to retry. */
export const conflict = (message: string, type: ErrorType = 'conflict'): KilnError =>
  new KilnError(409, type, message, { shouldRetry: false });

export const unusable = (message: string, param: string, type: ErrorType = 'unusable_media'): KilnError =>
  new KilnError(422, type, message, { param });

export const unavailable = (message: string, retryAfterSeconds = 5, type: ErrorType = 'unavailable'): KilnError =>
  new KilnError(503, type, message, { retryAfterSeconds });

/** For the default branch of an exhaustive switch. */
export function assertNever(value: never): never {
  throw new Error(`unexpected value ${JSON.stringify(value)}`);
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
