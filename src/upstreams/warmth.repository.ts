import { Injectable } from '@nestjs/common';
import type { RouteBase } from '../catalog/schema.js';
import { Catalog } from '../catalog/catalog.service.js';
import { Database, execute, queryRow, queryRows, sql } from '../database/database.js';
import { ShortCache } from '../keys/short-cache.js';

const FRESH_MS = 250;
/** An endpoint that works is written down as ready at most this often by one process. */
const SEEN_EVERY_MS = 5000;
/** Ops hear of an endpoint that does not wake once in this time. */
const TOLD_AGAIN = '1 hour';

export interface Waking {
  endpoint: string;
  askedSeconds: number;
}

/**
 * Which sleeping endpoints are warm. Known from what they answer, never by asking them in idle times: a probe through an
 * autoscaler's proxy would keep the GPU awake. Rows, so that all replicas share them.
 */
@Injectable()
export class WarmthRepository {
  private readonly ready = new ShortCache<Map<string, number>>(FRESH_MS, 1);
  private readonly seen = new Map<string, number>();

  constructor(
    private readonly db: Database,
    private readonly catalog: Catalog,
  ) {}

  /** Ids of the catalog's routes that sleep now: no endpoint of theirs was seen ready within its idle time. */
  async coldRoutes(routes: readonly RouteBase[]): Promise<Set<string>> {
    const sleepers = routes.filter(({ scaleToZero }) => scaleToZero !== null);
    if (sleepers.length === 0) return new Set();
    const age = (await this.ready.get('all', () => this.ages())) ?? new Map<string, number>();
    const isWarm = (endpoint: string, idleSeconds: number): boolean => (age.get(endpoint) ?? Infinity) < idleSeconds;
    return new Set(
      sleepers
        .filter(({ endpoints, scaleToZero }) => !endpoints.some((one) => isWarm(one, scaleToZero?.idleSeconds ?? 0)))
        .map(({ id }) => id),
    );
  }

  /** Asks for these to be woken; again is no second waking. */
  async ask(endpoints: readonly string[]): Promise<void> {
    for (const endpoint of endpoints)
      await execute(
        this.db,
        sql`INSERT INTO endpoint_state (id, wake_asked_at) VALUES (${endpoint}, now())
            ON CONFLICT (id) DO UPDATE SET wake_asked_at = now(), updated_at = now() WHERE endpoint_state.wake_asked_at IS NULL`,
      );
  }

  /** It answered as one that works. Does nothing for endpoints that never sleep. */
  async seenReady(endpoint: string, route: Pick<RouteBase, 'scaleToZero'>): Promise<void> {
    if (route.scaleToZero === null) return;
    const now = Date.now();
    if (now - (this.seen.get(endpoint) ?? 0) < SEEN_EVERY_MS) return;
    this.seen.set(endpoint, now);
    await this.markReady(endpoint);
  }

  /** It answered as one that sleeps, or not at all. */
  async seenCold(endpoint: string): Promise<void> {
    this.seen.delete(endpoint);
    await execute(
      this.db,
      sql`INSERT INTO endpoint_state (id, wake_asked_at) VALUES (${endpoint}, now())
          ON CONFLICT (id) DO UPDATE SET ready_at = NULL, wake_asked_at = coalesce(endpoint_state.wake_asked_at, now()), updated_at = now()`,
    );
    this.ready.clear();
  }

  async markReady(endpoint: string): Promise<void> {
    await execute(
      this.db,
      sql`INSERT INTO endpoint_state (id, ready_at) VALUES (${endpoint}, now())
          ON CONFLICT (id) DO UPDATE SET ready_at = now(), wake_asked_at = NULL, cold_told_at = NULL, updated_at = now()`,
    );
    this.ready.clear();
  }

  async waking(): Promise<Waking[]> {
    return queryRows<Waking>(
      this.db,
      sql`SELECT id AS endpoint, extract(epoch FROM now() - wake_asked_at)::float8 AS "askedSeconds" FROM endpoint_state WHERE wake_asked_at IS NOT NULL`,
    );
  }

  /** Stops waking. True: ops have not been told lately. */
  async giveUp(endpoint: string): Promise<boolean> {
    const row = await queryRow<{ told: boolean }>(
      this.db,
      sql`WITH before AS (SELECT id, cold_told_at > now() - ${TOLD_AGAIN}::interval AS told FROM endpoint_state WHERE id = ${endpoint} FOR UPDATE)
          UPDATE endpoint_state SET wake_asked_at = NULL, cold_told_at = CASE WHEN before.told THEN cold_told_at ELSE now() END, updated_at = now()
          FROM before WHERE endpoint_state.id = before.id RETURNING coalesce(before.told, false) AS told`,
    );
    return row !== null && !row.told;
  }

  /** Routes of the catalog that sleep and have this endpoint. */
  routesAt(endpoint: string): RouteBase[] {
    return this.catalog
      .routes()
      .filter(({ scaleToZero, endpoints }) => scaleToZero !== null && endpoints.includes(endpoint));
  }

  private async ages(): Promise<Map<string, number>> {
    const rows = await queryRows<{ id: string; age: number }>(
      this.db,
      sql`SELECT id, extract(epoch FROM now() - ready_at)::float8 AS age FROM endpoint_state WHERE ready_at IS NOT NULL`,
    );
    return new Map(rows.map(({ id, age }) => [id, age]));
  }
}
