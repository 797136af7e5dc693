import { Ledger } from '../src/billing/ledger.js';
import { NO_USAGE, type UsageRecord } from '../src/billing/usage.js';
import { SyncHolds } from '../src/billing/sync-holds.js';
import { newId } from '../src/common/ids.js';
import { Database } from '../src/database/database.js';
import { Logger } from '../src/telemetry/logger.js';
import { Metrics } from '../src/telemetry/metrics.js';
import { OpsEvents } from '../src/telemetry/ops-events.js';
import { OpsEventsRepository } from '../src/telemetry/ops-events.repository.js';
import type { Cleanup } from './cleanup.js';
import { median, perSecond } from './numbers.js';
import type { Finding } from './report.js';
import type { Servers } from './servers.js';

const CLIENTS = 32;
const KEYS = 8;
const POOL = 10;
const AIM = 1.5;

const RECORD: UsageRecord = {
  endpoint: 'chat.completions',
  model: 'gpt-5-mini',
  route: 'gpt-5-mini/openai',
  provider: 'openai',
  upstreamModel: 'gpt-5-mini',
  status: 'ok',
  httpStatus: 200,
  usage: { ...NO_USAGE, inputTokens: 420, outputTokens: 180 },
  upstreamCostMicroUsd: 465,
  latencyMs: 812,
  ttfbMs: 240,
  attempts: 1,
  streamed: false,
  sandbox: false,
  errorCode: null,
};
const PRICE = { unit: 'usage', routes: ['gpt-5-mini/openai', 'gpt-5-mini/openrouter'] };
const BUDGET_MICRO_USD = 10 ** 12;

/** The money of requests, many at once: hold, then settle with its usage record. */
export async function ledgerBench(servers: Servers, cleanup: Cleanup, quick: boolean): Promise<Finding[]> {
  const db = new Database({ url: await servers.database(), poolSize: POOL });
  cleanup.add(() => db.close());
  const grouped = holds(db);
  const single = holds(db, 1);
  cleanup.add(() => Promise.all([grouped.stop(), single.stop()]));
  const seconds = quick ? 1 : 3;
  const rounds: { grouped: number; single: number }[] = [];
  await pairs(grouped, 1);
  await pairs(single, 1);
  for (let round = 0; round < (quick ? 3 : 5); round += 1)
    rounds.push({ single: await pairs(single, seconds), grouped: await pairs(grouped, seconds) });
  await proveBalance(db);
  const ratio = median(rounds.map((round) => round.grouped / round.single));
  return [
    {
      bench: 'ledger',
      what: `hold + settle + usage record, ${CLIENTS} clients, ${KEYS} keys`,
      measured: perSecond(median(rounds.map((round) => round.grouped))),
      baseline: `a round trip each ${perSecond(median(rounds.map((round) => round.single)))}`,
      ratio,
      aim: `≥ ${AIM} of a round trip each`,
      met: ratio >= AIM,
    },
  ];
}

/** With groups of one, every hold and every settle is a statement of its own, as many at a time as there are connections. */
function holds(db: Database, maxItems?: number): SyncHolds {
  const logger = Logger.create({ level: 'silent' });
  const metrics = new Metrics();
  const ops = new OpsEvents(new OpsEventsRepository(db), logger, metrics);
  return new SyncHolds({
    db,
    logger,
    metrics,
    ops,
    groups: maxItems === undefined ? {} : { maxItems, maxInFlight: POOL },
  });
}

const keys = Array.from({ length: KEYS }, () => newId('key'));

/** Pairs of hold and settle a second. */
async function pairs(books: SyncHolds, seconds: number): Promise<number> {
  const until = performance.now() + seconds * 1000;
  let done = 0;
  const started = performance.now();
  await Promise.all(
    Array.from({ length: CLIENTS }, async (_, client) => {
      const keyId = keys[client % KEYS] ?? '';
      while (performance.now() < until) {
        const requestId = newId('req');
        const hold = { requestId, keyId, amountMicroUsd: 2000, dailyBudgetMicroUsd: BUDGET_MICRO_USD, price: PRICE };
        await books.hold(hold);
        await books.settle({ requestId, keyId, amountMicroUsd: 930, record: RECORD });
        done += 1;
      }
    }),
  );
  return (done * 1000) / (performance.now() - started);
}

/** Speed without exact books is worth nothing. */
async function proveBalance(db: Database): Promise<void> {
  const day = new Date().toISOString().slice(0, 10);
  const ledger = new Ledger(db);
  for (const keyId of keys) {
    const proof = await ledger.proof(keyId, day);
    if (!proof.balanced || proof.counters.heldMicroUsd !== 0) throw new Error(`the books of ${keyId} do not balance`);
  }
}
