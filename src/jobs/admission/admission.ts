import { Injectable } from '@nestjs/common';
import { Catalog } from '../../catalog/catalog.service.js';
import { delay } from '../../common/time.js';
import { Database } from '../../database/database.js';
import { JobQueue } from '../store/job-queue.js';
import { Logger } from '../../telemetry/logger.js';
import { reach } from '../store/fault-points.js';
import { AdmissionRepository, type Admitted, type Candidate } from './admission.repository.js';
import { pick } from './fair-queue.js';

/** Jobs of a key that are looked at beyond the free slots, in case the first ones' instances are busy. */
const SPARE = 16;

/** In a busy lane rounds are this far apart, and each takes everyone who came meanwhile. */
const BUSY_GAP_MS = 20;

/** Gives free slots of a lane to waiting jobs. The lane's row lock makes the count exact across replicas. */
@Injectable()
export class Admission {
  /** Lanes being admitted in this process; true when someone asked again meanwhile. */
  private readonly running = new Map<string, boolean>();
  private readonly limits = new Map<string, ReadonlyMap<string, number>>();

  constructor(
    private readonly db: Database,
    private readonly rows: AdmissionRepository,
    private readonly catalog: Catalog,
    private readonly queue: JobQueue,
    private readonly logger: Logger,
  ) {}

  /**
   * `admit`, soon, and once for all who ask meanwhile. Never throws: where it fails, the reconciler's next round does the
   * same work.
   */
  nudge(lane: string): void {
    if (this.running.has(lane)) {
      this.running.set(lane, true);
      return;
    }
    void this.drain(lane);
  }

  private async drain(lane: string): Promise<void> {
    this.running.set(lane, false);
    try {
      for (;;) {
        this.running.set(lane, false);
        await this.admit(lane);
        if (this.running.get(lane) !== true) return;
        await delay(BUSY_GAP_MS);
      }
    } catch (error) {
      this.logger.warn({ lane, err: error }, 'admission failed; the reconciler will try again');
    } finally {
      this.running.delete(lane);
    }
  }

  /** Admits what fits now; how many. The queue hears of them after the commit. */
  async admit(lane: string): Promise<number> {
    const admitted = await this.db.transaction(async (tx) => this.admitIn(tx, lane));
    for (const job of admitted) await reach('admission.reserved', job.id);
    await Promise.all(admitted.map((job) => this.queue.tick(job.synchronous ? 'transfer' : 'tick', job.id, job.tick)));
    return admitted.length;
  }

  private async admitIn(tx: Parameters<Parameters<Database['transaction']>[0]>[0], lane: string): Promise<Admitted[]> {
    const row = await this.rows.lock(tx, lane);
    if (!row || row.state !== 'open') return [];
    const open = await this.rows.openByEndpoint(tx, lane);
    const free = row.capacity - [...open.values()].reduce((sum, n) => sum + n, 0);
    if (free <= 0) return [];

    const limits = this.routeLimits(lane);
    const openOfRoute = await this.rows.openByRoute(tx, lane, [...limits.keys()]);
    const isFull = (route: string): boolean => (openOfRoute.get(route) ?? 0) >= (limits.get(route) ?? Infinity);
    const full = [...limits.keys()].filter(isFull);
    const { keys, jobs } = await this.rows.waiting(tx, lane, free + SPARE, full);
    if (keys.length === 0) return [];
    const cooled = await this.rows.cooledEndpoints(tx);
    const openOfKey = await this.rows.openOfCappedKeys(
      tx,
      keys.filter((key) => key.maxOpen !== null).map((key) => key.keyId),
    );
    const perEndpoint = this.catalog.lanes().find((one) => one.id === lane)?.perEndpoint ?? null;
    const placed: Parameters<AdmissionRepository['reserve']>[2][number][] = [];
    const place = (id: string): boolean => {
      const job = jobs.get(id);
      const endpoint = job && leastBusy(job, open, cooled, perEndpoint);
      if (!job || endpoint === undefined || isFull(job.route.id)) return false;
      openOfRoute.set(job.route.id, (openOfRoute.get(job.route.id) ?? 0) + 1);
      open.set(endpoint, (open.get(endpoint) ?? 0) + 1);
      placed.push({ job, endpoint, synchronous: job.route.synchronous });
      return true;
    };
    const competing = keys.map((key) => ({ ...key, open: openOfKey.get(key.keyId) ?? 0 }));
    const picked = pick(free, row.virtualClock, competing, place);
    if (placed.length === 0) return [];

    const admitted = await this.rows.reserve(tx, lane, placed);
    await this.rows.saveTags(tx, lane, picked.virtualClock, picked.tags);
    return admitted;
  }

  /** Limits of the lane's routes that have one of their own. */
  private routeLimits(lane: string): ReadonlyMap<string, number> {
    const known = this.limits.get(lane);
    if (known) return known;
    const routes = this.catalog.models().flatMap((model) => model.routes.filter((route) => route.lane === lane));
    const limits = new Map(
      routes.flatMap(({ id, capacity }): [string, number][] => (capacity === null ? [] : [[id, capacity]])),
    );
    this.limits.set(lane, limits);
    return limits;
  }
}

/** The instance with the fewest open attempts, or none when all that are well are full. */
function leastBusy(
  job: Candidate,
  open: ReadonlyMap<string, number>,
  cooled: ReadonlySet<string>,
  perEndpoint: number | null,
): string | undefined {
  const used = (endpoint: string): number => open.get(endpoint) ?? 0;
  const [best] = job.route.endpoints.filter((endpoint) => !cooled.has(endpoint)).toSorted((a, b) => used(a) - used(b));
  return best !== undefined && (perEndpoint === null || used(best) < perEndpoint) ? best : undefined;
}
