import { Outputs } from '../../src/assets/outputs.js';
import { type Database, execute, queryRow, queryRows, sql } from '../../src/database/database.js';
import { Uploads } from '../../src/assets/uploads.js';
import { Outcomes } from '../../src/jobs/engine/outcome.js';
import { idAt } from '../../src/common/id-at.js';
import { Maintenance } from '../../src/jobs/maintenance/maintenance.js';
import { RetentionRepository } from '../../src/jobs/maintenance/retention.repository.js';
import { Retirements } from '../../src/jobs/maintenance/retirements.js';
import { RetirementsRepository } from '../../src/jobs/maintenance/retirements.repository.js';
import { OpsEvents } from '../../src/telemetry/ops-events.js';
import { loadCatalog } from '../../src/catalog/load-catalog.js';
import { adapters } from '../../src/providers/registry.js';
import { HOUR_MS } from '../../src/common/time.js';
import { Logger } from '../../src/telemetry/logger.js';
import { type Kiln, startKiln } from '../support/kiln.js';

let kiln: Kiln;
let db: Database;
beforeAll(async () => {
  kiln = await startKiln({ workers: false });
  db = kiln.database;
});
afterAll(async () => kiln.drop());

/** The sandbox's routes retire never. */
const silent = { tell: async () => undefined } as Retirements;
const maintenance = (): Maintenance => {
  const { app } = kiln;
  return new Maintenance(db, new RetentionRepository(db), app.get(Outputs), app.get(Uploads), silent, app.get(Logger));
};
const count = async (query: ReturnType<typeof sql>): Promise<number> =>
  (await queryRow<{ n: number }>(db, sql`SELECT count(*)::int AS n FROM (${query}) found`))?.n ?? -1;

async function failedJob(daysAgo: number): Promise<string> {
  const { id } = await kiln.post({ model: 'flux-dev', input: { prompt: 'a private wish' }, metadata: { user: 'ann' } });
  const error = { code: 'x', message: 'x', param: null, retryable: true };
  await kiln.app.get(Outcomes).end({ jobId: id, transition: 'failed', error });
  await execute(db, sql`UPDATE job SET finished_at = now() - ${daysAgo}::int * interval '1 day' WHERE id = ${id}`);
  await execute(
    db,
    sql`UPDATE job_event SET created_at = now() - ${daysAgo}::int * interval '1 day' WHERE job_id = ${id}`,
  );
  return id;
}

/** The random end of `own`, at another time. */
const oldId = (days: number, end: string): string => idAt('whd', days).slice(0, -4) + end;

async function delivery(jobId: string, days: number, end: string, wake: boolean): Promise<string> {
  const id = oldId(days, end);
  await execute(
    db,
    sql`INSERT INTO webhook_delivery (id, key_id, job_id, event, url, body, status, wake_at)
        VALUES (${id}, 'key_x', ${jobId}, 'job.running', 'https://example.com', '{}', ${wake ? 'pending' : 'delivered'}, ${wake ? new Date(Date.now() + HOUR_MS) : null}::timestamptz)`,
  );
  await execute(db, sql`INSERT INTO webhook_try (delivery_id, n, duration_ms) VALUES (${id}, 1, 5), (${id}, 3, 5)`);
  return id;
}

