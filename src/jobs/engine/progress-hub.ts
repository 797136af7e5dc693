import { Inject, Injectable } from '@nestjs/common';
import { WebSocket } from 'ws';
import type { DedicatedConnection } from '../../database/connection.js';
import { Database } from '../../database/database.js';
import type { Adapter } from '../../providers/contract.js';
import { PROVIDERS } from '../../providers/providers.module.js';
import { Logger } from '../../telemetry/logger.js';
import { AttemptsRepository, type RunningAttempt } from '../store/attempts.repository.js';
import { Progress } from './progress.js';

const LOOK_MS = 1000;
/** Attempts whose progress one look follows; the rest is told by polling. */
const MAX_WATCHED = 2000;
const IDLE_MS = 30_000;
const SAVE_EVERY_MS = 400;

interface Open {
  socket: WebSocket;
  lock: DedicatedConnection;
  lastUsedAt: number;
  attempts: Map<string, { attemptId: string; jobId: string; savedAt: number }>;
}

/**
 * Progress sockets of instances that have running work: one owner per instance over all workers, by an advisory lock, since
 * an instance talks to one client id only. What comes over them is a nicety; polling is the truth.
 */
@Injectable()
export class ProgressHub {
  private readonly open = new Map<string, Open>();
  private timer: NodeJS.Timeout | null = null;
  private round: Promise<void> | null = null;

  constructor(
    private readonly db: Database,
    @Inject(PROVIDERS) private readonly adapters: ReadonlyMap<string, Adapter>,
    private readonly attempts: AttemptsRepository,
    private readonly progress: Progress,
    private readonly logger: Logger,
  ) {}

  start(): void {
    const listening = [...this.adapters.values()].filter((adapter) => adapter.progress).map((adapter) => adapter.id);
    if (listening.length === 0) return;
    this.timer ??= setInterval(() => {
      this.round ??= this.look(listening)
        .catch((error: unknown) => this.logger.debug({ err: error }, 'the progress hub will look again'))
        .finally(() => (this.round = null));
    }, LOOK_MS);
  }

  async stop(): Promise<void> {
    if (this.timer) clearInterval(this.timer);
    this.timer = null;
    await this.round;
    await Promise.all([...this.open.keys()].map((endpoint) => this.close(endpoint)));
  }

  private async look(providers: string[]): Promise<void> {
    const running = await this.attempts.runningOf(providers, MAX_WATCHED);
    const byEndpoint = Map.groupBy(running, (attempt) => attempt.endpoint);
    for (const [endpoint, attempts] of byEndpoint) await this.watch(endpoint, attempts);
    for (const [endpoint, one] of this.open) {
      if (!byEndpoint.has(endpoint) && Date.now() - one.lastUsedAt > IDLE_MS) await this.close(endpoint);
    }
  }

  private async watch(endpoint: string, attempts: RunningAttempt[]): Promise<void> {
    const adapter = this.adapters.get(attempts[0]?.provider ?? '');
    const parser = adapter?.progress;
    if (!parser) return;
    const one = this.open.get(endpoint) ?? (await this.connect(endpoint, parser));
    if (!one) return;
    one.lastUsedAt = Date.now();
    const known = one.attempts;
    one.attempts = new Map(
      attempts.map((attempt) => {
        const key = parser.taskKeyOf(attempt.taskId);
        return [key, known.get(key) ?? { attemptId: attempt.id, jobId: attempt.jobId, savedAt: 0 }];
      }),
    );
  }

  private async connect(endpoint: string, parser: NonNullable<Adapter['progress']>): Promise<Open | null> {
    const lock = await this.db.dedicatedConnection('kiln-progress');
    const { rows } = await lock.query<{ held: boolean }>(
      `SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS held`,
      [`kiln-progress ${endpoint}`],
    );
    if (rows[0]?.held !== true) {
      await lock.end();
      return null;
    }
    const socket = new WebSocket(parser.url(endpoint, parser.clientId(endpoint)), {
      handshakeTimeout: 5000,
      maxPayload: 16 * 1024 * 1024,
      followRedirects: false,
    });
    const one: Open = { socket, lock, lastUsedAt: Date.now(), attempts: new Map() };
    this.open.set(endpoint, one);
    socket.on('message', (data, isBinary) => {
      // Binary frames are preview pictures.
      if (!isBinary) this.onFrame(one, parser, (data as Buffer).toString('utf8'));
    });
    const gone = (): void => void this.close(endpoint);
    socket.once('close', gone);
    socket.once('error', gone);
    lock.once('end', gone);
    return one;
  }

  private onFrame(one: Open, parser: NonNullable<Adapter['progress']>, frame: string): void {
    for (const { taskKey, progress } of parser.parse(frame)) {
      const attempt = one.attempts.get(taskKey);
      if (!attempt || Date.now() - attempt.savedAt < SAVE_EVERY_MS) continue;
      attempt.savedAt = Date.now();
      this.progress.save(attempt.jobId, attempt.attemptId, progress).catch(() => undefined);
    }
  }

  private async close(endpoint: string): Promise<void> {
    const one = this.open.get(endpoint);
    if (!one) return;
    this.open.delete(endpoint);
    one.socket.removeAllListeners();
    one.socket.on('error', () => undefined);
    one.socket.terminate();
    await one.lock.end().catch(() => undefined);
  }
}
