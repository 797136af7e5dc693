import { Injectable } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { newId } from '../../common/ids.js';
import type { Lane, Route } from '../../catalog/schema.js';
import {
  Database,
  execute,
  queryRow,
  queryRows,
  sql,
  sqlEmpty,
  sqlJoin,
  type Sql,
  type Tx,
} from '../../database/database.js';
import { OPEN_ATTEMPT_STATES } from '../domain/states.js';
import { eventType } from '../domain/transitions.js';
import type { WaitingJob, WaitingKey } from './fair-queue.js';

const OPEN = [...OPEN_ATTEMPT_STATES] as string[];

/** An attempt in one of these states holds a slot until `slot_until`. */
const HOLDS_SLOT = sql`state = ANY(${OPEN}) AND slot_until > now()`;

export interface LockedLane {
  capacity: number;
  state: string;
  virtualClock: number;
}

/** A waiting job with what its attempt needs. */
export interface Candidate extends WaitingJob {
  keyId: string;
  route: Route;
}

export interface Admitted {
  id: string;
  tick: number;
  synchronous: boolean;
}

/** SQL of admission. */
@Injectable()
export class AdmissionRepository {
  constructor(private readonly db: Database) {}

  /** Makes the rows of the catalog's lanes; capacity follows the catalog, state is left to ops. */
  async ensureLanes(lanes: readonly Lane[]): Promise<void> {
    for (const lane of lanes) {
      await execute(
        this.db,
        sql`INSERT INTO lane (id, capacity) VALUES (${lane.id}, ${lane.capacity}::int)
            ON CONFLICT (id) DO UPDATE SET capacity = excluded.capacity WHERE lane.capacity <> excluded.capacity`,
      );
    }
  }

  /** Lanes in which some job could be admitted now. */
  async lanesWithWaiters(): Promise<string[]> {
    const rows = await queryRows<{ lane: string }>(
      this.db,
      sql`SELECT id AS lane FROM lane WHERE state = 'open' AND EXISTS (SELECT 1 FROM job WHERE stage = 'waiting' AND job.lane = lane.id)`,
    );
    return rows.map((row) => row.lane);
  }

  async lock(tx: Tx, lane: string): Promise<LockedLane | null> {
    return queryRow<LockedLane>(
      tx,
      sql`SELECT capacity, state, virtual_clock AS "virtualClock" FROM lane WHERE id = ${lane} FOR UPDATE`,
    );
  }

  /** Slots in use by endpoint: counted from attempts, so that no crash can leak one. */
  async openByEndpoint(tx: Tx, lane: string): Promise<Map<string, number>> {
    const rows = await queryRows<{ endpoint: string; n: bigint }>(
      tx,
      sql`SELECT endpoint, count(*) AS n FROM attempt WHERE lane = ${lane} AND ${HOLDS_SLOT} GROUP BY endpoint`,
    );
    return new Map(rows.map((row) => [row.endpoint, Number(row.n)]));
  }

  /** Slots in use by route, of those with a limit of their own. */
  async openByRoute(tx: Tx, lane: string, routes: readonly string[]): Promise<Map<string, number>> {
    if (routes.length === 0) return new Map();
    const rows = await queryRows<{ route: string; n: bigint }>(
      tx,
      sql`SELECT route ->> 'id' AS route, count(*) AS n FROM attempt
          WHERE lane = ${lane} AND ${HOLDS_SLOT} AND route ->> 'id' = ANY(${[...routes]}) GROUP BY 1`,
    );
    return new Map(rows.map((row) => [row.route, Number(row.n)]));
  }

  /** Per key with waiting jobs, the first `limit` jobs it wants; skips along the index, whatever the backlog's length. */
  async waiting(
    tx: Tx,
    lane: string,
    limit: number,
    fullRoutes: readonly string[],
  ): Promise<{ keys: WaitingKey[]; jobs: Map<string, Candidate> }> {
    return this.select(tx, lane, limit, sql`j.plan -> j.plan_index`, fullRoutes);
  }

  /** The same keys and jobs for a look ahead, without the routes: those weigh more than all the rest. */
  async waitingKeys(lane: string, limit: number): Promise<WaitingKey[]> {
    return (await this.select(this.db, lane, limit, sql`NULL`)).keys;
  }

