import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Dispatcher, Pool } from 'undici';
import { quantile } from '../numbers.js';

/** What to send, and for how long: `seconds`, or until `requests` were answered. */
export interface Order {
  url: string;
  headers: Record<string, string>;
  body: string;
  connections: number;
  seconds?: number;
  requests?: number;
  /** The answer's last bytes; another end fails the run. */
  endsWith: string;
}

/** Milliseconds, but for the rate (requests a second). */
export interface Served {
  rate: number;
  p50Ms: number;
  p99Ms: number;
  /** To the first byte of the body. */
  firstByteP50Ms: number;
  firstByteP99Ms: number;
  requests: number;
}

interface Timing {
  wholeMs: number;
  firstByteMs: number;
}

class Answer implements Dispatcher.DispatchHandler {
  readonly done: Promise<Timing>;
  /** Connecting is not measured. */
  private startedAt = 0;
  private firstByteAt = 0;
  private status = 0;
  private last: Buffer = Buffer.alloc(0);
  private readonly settle: { resolve: (timing: Timing) => void; reject: (error: Error) => void };

  constructor(private readonly endsWith: string) {
    const { promise, resolve, reject } = Promise.withResolvers<Timing>();
    this.done = promise;
    this.settle = { resolve, reject };
  }

  onRequestStart(): void {
    this.startedAt = performance.now();
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    this.status = status;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.firstByteAt === 0) this.firstByteAt = performance.now();
    this.last = chunk.length >= this.endsWith.length ? chunk : Buffer.concat([this.last, chunk]);
  }

  onResponseEnd(): void {
    const end = this.last.toString('utf8');
    if (this.status !== 200 || !end.trimEnd().endsWith(this.endsWith))
      return this.settle.reject(new Error(`${this.status}: …${end.slice(-500)}`));
    const now = performance.now();
    this.settle.resolve({ wholeMs: now - this.startedAt, firstByteMs: this.firstByteAt - this.startedAt });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.settle.reject(error);
  }
}

/** Keep-alive connections, each posting again as soon as it was answered. */
async function serve(order: Order): Promise<Served> {
  const { origin, pathname } = new URL(order.url);
  const pool = new Pool(origin, { connections: order.connections, pipelining: 1 });
  const timings: Timing[] = [];
  const started = performance.now();
  const until = started + (order.seconds ?? Infinity) * 1000;
  let left = order.requests ?? Infinity;
  const connection = async (): Promise<void> => {
    while (left > 0 && performance.now() < until) {
      left -= 1;
      const answer = new Answer(order.endsWith);
      pool.dispatch({ method: 'POST', path: pathname, headers: order.headers, body: order.body }, answer);
      timings.push(await answer.done);
    }
  };
  try {
    await Promise.all(Array.from({ length: order.connections }, connection));
    const took = (performance.now() - started) / 1000;
    const whole = timings.map(({ wholeMs }) => wholeMs);
    const first = timings.map(({ firstByteMs }) => firstByteMs);
    return {
      rate: timings.length / took,
      p50Ms: quantile(whole, 0.5),
      p99Ms: quantile(whole, 0.99),
      firstByteP50Ms: quantile(first, 0.5),
      firstByteP99Ms: quantile(first, 0.99),
      requests: timings.length,
    };
  } finally {
    await pool.destroy();
  }
}

/** The load generator, in a process of its own: an order is posted, what was served comes back. */
const server = createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => {
    serve(JSON.parse(Buffer.concat(parts).toString('utf8')) as Order).then(
      (served) => response.end(JSON.stringify(served)),
      (error: unknown) => response.writeHead(500).end(error instanceof Error ? error.message : String(error)),
    );
  });
});
server.requestTimeout = 0;
server.listen(0, '127.0.0.1', () => {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  process.stdout.write(`${JSON.stringify({ url })}\n`);
});
process.once('SIGTERM', () => process.exit(0));
