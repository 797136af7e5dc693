import { Audit, type Violation, type Witnesses } from '../bench/soak/audit.js';
import { readBooks } from '../bench/soak/books.js';
import { planOf } from '../bench/soak/plan.js';
import { query } from '../bench/servers.js';
import { createTestDatabase, type TestDatabase } from './support/postgres.js';

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(() => database.drop());

const DAY = '2026-11-26';
const JOB = 'job_1';
const REQUEST = 'req_1';
const DELIVERY = 'whd_1';
const [JOB_PRICE, CHARGE] = [20_000, 1234];

const plan = planOf({ jobs: 1, requests: 1, keys: 1 }, 1);
const [act] = plan.jobActs;
const [text] = plan.textActs;

/** What everybody saw of one good job and one good request of one key. */
function witnesses(): Witnesses {
  return {
    told: {
      jobs: [{ act: { ...act!, mark: 'soak1x0x' }, jobIds: [JOB], refusal: null, tries: 1 }],
      texts: [
        {
          act: text!,
          requestId: REQUEST,
          status: 200,
          errorType: null,
          chargedMicroUsd: CHARGE,
          complete: true,
          replayed: false,
        },
      ],
      unanswered: 0,
      replays: 0,
      cancels: 0,
    },
    received: new Map([
      [
        DELIVERY,
        {
          webhookId: DELIVERY,
          key: 0,
          jobId: JOB,
          run: 1,
          event: 'job.succeeded',
          chargedMicroUsd: JOB_PRICE,
          arrivals: 2,
          accepted: 1,
        },
      ],
    ]),
    receiverProblems: [],
    purchases: [{ provider: 'fal', at: '', taskId: 't1', mark: 'soak1x0x' }],
  };
}

/** The same, as the database has it. */
async function keepBooks(): Promise<void> {
  const run = (statement: string): Promise<unknown> => query(database.url, statement);
  const price = JSON.stringify({ amountMicroUsd: JOB_PRICE });
  await run(`INSERT INTO api_key (id, name, daily_budget_micro_usd) VALUES ('key_1', 'soak-0', 100000)`);
  await run(`INSERT INTO job (id, key_id, status, model, modality, operation, input, metadata, held_micro_usd, charged_micro_usd, price,
      deadline_at, retention_seconds, webhook)
    VALUES ('${JOB}', 'key_1', 'succeeded', 'flux-dev', 'image', 'text_to_image', '{}', '{"soak": "${act!.n}"}', ${JOB_PRICE}, ${JOB_PRICE},
      '${price}', now(), 60, '{"url": "http://127.0.0.1:1/hooks/0", "events": null}')`);
  await run(`INSERT INTO attempt (id, job_id, key_id, run, seq, lane, route, provider, model, endpoint, token, state)
    VALUES ('att_1', '${JOB}', 'key_1', 1, 1, 'fal', '{}', 'fal', 'm', 'e', 't', 'succeeded')`);
  await run(`INSERT INTO webhook_delivery (id, key_id, job_id, run, event, url, body, status)
    VALUES ('${DELIVERY}', 'key_1', '${JOB}', 1, 'job.succeeded', 'u', '{}', 'delivered')`);
  await run(`INSERT INTO ledger_entry (id, key_id, day, work_id, kind, amount_micro_usd, price) VALUES
    ('led_1', 'key_1', '${DAY}', '${JOB}', 'hold', ${JOB_PRICE}, '{}'), ('led_2', 'key_1', '${DAY}', '${JOB}', 'settle', ${JOB_PRICE}, '{}'),
    ('led_3', 'key_1', '${DAY}', '${REQUEST}', 'hold', 5000, '{}'), ('led_4', 'key_1', '${DAY}', '${REQUEST}', 'settle', ${CHARGE}, '{}')`);
  await run(`INSERT INTO usage_record (id, key_id, day, endpoint, model, status, http_status, charged_micro_usd, latency_ms) VALUES
    ('${JOB}', 'key_1', '${DAY}', 'jobs', 'flux-dev', 'ok', 200, ${JOB_PRICE}, 1),
    ('${REQUEST}', 'key_1', '${DAY}', 'chat.completions', 'gpt', 'ok', 200, ${CHARGE}, 1)`);
  await run(`INSERT INTO budget_day (key_id, day, spent_micro_usd) VALUES ('key_1', '${DAY}', ${JOB_PRICE + CHARGE})`);
}

async function audited(seen: Witnesses = witnesses()): Promise<Violation[]> {
  return new Audit(await readBooks(database.url), seen).run();
}

const checks = (violations: readonly Violation[]): string[] => [...new Set(violations.map(({ check }) => check))];

it('has nothing against books that balance', async () => {
  await keepBooks();
  expect(await audited()).toEqual([]);
});