  private async select(
    tx: Tx,
    lane: string,
    limit: number,
    route: Sql,
    fullRoutes: readonly string[] = [],
  ): Promise<{ keys: WaitingKey[]; jobs: Map<string, Candidate> }> {
    const rows = await queryRows<{
      keyId: string;
      tag: number;
      weight: number;
      maxOpen: number | null;
      id: string;
      expectedSeconds: number;
      priority: number;
      failover: boolean;
      route: Route;
    }>(
      tx,
      sql`WITH RECURSIVE keys AS (
            (SELECT key_id FROM job WHERE stage = 'waiting' AND lane = ${lane} ORDER BY key_id LIMIT 1)
            UNION ALL
            SELECT (SELECT j.key_id FROM job j WHERE j.stage = 'waiting' AND j.lane = ${lane} AND j.key_id > keys.key_id ORDER BY j.key_id LIMIT 1)
            FROM keys WHERE keys.key_id IS NOT NULL
          ), closed AS (
            SELECT id FROM route_state WHERE state <> 'open' OR cooldown_until > now()
          ), cooled AS (
            SELECT id FROM endpoint_state WHERE cooldown_until > now()
          )
          SELECT k.key_id AS "keyId", coalesce(lk.tag, 0) AS tag, a.weight, a.max_concurrent_jobs AS "maxOpen",
            j.id, j.expected_seconds AS "expectedSeconds", j.priority, j.failover, ${route} AS route
          FROM keys k
          JOIN api_key a ON a.id = k.key_id
          LEFT JOIN lane_key lk ON lk.lane = ${lane} AND lk.key_id = k.key_id
          CROSS JOIN LATERAL (
            SELECT * FROM job WHERE stage = 'waiting' AND lane = ${lane} AND key_id = k.key_id AND ready_at <= now()
              -- Plans are large: where nothing is closed, none of them is opened.
              AND (NOT EXISTS (SELECT 1 FROM closed) OR plan -> plan_index ->> 'id' NOT IN (SELECT id FROM closed)) AND quarantined_at IS NULL
              ${fullRoutes.length === 0 ? sqlEmpty : sql`AND plan -> plan_index ->> 'id' <> ALL(${[...fullRoutes]})`}
              AND (NOT EXISTS (SELECT 1 FROM cooled)
                OR EXISTS (SELECT 1 FROM jsonb_array_elements_text(plan -> plan_index -> 'endpoints') AS e WHERE e NOT IN (SELECT id FROM cooled)))
            ORDER BY failover DESC, priority DESC, queued_at, id LIMIT ${limit}::int
          ) j
          ORDER BY k.key_id, j.failover DESC, j.priority DESC, j.queued_at, j.id`,
    );
    const keys = new Map<string, WaitingKey & { jobs: WaitingJob[] }>();
    const jobs = new Map<string, Candidate>();
    for (const row of rows) {
      const key = keys.get(row.keyId) ?? {
        keyId: row.keyId,
        tag: row.tag,
        weight: row.weight,
        open: 0,
        maxOpen: row.maxOpen,
        jobs: [],
      };
      const candidate = {
        id: row.id,
        keyId: row.keyId,
        expectedSeconds: row.expectedSeconds,
        priority: row.priority,
        failover: row.failover,
        route: row.route,
      };
      key.jobs.push(candidate);
      keys.set(row.keyId, key);
      jobs.set(row.id, candidate);
    }
    return { keys: [...keys.values()], jobs };
  }

  /** Ends the back-off of jobs that wait for one of these routes; one that is being moved now is left to its mover. */
  async hurry(lanes: readonly string[], routes: readonly string[]): Promise<void> {
    await execute(
      this.db,
      sql`UPDATE job SET ready_at = now() WHERE id IN (
            SELECT id FROM job WHERE stage = 'waiting' AND lane = ANY(${[...lanes]}) AND ready_at > now()
              AND plan -> plan_index ->> 'id' = ANY(${[...routes]}) ORDER BY id FOR UPDATE SKIP LOCKED)`,
    );
  }

  /** Instances that are not well: they get no new work. */
  async cooledEndpoints(tx: Tx): Promise<Set<string>> {
    const rows = await queryRows<{ id: string }>(tx, sql`SELECT id FROM endpoint_state WHERE cooldown_until > now()`);
    return new Set(rows.map((row) => row.id));
  }

