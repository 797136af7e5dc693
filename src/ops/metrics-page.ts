import { Injectable } from '@nestjs/common';
import { KilnConfig } from '../config/config.js';
import { Database } from '../database/database.js';
import { Capacity } from '../jobs/admin/capacity.js';
import { freeBytes } from '../storage/free-disk.js';
import { Metrics } from '../telemetry/metrics.js';
import { GaugesRepository } from './gauges.repository.js';
import { StorageProbe } from './storage-probe.js';

/** Gauges that come from one query share its answer for this long, a scrape's length. */
const SHARED_MS = 1000;

/**
 * The metrics of this process and, read from PostgreSQL at each scrape, of the whole service: every replica says the same
 * there, so take the maximum over replicas, not the sum.
 */
@Injectable()
export class MetricsPage {
  constructor(
    private readonly metrics: Metrics,
    private readonly rows: GaugesRepository,
    private readonly capacity: Capacity,
    private readonly db: Database,
    private readonly storage: StorageProbe,
    private readonly config: KilnConfig,
  ) {
    metrics.collectProcess();
    this.registerJobs();
    this.registerCapacity();
    this.registerMoney();
    this.registerInfrastructure();
  }

  /** Prometheus text format. */
  async scrape(): Promise<{ contentType: string; text: string }> {
    this.storage.refresh();
    return this.metrics.scrape();
  }

  private registerJobs(): void {
    const { metrics, rows } = this;
    const stages = shared(() => rows.stages());
    this.one('kiln_wake_lateness_seconds', 'Lateness of the most overdue job', () => rows.wakeLatenessSeconds());
    this.one('kiln_webhook_lateness_seconds', 'Lateness of the most overdue webhook delivery', () =>
      rows.deliveryLatenessSeconds(),
    );
    this.one('kiln_jobs_quarantined', 'Jobs set aside for ops', () => rows.quarantined());
    metrics.gauge('kiln_jobs', 'Live jobs', ['status', 'stage'], async () =>
      (await stages()).map(({ status, stage, jobs }) => ({ labels: { status, stage }, value: jobs })),
    );
    metrics.gauge(
      'kiln_jobs_oldest_seconds',
      'Age of the oldest live job since it was queued',
      ['status', 'stage'],
      async () =>
        (await stages()).map(({ status, stage, oldestSeconds }) => ({
          labels: { status, stage },
          value: oldestSeconds,
        })),
    );
    metrics.gauge('kiln_open_attempts', 'Attempts that may still work or cost', ['state'], async () =>
      [...(await rows.openAttempts())].map(([state, value]) => ({ labels: { state }, value })),
    );
  }

  private registerCapacity(): void {
    const { metrics, capacity } = this;
    const lanes = shared(() => capacity.lanes());
    metrics.gauge('kiln_lane_slots_used', 'Slots in use', ['lane'], async () =>
      (await lanes()).map((lane) => ({ labels: { lane: lane.id }, value: lane.open_attempts })),
    );
    metrics.gauge('kiln_lane_slots', 'Slots', ['lane'], async () =>
      (await lanes()).map((lane) => ({ labels: { lane: lane.id }, value: lane.capacity })),
    );
    metrics.gauge('kiln_lane_state', '1 for the state the lane is in', ['lane', 'state'], async () =>
      (await lanes()).map((lane) => ({ labels: { lane: lane.id, state: lane.state }, value: 1 })),
    );
    metrics.gauge('kiln_route_state', '1 for the state the route is in', ['route', 'state'], async () =>
      (await capacity.routes()).map((route) => ({
        labels: { route: route.id, state: route.disabled === null ? route.state : 'disabled' },
        value: 1,
      })),
    );
  }

  private registerMoney(): void {
    this.metrics.gauge(
      'kiln_open_holds_micro_usd',
      'Money held and not yet settled, by age of the hold',
      ['age'],
      async () => (await this.rows.openHolds()).map(({ age, microUsd }) => ({ labels: { age }, value: microUsd })),
    );
    this.one('kiln_unsettled_jobs', 'Finished jobs whose hold was neither settled nor released', () =>
      this.rows.unsettled(),
    );
  }

  private registerInfrastructure(): void {
    const { metrics, db, storage, config } = this;
    metrics.gauge('kiln_database_connections', "This process's pool; waiting are callers without one", ['state'], () =>
      Object.entries(db.poolState()).map(([state, value]) => ({ labels: { state }, value })),
    );
    this.one('kiln_object_store_healthy', '1 while results could be stored', () =>
      Promise.resolve(storage.healthy() ? 1 : 0),
    );
    this.one('kiln_disk_free_bytes', 'Free disk under KILN_DATA_DIR', () => freeBytes(config.dataDir));
  }

  private one(name: string, help: string, read: () => Promise<number>): void {
    this.metrics.gauge(name, help, [], async () => [{ labels: {}, value: await read() }]);
  }
}

function shared<T>(read: () => Promise<T>): () => Promise<T> {
  let last: { at: number; answer: Promise<T> } | null = null;
  return () => {
    if (last === null || Date.now() - last.at > SHARED_MS) last = { at: Date.now(), answer: read() };
    return last.answer;
  };
}