it.each([
  ['a missing settle', `DELETE FROM ledger_entry WHERE id = 'led_4'`, 'open hold'],
  ['a settle without its hold', `DELETE FROM ledger_entry WHERE id = 'led_3'`, 'hold'],
  ['a settle above its hold', `UPDATE ledger_entry SET amount_micro_usd = 1000 WHERE id = 'led_3'`, 'hold'],
  ['a settle on another day', `UPDATE ledger_entry SET day = '2026-11-27' WHERE id = 'led_4'`, 'hold'],
  [
    'a release of a part',
    `UPDATE ledger_entry SET kind = 'release', amount_micro_usd = 4999 WHERE id = 'led_4'`,
    'hold',
  ],
  [
    'a hold that a process still owes',
    `INSERT INTO gateway_hold (work_id, key_id, owner) VALUES ('${REQUEST}', 'key_1', 'prc_1')`,
    'open hold',
  ],
  [
    'usage off by one micro-USD',
    `UPDATE usage_record SET charged_micro_usd = charged_micro_usd + 1 WHERE id = '${REQUEST}'`,
    'usage',
  ],
  ['a job run without usage', `DELETE FROM usage_record WHERE id = '${JOB}'`, 'usage'],
  ['spent off by one micro-USD', 'UPDATE budget_day SET spent_micro_usd = spent_micro_usd - 1', 'counter'],
  ['held off by one micro-USD', 'UPDATE budget_day SET held_micro_usd = 1', 'counter'],
  ['more spent than the budget', 'UPDATE api_key SET daily_budget_micro_usd = 21233', 'budget'],
  ['a job that runs on', `UPDATE job SET status = 'running', stage = 'generating'`, 'job'],
  ['a job charged off by one', `UPDATE job SET charged_micro_usd = charged_micro_usd - 1`, 'job'],
  ['a failed job that was charged', `UPDATE job SET status = 'failed'`, 'job'],
  ['an attempt that is open', `UPDATE attempt SET state = 'unknown'`, 'open attempt'],
  [
    'two jobs of one POST',
    `INSERT INTO job SELECT (jsonb_populate_record(job, '{"id": "job_2", "webhook": null}')).* FROM job`,
    'post',
  ],
  ['a job of another id than was told', `UPDATE job SET metadata = '{"soak": "77"}'`, 'post'],
  ['a webhook that is not delivered', `UPDATE webhook_delivery SET status = 'pending'`, 'webhook'],
  [
    'a second message of one end',
    `DROP INDEX webhook_delivery_terminal_once;
     INSERT INTO webhook_delivery SELECT (jsonb_populate_record(d, '{"id": "whd_2"}')).* FROM webhook_delivery d`,
    'webhook',
  ],
  [
    'a charge that was told and is not there',
    `UPDATE ledger_entry SET amount_micro_usd = 1233 WHERE id = 'led_4'`,
    'answer',
  ],
])('finds %s', async (_, plant, check) => {
  await keepBooks();
  await query(database.url, plant);
  expect(checks(await audited())).toContain(check);
});

const planted: [string, (seen: Witnesses) => Partial<Witnesses>, string][] = [
  [
    'a doubled webhook id',
    ({ received }) => ({
      received: new Map([...received, ['whd_9', { ...received.get(DELIVERY)!, webhookId: 'whd_9' }]]),
    }),
    'webhook',
  ],
  ['a webhook that never arrived', () => ({ received: new Map() }), 'webhook'],
  ['a wrong signature', () => ({ receiverProblems: ['No matching signature found'] }), 'webhook'],
  ['a task bought twice', ({ purchases }) => ({ purchases: [...purchases, ...purchases] }), 'bought twice'],
];
it.each(planted)('finds %s, which only others saw', async (_, plant, check) => {
  await keepBooks();
  const seen = witnesses();
  expect(checks(await audited({ ...seen, ...plant(seen) }))).toContain(check);
});

it('finds two answers to one POST, and a refused POST that made a job', async () => {
  await keepBooks();
  const seen = witnesses();
  const [told] = seen.told.jobs;
  const withJob = (more: object): Witnesses => ({ ...seen, told: { ...seen.told, jobs: [{ ...told!, ...more }] } });
  expect(checks(await audited(withJob({ jobIds: [JOB, 'job_2'] })))).toContain('post');
  expect(checks(await audited(withJob({ jobIds: [], refusal: '429 budget_exceeded' })))).toContain('post');
});

it('finds a request that was refused and held for, and one that is all there and was given back', async () => {
  await keepBooks();
  const seen = witnesses();
  const [told] = seen.told.texts;
  const withText = (more: object): Witnesses => ({ ...seen, told: { ...seen.told, texts: [{ ...told!, ...more }] } });
  const refused = { status: 429, errorType: 'budget_exceeded', complete: false, chargedMicroUsd: null };
  expect(checks(await audited(withText(refused)))).toEqual(['answer']);
  await query(
    database.url,
    `UPDATE ledger_entry SET kind = 'release', amount_micro_usd = 5000, reason = 'abandoned' WHERE id = 'led_4'`,
  );
  expect(checks(await audited(withText({ chargedMicroUsd: null })))).toContain('answer');
});
