import { Injectable } from '@nestjs/common';
import { Catalog } from '../catalog/catalog.service.js';
import type { ProviderError } from '../providers/contract.js';
import { Database, execute, queryRows, sql, type Sql } from '../database/database.js';
import { ShortCache } from '../keys/short-cache.js';

export interface RouteState {
  id: string;
  /** `open`, `paused` or `draining` (by ops), `unauthorized` (its credential was refused). */
  state: string;
  cooldownUntil: Date | null;
  reason: string | null;
}

/** How long a refused credential's routes stay closed before the next job may try it again. */
const UNAUTHORIZED_MS = 10 * 60_000;

/** Accepting jobs asks for the same few rows again and again: what one process changes counts there at once, elsewhere after this. */
const FRESH_MS = 250;
const MAX_BUCKETS = 1000;

/** Cooldown, pause and drain are rows, so that all replicas share them. */
@Injectable()
export class RouteHealthRepository {
  private readonly states = new ShortCache<Map<string, RouteState>>(FRESH_MS, 1);
  private readonly measuredSeconds = new ShortCache<Map<string, number>>(FRESH_MS, MAX_BUCKETS);

  constructor(
    private readonly db: Database,
    private readonly catalog: Catalog,
  ) {}

  async all(): Promise<ReadonlyMap<string, RouteState>> {
    const load = async (): Promise<Map<string, RouteState>> => {
      const rows = await queryRows<RouteState>(
        this.db,
        sql`SELECT id, state, cooldown_until AS "cooldownUntil", reason FROM route_state`,
      );
      return new Map(rows.map((row) => [row.id, row]));
    };
    return (await this.states.get('all', load)) ?? new Map<string, RouteState>();
  }

  /** Ids of routes that take no new work now. */
  async closed(): Promise<Set<string>> {
    const rows = await queryRows<{ id: string }>(
      this.db,
      sql`SELECT id FROM route_state WHERE state <> 'open' OR cooldown_until > now()`,
    );
    return new Set(rows.map((row) => row.id));
  }

  async coolDown(routeId: string, ms: number, reason: string): Promise<void> {
    await this.change(
      sql`INSERT INTO route_state (id, cooldown_until, reason, failures) VALUES (${routeId}, now() + ${ms}::float8 * interval '1 millisecond', ${reason}, 1)
          ON CONFLICT (id) DO UPDATE SET cooldown_until = greatest(route_state.cooldown_until, excluded.cooldown_until), reason = excluded.reason,
            failures = route_state.failures + 1, updated_at = now()`,
    );
  }

  /** A 429 on a poll concerns new work too: no admission until it is over. */
  async coolDownIfRateLimited(routeId: string, error: ProviderError): Promise<void> {
    if (error.kind === 'rate_limited')
      await this.coolDown(routeId, error.detail.retryAfterMs ?? 5000, 'rate_limited while polling');
  }

  /** A cooldown stays: a run that ended says nothing of the rate at which new ones are taken. */
  async succeeded(routeId: string): Promise<void> {
    await this.change(
      sql`UPDATE route_state SET failures = 0, updated_at = now() WHERE id = ${routeId} AND failures > 0 AND state = 'open'`,
    );
  }

  /** Closes every route that uses a credential the provider refused; which ones. */
  async disableCredential(credential: string, reason: string): Promise<string[]> {
    const ids = this.catalog
      .routes()
      .filter((route) => route.credential === credential)
      .map((route) => route.id);
    for (const id of ids) {
      await this.change(
        sql`INSERT INTO route_state (id, state, cooldown_until, reason) VALUES (${id}, 'unauthorized', now() + ${UNAUTHORIZED_MS}::float8 * interval '1 millisecond', ${reason})
            ON CONFLICT (id) DO UPDATE SET state = 'unauthorized', cooldown_until = excluded.cooldown_until, reason = excluded.reason, updated_at = now()
            WHERE route_state.state IN ('open', 'unauthorized')`,
      );
    }
    return ids;
  }

  /** Lets the next job probe routes whose credential was refused a while ago. */
  async reopenUnauthorized(): Promise<void> {
    await this.change(
      sql`UPDATE route_state SET state = 'open', cooldown_until = NULL, updated_at = now() WHERE state = 'unauthorized' AND cooldown_until < now()`,
    );
  }

  private async change(statement: Sql): Promise<void> {
    if ((await execute(this.db, statement)) > 0) this.states.clear();
  }

  /** By ops: `open` also ends a cooldown. */
  async setState(routeId: string, state: 'open' | 'paused' | 'draining', reason: string | null): Promise<void> {
    await this.change(
      sql`INSERT INTO route_state (id, state, reason) VALUES (${routeId}, ${state}, ${reason})
          ON CONFLICT (id) DO UPDATE SET state = excluded.state, reason = excluded.reason, failures = 0, updated_at = now(),
            cooldown_until = CASE WHEN excluded.state = 'open' THEN NULL ELSE route_state.cooldown_until END`,
    );
  }

  async coolDownEndpoint(endpoint: string, ms: number, reason: string): Promise<void> {
    await execute(
      this.db,
      sql`INSERT INTO endpoint_state (id, cooldown_until, reason, failures) VALUES (${endpoint}, now() + ${ms}::float8 * interval '1 millisecond', ${reason}, 1)
          ON CONFLICT (id) DO UPDATE SET cooldown_until = excluded.cooldown_until, reason = excluded.reason, failures = endpoint_state.failures + 1, updated_at = now()`,
    );
  }

  /** Folds one run's provider time into what the route takes: an exponentially weighted mean, a fifth for the newest. */
  async measured(routeId: string, bucket: string, seconds: number): Promise<void> {
    await execute(
      this.db,
      sql`INSERT INTO run_timing (route, bucket, seconds) VALUES (${routeId}, ${bucket}, ${seconds}::float8)
          ON CONFLICT (route, bucket) DO UPDATE SET seconds = run_timing.seconds * 0.8 + excluded.seconds * 0.2, samples = run_timing.samples + 1, updated_at = now()`,
    );
  }

  /** Mean seconds by route for one bucket, where measured. */
  async timings(bucket: string): Promise<ReadonlyMap<string, number>> {
    const load = async (): Promise<Map<string, number>> => {
      const rows = await queryRows<{ route: string; seconds: number }>(
        this.db,
        sql`SELECT route, seconds FROM run_timing WHERE bucket = ${bucket}`,
      );
      return new Map(rows.map((row) => [row.route, row.seconds]));
    };
    return (await this.measuredSeconds.get(bucket, load)) ?? new Map<string, number>();
  }
}