test('what is past its time goes, and only that', async () => {
  const [old, young] = [await failedJob(31), await failedJob(29)];
  const { id: live } = await kiln.post({ model: 'flux-dev', input: { prompt: 'still here' } });
  await execute(db, sql`UPDATE job_event SET created_at = now() - interval '40 days' WHERE job_id = ${live}`);
  await execute(
    db,
    sql`INSERT INTO job_event (job_id, seq, type, created_at) VALUES (${live}, 900, 'job.x', now() - interval '40 days')`,
  );
  const kept = [
    await delivery(old, 29, 'aaaa', false),
    await delivery(old, 31, 'bbbb', true),
    await delivery(live, 31, 'cccc', false),
  ];
  await delivery(old, 31, 'dddd', false);
  for (const [id, days] of [
    ['whe_old', 31],
    ['whe_young', 29],
    ['whe_named', 31],
    ['whe_live', null],
  ] as const)
    await execute(
      db,
      sql`INSERT INTO webhook_endpoint (id, key_id, url, events, deleted_at)
          VALUES (${id}, 'key_x', 'https://example.com', '{job.failed}', now() - ${days}::int * interval '1 day')`,
    );
  await execute(db, sql`UPDATE webhook_delivery SET endpoint_id = 'whe_named' WHERE id = ${kept[0] ?? ''}`);
  for (const [id, days] of [
    ['ops_old', 91],
    ['ops_young', 89],
  ] as const)
    await execute(
      db,
      sql`INSERT INTO ops_event (id, severity, type, message, created_at) VALUES (${id}, 'info', 't', 'm', now() - ${days}::int * interval '1 day')`,
    );
  for (const [key, hours] of [
    ['old', 25],
    ['young', 23],
  ] as const)
    await execute(
      db,
      sql`INSERT INTO idempotency (key_id, path, idem_key, fingerprint, created_at) VALUES ('k', '/p', ${key}, 'f', now() - ${hours}::int * interval '1 hour')`,
    );

  for (const [id, days] of [
    ['req_old', 400],
    ['job_old/2', 400],
    ['req_young', 390],
  ] as const)
    await execute(
      db,
      sql`INSERT INTO usage_record (id, key_id, day, endpoint, model, status, http_status, charged_micro_usd, latency_ms, created_at)
          VALUES (${id}, 'k', '2026-01-01', 'embeddings', 'm', 'ok', 200, 1, 1, now() - ${days}::int * interval '1 day')`,
    );
  for (const [id, minutes] of [
    ['old', -1],
    ['young', 1],
  ] as const)
    await execute(
      db,
      sql`INSERT INTO response_item (key_id, id, item, expires_at) VALUES ('k', ${id}, '{}', now() + ${minutes}::int * interval '1 minute')`,
    );

  await maintenance().runDue();

  const endpoints = await queryRows<{ id: string }>(db, sql`SELECT id FROM webhook_endpoint ORDER BY id`);
  expect(endpoints.map(({ id }) => id)).toEqual(['whe_live', 'whe_named', 'whe_young']);

  expect(await count(sql`SELECT 1 FROM usage_record WHERE id IN ('req_old', 'job_old/2')`)).toBe(0);
  expect(await count(sql`SELECT 1 FROM usage_record WHERE id = 'req_young'`)).toBe(1);
  expect(await count(sql`SELECT 1 FROM response_item WHERE id = 'old'`)).toBe(0);
  expect(await count(sql`SELECT 1 FROM response_item WHERE id = 'young'`)).toBe(1);
  expect(await count(sql`SELECT 1 FROM job_event WHERE job_id = ${old}`)).toBe(0);
  expect(await count(sql`SELECT 1 FROM job_event WHERE job_id = ${young}`)).toBeGreaterThan(0);
  expect(await count(sql`SELECT 1 FROM job_event WHERE job_id = ${live}`)).toBeGreaterThan(0);
  expect(await count(sql`SELECT 1 FROM webhook_delivery`)).toBe(3);
  expect(await count(sql`SELECT 1 FROM webhook_delivery WHERE id = ANY(${kept})`)).toBe(3);
  // With the log of its tries.
  expect(await count(sql`SELECT 1 FROM webhook_try`)).toBe(6);
  expect(await count(sql`SELECT 1 FROM webhook_try WHERE delivery_id = ANY(${kept})`)).toBe(6);
  expect(await count(sql`SELECT 1 FROM ops_event WHERE id = 'ops_old'`)).toBe(0);
  expect(await count(sql`SELECT 1 FROM ops_event WHERE id = 'ops_young'`)).toBe(1);
  expect(await count(sql`SELECT 1 FROM idempotency WHERE key_id = 'k' AND idem_key = 'old'`)).toBe(0);
  expect(await count(sql`SELECT 1 FROM idempotency WHERE key_id = 'k' AND idem_key = 'young'`)).toBe(1);
  expect(await kiln.get(old)).toMatchObject({ status: 'failed', input: {}, metadata: {}, error: { code: 'x' } });
  expect(await kiln.get(young)).toMatchObject({ input: { prompt: 'a private wish' }, metadata: { user: 'ann' } });
  // The money stays, and nothing is left that could run.
  expect(await count(sql`SELECT 1 FROM ledger_entry WHERE work_id = ${old}`)).toBe(2);
  expect(await kiln.call('POST', `/v1/jobs/${old}/replay`, {})).toMatchObject({
    status: 422,
    body: { error: { type: 'input_expired', param: 'input' } },
  });
});