  /** Open attempts of keys with a limit. Locks those keys in id order, or two lanes could each give one key its last slot. */
  async openOfCappedKeys(tx: Tx, keyIds: readonly string[]): Promise<Map<string, number>> {
    if (keyIds.length === 0) return new Map();
    await queryRows(tx, sql`SELECT id FROM api_key WHERE id = ANY(${[...keyIds]}) ORDER BY id FOR NO KEY UPDATE`);
    const rows = await queryRows<{ keyId: string; n: bigint }>(
      tx,
      sql`SELECT key_id AS "keyId", count(*) AS n FROM attempt WHERE key_id = ANY(${[...keyIds]}) AND ${HOLDS_SLOT} GROUP BY key_id`,
    );
    return new Map(rows.map((row) => [row.keyId, Number(row.n)]));
  }

  /** Moves the picked jobs to `submitting`, each with its attempt reserved on an endpoint, in one statement. */
  async reserve(
    tx: Tx,
    lane: string,
    picked: readonly { job: Candidate; endpoint: string; synchronous: boolean }[],
  ): Promise<Admitted[]> {
    const values = picked.map(
      ({ job, endpoint, synchronous }) =>
        sql`(${job.id}, ${newId('att')}, ${randomUUID()}, ${job.route.id}, ${endpoint}, ${synchronous}::boolean)`,
    );
    return queryRows<Admitted>(
      tx,
      sql`WITH picked (job_id, attempt_id, token, route_id, endpoint, synchronous) AS (VALUES ${sqlJoin(values)}),
          moved AS (
            UPDATE job SET status = 'running', stage = 'submitting', started_at = coalesce(started_at, now()), attempts = attempts + 1,
              failover = false, wake_at = now(), ring = ring + 1, tick = tick + 1, version = version + 1, event_seq = event_seq + 1, updated_at = now(),
              route = jsonb_build_object('id', plan -> plan_index ->> 'id', 'provider', plan -> plan_index ->> 'provider', 'model', plan -> plan_index ->> 'model',
                'bridged', coalesce(plan -> plan_index -> 'bridging', 'false'::jsonb), 'substituted', coalesce(plan -> plan_index -> 'substitute', 'false'::jsonb))
            FROM picked WHERE job.id = picked.job_id AND job.stage = 'waiting' AND job.lane = ${lane} AND job.status IN ('queued', 'running')
              -- The endpoint was chosen for this route: the job may have been moved to another meanwhile.
              AND job.plan -> job.plan_index ->> 'id' = picked.route_id AND job.quarantined_at IS NULL
            RETURNING job.id, job.key_id, job.run, job.attempts, job.plan -> job.plan_index AS route, job.tick, job.event_seq,
              picked.attempt_id, picked.token, picked.endpoint, picked.synchronous
          ), event AS (
            INSERT INTO job_event (job_id, seq, type, data)
            SELECT id, event_seq, ${eventType('admitted')}, jsonb_build_object('route', route ->> 'id') FROM moved
          ), attempt AS (
            INSERT INTO attempt (id, job_id, key_id, run, seq, lane, route, provider, model, credential, endpoint, token, state, slot_until, wake_at)
            SELECT attempt_id, id, key_id, run, -- An orphan took a number too.
              (SELECT coalesce(max(o.seq), 0) + 1 FROM attempt o WHERE o.job_id = moved.id AND o.run = moved.run), ${lane}, route, route ->> 'provider', route ->> 'model', route ->> 'credential', endpoint, token,
              'reserved', now() + interval '1 day', NULL FROM moved
          )
          SELECT id, tick, synchronous FROM moved`,
    );
  }

  async saveTags(tx: Tx, lane: string, virtualClock: number, tags: ReadonlyMap<string, number>): Promise<void> {
    const values = [...tags].map(([keyId, tag]) => sql`(${lane}, ${keyId}, ${tag}::float8)`);
    await execute(
      tx,
      sql`INSERT INTO lane_key (lane, key_id, tag) VALUES ${sqlJoin(values)} ON CONFLICT (lane, key_id) DO UPDATE SET tag = excluded.tag`,
    );
    await execute(
      tx,
      sql`UPDATE lane SET virtual_clock = ${virtualClock}::float8, updated_at = now() WHERE id = ${lane}`,
    );
  }
}
