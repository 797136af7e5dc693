import { NO_USAGE, type UsageRecord } from '../../src/billing/usage.js';
import { SyncHolds, type SyncHold, type SyncHoldParts } from '../../src/billing/sync-holds.js';
import { newId } from '../../src/common/ids.js';
import { type Database, execute, queryRow, sql } from '../../src/database/database.js';
import { Logger } from '../../src/telemetry/logger.js';
import { Metrics } from '../../src/telemetry/metrics.js';
import { OpsEvents } from '../../src/telemetry/ops-events.js';
import { OpsEventsRepository } from '../../src/telemetry/ops-events.repository.js';

export const PRICE = { unit: 'usage', amountMicroUsd: 0 };

export const record = (more: Partial<UsageRecord> = {}): UsageRecord => ({
  endpoint: 'chat.completions',
  model: 'gpt-5-mini',
  route: 'gpt-5-mini/openai',
  provider: 'openai',
  upstreamModel: 'gpt-5-mini-2025-08-07',
  status: 'ok',
  httpStatus: 200,
  usage: { ...NO_USAGE, inputTokens: 12, outputTokens: 34 },
  upstreamCostMicroUsd: 5,
  latencyMs: 321,
  ttfbMs: 45,
  attempts: 1,
  streamed: false,
  sandbox: false,
  errorCode: null,
  ...more,
});

export const newHold = (keyId: string, amountMicroUsd: number, budget: number | null = null): SyncHold => ({
  requestId: newId('req'),
  keyId,
  amountMicroUsd,
  dailyBudgetMicroUsd: budget,
  price: PRICE,
});

/** One process of the gateway, on this database. */
export function gatewayProcess(db: Database, more: Partial<SyncHoldParts> = {}): SyncHolds {
  return new SyncHolds({ ...parts(db), ...more });
}

export function parts(db: Database): SyncHoldParts {
  const logger = Logger.create({ level: 'silent' });
  const metrics = new Metrics();
  return { db, logger, metrics, ops: new OpsEvents(new OpsEventsRepository(db), logger, metrics) };
}

export const today = async (db: Database): Promise<string> =>
  (await queryRow<{ day: string }>(db, sql`SELECT (now() AT TIME ZONE 'UTC')::date::text AS day`))?.day ?? '';

export const openHolds = async (db: Database): Promise<number> =>
  (await queryRow<{ n: number }>(db, sql`SELECT count(*)::int AS n FROM gateway_hold`))?.n ?? -1;

/** A key as jobs' holds read it; its id. */
export async function newKey(db: Database, dailyBudgetMicroUsd: number | null): Promise<string> {
  const id = newId('key');
  await execute(
    db,
    sql`INSERT INTO api_key (id, name, daily_budget_micro_usd) VALUES (${id}, 'test', ${dailyBudgetMicroUsd}::bigint)`,
  );
  return id;
}

/**
 * From now on no transaction can commit a day above its key's budget, as this shows with `keyId`, which has one: what tries
 * fails. Budgets must not be lowered meanwhile.
 */
export async function guardBudgets(db: Database, keyId: string): Promise<void> {
  await execute(
    db,
    sql`CREATE FUNCTION guard_day() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF NEW.spent_micro_usd + NEW.held_micro_usd > (SELECT daily_budget_micro_usd FROM api_key WHERE id = NEW.key_id) THEN
            RAISE EXCEPTION 'the day of % is overspent', NEW.key_id;
          END IF;
          RETURN NULL;
        END $$`,
  );
  await execute(
    db,
    sql`CREATE CONSTRAINT TRIGGER guard_day AFTER INSERT OR UPDATE ON budget_day DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION guard_day()`,
  );
  const overspend = sql`INSERT INTO budget_day (key_id, day, held_micro_usd)
    SELECT id, '2000-01-01', daily_budget_micro_usd + 1 FROM api_key WHERE id = ${keyId}`;
  await expect(execute(db, overspend)).rejects.toThrow('overspent');
}