test('a deleted job leaves only its money, a day later', async () => {
  const [recent, gone] = [await failedJob(0), await failedJob(0)];
  for (const id of [recent, gone]) expect((await kiln.call('DELETE', `/v1/jobs/${id}`)).status).toBe(200);
  // Written while the job was being deleted.
  const late = await delivery(gone, 0, 'eeee', true);
  await execute(db, sql`UPDATE job SET deleted_at = now() - interval '25 hours' WHERE id = ${gone}`);
  await maintenance().runDue();
  expect(await count(sql`SELECT 1 FROM job WHERE id = ${recent}`)).toBe(1);
  for (const table of [
    sql`SELECT 1 FROM job WHERE id = ${gone}`,
    sql`SELECT 1 FROM job_event WHERE job_id = ${gone}`,
    sql`SELECT 1 FROM attempt WHERE job_id = ${gone}`,
    sql`SELECT 1 FROM webhook_delivery WHERE id = ${late}`,
    sql`SELECT 1 FROM webhook_try WHERE delivery_id = ${late}`,
  ])
    expect(await count(table)).toBe(0);
  expect(await count(sql`SELECT 1 FROM ledger_entry WHERE work_id = ${gone}`)).toBe(2);
});

test('a task comes round once an hour, and by one worker at a time', async () => {
  const one = maintenance();
  const start = Date.now();
  await one.runDue(start);
  const insert = () =>
    execute(
      db,
      sql`INSERT INTO idempotency (key_id, path, idem_key, fingerprint, created_at) VALUES ('again', '/p', 'i', 'f', now() - interval '2 days')`,
    );
  const left = (): Promise<number> => count(sql`SELECT 1 FROM idempotency WHERE key_id = 'again'`);
  await insert();
  await one.runDue(start + HOUR_MS - 1);
  expect(await left()).toBe(1);
  const other = await db.dedicatedConnection();
  await other.query('SELECT pg_advisory_lock($1, $2)', [0x6b696c6e, 2]);
  await one.runDue(start + HOUR_MS);
  expect(await left()).toBe(1);
  await other.end();
  await one.runDue(start + 2 * HOUR_MS);
  expect(await left()).toBe(0);
});

test("one task's failure does not stop the others", async () => {
  class Failing extends RetentionRepository {
    override async idempotency(): Promise<number> {
      throw new Error('broken');
    }
  }
  await execute(
    db,
    sql`INSERT INTO ops_event (id, severity, type, message, created_at) VALUES ('ops_b', 'info', 't', 'm', now() - interval '91 days')`,
  );
  const { app } = kiln;
  await new Maintenance(db, new Failing(db), app.get(Outputs), app.get(Uploads), silent, app.get(Logger)).runDue();
  expect(await count(sql`SELECT 1 FROM ops_event WHERE id = 'ops_b'`)).toBe(0);
});

test('ops hear of a route that retires, once a day, from 30 days before', async () => {
  const told = () =>
    count(sql`SELECT 1 FROM ops_event WHERE type = 'route.retiring' AND data ->> 'route' = 'veo-3.1/gemini'`);
  const tellAt = async (day: string): Promise<void> => {
    const catalog = loadCatalog({
      overlayPath: null,
      sandbox: null,
      adapters,
      hasCredential: () => true,
      endpointsFrom: () => [],
      now: () => new Date(`${day}T12:00:00Z`),
    });
    await new Retirements(catalog, new RetirementsRepository(db), kiln.app.get(OpsEvents)).tell();
  };
  await tellAt('2026-09-20');
  expect(await told()).toBe(0);
  await tellAt('2026-09-23');
  await tellAt('2026-09-23');
  expect(await told()).toBe(1);
  await execute(
    db,
    sql`UPDATE ops_event SET created_at = created_at - interval '25 hours' WHERE type = 'route.retiring'`,
  );
  await tellAt('2026-09-24');
  expect(await told()).toBe(2);
  await tellAt('2026-10-23');
  expect(
    await count(sql`SELECT 1 FROM ops_event WHERE type = 'route.retired' AND data ->> 'route' = 'veo-3.1/gemini'`),
  ).toBe(1);
});
