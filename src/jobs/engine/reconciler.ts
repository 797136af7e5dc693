import { Injectable } from '@nestjs/common';
import type { DedicatedConnection } from '../../database/connection.js';
import { Database } from '../../database/database.js';
import { Logger } from '../../telemetry/logger.js';
import { JobQueue, queueFor } from '../store/job-queue.js';
import { ClaimsRepository } from './claims.repository.js';
import { Lanes } from './lanes.js';
import { RerouterRepository } from './rerouter.repository.js';
import { RouteHealthRepository } from '../../upstreams/route-health.repository.js';
import { Waker } from './waker.js';
import { StorageHealth } from './storage-health.js';

/** Advisory lock of the reconciler: "kiln" and a number. */
const LOCK = [0x6b696c6e, 1] as const;
const PERIOD_MS = 1000;
const GRACE_MS = 10_000;
const BATCH = 500;
const STORAGE_CHECK_MS = 10_000;

/** The reconciler's hands on routes and the object store. */
@Injectable()
export class Routes {
  constructor(
    readonly health: RouteHealthRepository,
    readonly rerouter: RerouterRepository,
    readonly waker: Waker,
    readonly storage: StorageHealth,
  ) {}
}

/**
 * Finds what a crash, a flushed queue or a lost message left standing. A timer in each worker, one of which holds the
 * advisory lock: a schedule in the queue would die with the queue.
 */
@Injectable()
export class Reconciler {
  private timer: NodeJS.Timeout | null = null;
  private lock: DedicatedConnection | null = null;
  private round: Promise<void> | null = null;
  private nextStorageCheck = 0;

  constructor(
    private readonly db: Database,
    private readonly claims: ClaimsRepository,
    private readonly lanes: Lanes,
    private readonly queue: JobQueue,
    private readonly routes: Routes,
    private readonly logger: Logger,
  ) {}

  start(): void {
    this.timer ??= setInterval(() => {
      this.round ??= this.turn().finally(() => (this.round = null));
    }, PERIOD_MS);
  }

  async stop(): Promise<void> {
    if (this.timer) clearInterval(this.timer);
    this.timer = null;
    await this.round;
    await this.routes.waker.stop();
    await this.lock?.end().catch(() => undefined);
    this.lock = null;
  }

  private async turn(): Promise<void> {
    try {
      // Each worker needs its own view of the store; the rest is done once.
      if (Date.now() >= this.nextStorageCheck) {
        this.nextStorageCheck = Date.now() + STORAGE_CHECK_MS;
        await this.routes.storage.check();
      }
      if (await this.holdsLock()) await this.reconcile();
    } catch (error) {
      this.logger.warn({ err: error }, 'a reconciler round failed; the next one tries again');
    }
  }

  /** One round: admit what waits, then ring what is overdue. Tests call it without the timer. */
  async reconcile(graceMs = GRACE_MS): Promise<void> {
    await this.part('routes', async () => {
      await this.routes.health.reopenUnauthorized();
      await this.routes.rerouter.run();
      await this.routes.waker.run();
    });
    await this.part('lanes', async () => {
      for (const lane of await this.lanes.rows.lanesWithWaiters())
        await this.part(`lane ${lane}`, async () => this.lanes.admission.admit(lane));
    });
    await this.part('jobs', async () => {
      for (const job of await this.claims.ringOverdue(graceMs, BATCH, await this.queue.congested()))
        await this.queue.tick(queueFor(job.stage, job.synchronous), job.id, job.tick);
    });
    await this.part('attempts', async () => {
      for (const job of await this.claims.ringOverdueAttempts(graceMs, BATCH))
        await this.queue.tick('tick', job.id, job.tick);
    });
  }

  /** One lane's trouble must not keep the others from being looked at. */
  private async part(name: string, run: () => Promise<unknown>): Promise<void> {
    try {
      await run();
    } catch (error) {
      this.logger.warn({ part: name, err: error }, 'a part of a reconciler round failed; the next one tries again');
    }
  }

  private async holdsLock(): Promise<boolean> {
    if (this.lock) return true;
    const connection = await this.db.dedicatedConnection('kiln-reconciler');
    const { rows } = await connection.query<{ held: boolean }>('SELECT pg_try_advisory_lock($1, $2) AS held', [
      ...LOCK,
    ]);
    if (rows[0]?.held !== true) {
      await connection.end();
      return false;
    }
    connection.once('end', () => (this.lock = null));
    this.lock = connection;
    return true;
  }
}
