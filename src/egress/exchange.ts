import type { IncomingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { EgressError } from './egress.js';
import { toEgressError } from './failure.js';

/** How much of a body waits in memory for its reader. */
const BODY_BUFFER_BYTES = 256 * 1024;

export interface ExchangeRequest {
  url: URL;
  method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'HEAD';
  headers: Record<string, string>;
  body: string | Uint8Array | Readable | null;
  idleTimeoutMs: number;
  maxBytes: number;
}

export interface ExchangeResponse {
  status: number;
  headers: Headers;
  body: Readable;
}

function toHeaders(raw: IncomingHttpHeaders): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(raw)) {
    for (const one of Array.isArray(value) ? value : [value ?? '']) {
      try {
        headers.append(name, one);
      } catch {
        // A header that is not legal HTTP carries nothing we read.
      }
    }
  }
  return headers;
}

class ResponseBody extends Readable {
  constructor(
    private readonly controller: Dispatcher.DispatchController,
    private readonly onAbandoned: (error: Error | null) => void,
  ) {
    super({ highWaterMark: BODY_BUFFER_BYTES });
    // A failure before the reader has come must not end the process; whoever reads later still gets it.
    this.on('error', () => undefined);
  }

  override _read(): void {
    this.controller.resume();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.onAbandoned(error);
    callback(error);
  }
}

/**
 * One request on one connection. The client announces `onRequestStart` when the connection stands and the request is
 * about to be written: from there on, and only from there on, the peer may have seen it.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly response: Promise<ExchangeResponse>;
  sent = false;
  private controller: Dispatcher.DispatchController | null = null;
  private failure: EgressError | null = null;
  private body: ResponseBody | null = null;
  private ended = false;
  private receivedBytes = 0;
  private settle: { resolve: (response: ExchangeResponse) => void; reject: (error: EgressError) => void };

  constructor(private readonly request: ExchangeRequest) {
    const { promise, resolve, reject } = Promise.withResolvers<ExchangeResponse>();
    this.response = promise;
    this.settle = { resolve, reject };
  }

  start(dispatcher: Dispatcher): Promise<ExchangeResponse> {
    const { url, method, headers, body, idleTimeoutMs } = this.request;
    try {
      dispatcher.dispatch(
        {
          origin: url.origin,
          path: url.pathname + url.search,
          method,
          headers,
          body,
          // The wait for headers is timed by the caller over all hops, connecting included.
          headersTimeout: 0,
          bodyTimeout: idleTimeoutMs,
        },
        this,
      );
    } catch (error) {
      this.fail(error);
    }
    return this.response;
  }

  /** Ends the exchange wherever it is; a request that still waits for its connection is never written. */
  fail(error: unknown): void {
    if (this.failure !== null || this.ended) return;
    this.failure = toEgressError(error, this.sent, this.request.url.origin);
    this.settle.reject(this.failure);
    this.body?.destroy(this.failure);
    this.controller?.abort(this.failure);
    if (this.request.body instanceof Readable) this.request.body.destroy();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    if (this.failure === null) this.sent = true;
    else controller.abort(this.failure);
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, raw: IncomingHttpHeaders): void {
    if (status < 200) return;
    const headers = toHeaders(raw);
    const body = new ResponseBody(controller, (error) => {
      if (!this.ended) this.fail(error ?? new EgressError('aborted', 'the body was closed before its end', true));
    });
    this.body = body;
    this.settle.resolve({ status, headers, body });
    const declared = Number(headers.get('content-length') ?? '');
    if (this.request.method !== 'HEAD' && declared > this.request.maxBytes) this.fail(this.tooLarge(declared));
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.receivedBytes += chunk.length;
    if (this.receivedBytes > this.request.maxBytes) return this.fail(this.tooLarge(this.receivedBytes));
    if (this.body?.push(chunk) === false) controller.pause();
  }

  onResponseEnd(): void {
    this.ended = true;
    this.body?.push(null);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.fail(error);
  }

  private tooLarge(bytes: number): EgressError {
    const { url, maxBytes } = this.request;
    return new EgressError(
      'too_large',
      `${url.origin}: the answer has ${bytes} bytes or more, allowed are ${maxBytes}`,
      true,
    );
  }
}
