import type { Readable } from 'node:stream';

/**
 * Every outbound request states its trust. `configured`: the origin stands in configuration (a provider's API).
 * `foreign`: the URL came from a user or from a provider's answer: https, public addresses only (checked and pinned at
 * connect), redirects re-checked, no credentials off-origin, size and time capped.
 */
export interface EgressOptions {
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'HEAD';
  headers?: Record<string, string>;
  body?: string | Uint8Array | Readable | FormData;
  /** Until the response's headers. Default 15_000. */
  timeoutMs?: number;
  /** Longest silence while the body arrives. Default 30_000. */
  idleTimeoutMs?: number;
  /** Longest body; more fails the body stream with `too_large`. Default 10 MiB. */
  maxBytes?: number;
  /** Redirects followed; 0 gives a 3xx back as it is. Default 0 for configured, 5 for foreign. A redirect off-origin drops `headers` that carry credentials. */
  maxRedirects?: number;
  signal?: AbortSignal;
}

export interface EgressResponse {
  status: number;
  headers: Headers;
  /** Address after redirects. */
  url: string;
  body: Readable;
  text(): Promise<string>;
  json(): Promise<unknown>;
  /** Reads and throws away what is left, so that the connection can be used again. */
  discard(): Promise<void>;
}

export type EgressReason =
  | 'blocked'
  | 'dns'
  | 'connect'
  | 'timeout'
  | 'too_large'
  | 'reset'
  | 'redirect'
  | 'tls'
  | 'aborted';

/** `sent`: bytes of the request may have reached the peer, so its outcome is unknown. */
export class EgressError extends Error {
  override readonly name = 'EgressError';
  constructor(
    readonly reason: EgressReason,
    message: string,
    readonly sent: boolean,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

export interface Egress {
  configured(url: string, options?: EgressOptions): Promise<EgressResponse>;
  foreign(url: string, options?: EgressOptions): Promise<EgressResponse>;
  /** Throws EgressError('blocked') where `foreign` would refuse before connecting: shape, scheme, port, literal or resolved address. */
  assertForeign(url: string): Promise<void>;
  close(): Promise<void>;
}

export const EGRESS = Symbol('EGRESS');
