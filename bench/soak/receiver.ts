import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import type { Cleanup } from '../cleanup.js';

/** What arrived under one webhook-id. */
export interface Received {
  webhookId: string;
  /** Index of the key whose address it came to. */
  key: number;
  jobId: string;
  run: number;
  /** `job.succeeded`, `job.failed`, `job.canceled`. */
  event: string;
  /** `cost.charged_micro_usd` of the job, as it was told. */
  chargedMicroUsd: number | null;
  /** How often it came, and how often that was answered with 2xx. */
  arrivals: number;
  accepted: number;
}

interface Message {
  type: string;
  data: { id: string; run: number; cost: { charged_micro_usd: number | null } };
}

/** So many of a hundred first arrivals are answered 500, and left without an answer. */
const REFUSED_OF_100 = 10;
const HUNG_OF_100 = 1;

/** Receives every key's webhooks, checks their signatures by the public library, and is at times out of order. */
export class Receiver {
  /** By webhook-id. */
  readonly received = new Map<string, Received>();
  /** Messages whose signature was wrong, or that told two things under one id. */
  readonly problems: string[] = [];
  private readonly secrets = new Map<number, Webhook>();
  /** By job and run: who waits for its end, and what has ended. */
  private readonly waiters = new Map<string, () => void>();
  private readonly over = new Set<string>();
  private isWell = false;
  private port = 0;

  constructor(private readonly seed: number) {}

  async start(cleanup: Cleanup): Promise<void> {
    const server = createServer((request, response) => {
      this.receive(request, response).catch((error: unknown) => {
        this.problems.push(String(error));
        response.writeHead(500).end();
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.port = (server.address() as AddressInfo).port;
    cleanup.add(async () => {
      server.closeAllConnections();
      server.close();
    });
  }

  /** `host:port`, as KILN_EGRESS_ALLOW takes it. */
  get host(): string {
    return `127.0.0.1:${this.port}`;
  }

  urlOf(key: number): string {
    return `http://${this.host}/hooks/${key}`;
  }

  verifyWith(key: number, secret: string): void {
    this.secrets.set(key, new Webhook(secret));
  }

  /** From now on everything is answered 204. */
  recover(): void {
    this.isWell = true;
  }

  /** Resolves with the terminal message of a job's run, or after so long. */
  async ended(jobId: string, run: number, timeoutMs: number): Promise<void> {
    const about = `${jobId} ${run}`;
    if (this.over.has(about)) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, timeoutMs);
    this.waiters.set(about, resolve);
    await promise;
    clearTimeout(timer);
    this.waiters.delete(about);
  }

  private async receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    request.setEncoding('utf8');
    for await (const chunk of request) body += String(chunk);
    const key = Number(/^\/hooks\/(\d+)$/.exec(request.url ?? '')?.[1]);
    const secret = this.secrets.get(key);
    if (!secret) throw new Error(`a message came to ${request.url ?? ''}`);
    const { type, data } = secret.verify(body, request.headers as Record<string, string>) as Message;
    const webhookId = String(request.headers['webhook-id']);
    const told: Received = {
      webhookId,
      key,
      jobId: data.id,
      run: data.run,
      event: type,
      chargedMicroUsd: data.cost.charged_micro_usd,
      arrivals: 0,
      accepted: 0,
    };
    const known = this.received.get(webhookId) ?? told;
    this.received.set(webhookId, known);
    known.arrivals += 1;
    if (known.jobId !== told.jobId || known.run !== told.run || known.event !== told.event)
      this.problems.push(`${webhookId} told of ${known.jobId} ${known.event}, then of ${told.jobId} ${told.event}`);
    const trouble = this.troubleOf(webhookId, known.arrivals);
    if (trouble === 'hang') return;
    if (trouble === null) known.accepted += 1;
    response.writeHead(trouble === 'refuse' ? 500 : 204).end();
    const about = `${data.id} ${data.run}`;
    this.over.add(about);
    this.waiters.get(about)?.();
  }

  private troubleOf(webhookId: string, arrivals: number): 'refuse' | 'hang' | null {
    if (this.isWell || arrivals > 1) return null;
    const dice = createHash('sha256').update(`${this.seed}${webhookId}`).digest().readUInt16BE() % 100;
    if (dice < HUNG_OF_100) return 'hang';
    return dice < HUNG_OF_100 + REFUSED_OF_100 ? 'refuse' : null;
  }
}
