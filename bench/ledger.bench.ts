import { Ledger } from '../src/billing/ledger.js';
import type { PriceSnapshot } from '../src/billing/price.js';
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
const JOB_PRICE: PriceSnapshot = {
  amountMicroUsd: 2000,
  unit: 'image',
  quantity: 1,
  unitPriceMicroUsd: 1000,
  multiplier: 2,
  source: 'a list',
  date: '2026-11-01',
  model: 'flux-dev',
};
const BUDGET_MICRO_USD = 10 ** 12;
const HOLD_MICRO_USD = 2000;
const CHARGE_MICRO_USD = 930;

/** The money of requests, many at once: hold, then settle with its usage record. */
export async function ledgerBench(servers: Servers, cleanup: Cleanup, quick: boolean): Promise<Finding[]> {
  const db = new Database({ url: await servers.database(), poolSize: POOL });
  cleanup.add(() => db.close());
  const grouped = holds(db);
  const single = holds(db, 1);
  const bare = new Ledger(db);
  cleanup.add(() => Promise.all([grouped.stop(), single.stop()]));
  const seconds = quick ? 1 : 3;
  const ways = { grouped: pairOf(grouped), single: pairOf(single), bare: barePairOf(bare, db) };
  for (const pair of Object.values(ways)) await rate(pair, 1);
  const rounds: Record<keyof typeof ways, number>[] = [];
  for (let round = 0; round < (quick ? 3 : 5); round += 1)
    rounds.push({
      bare: await rate(ways.bare, seconds),
      single: await rate(ways.single, seconds),
      grouped: await rate(ways.grouped, seconds),
    });
  await proveBalance(db);
  const finding = (baseline: 'single' | 'bare', name: string): Finding => {
    const ratio = median(rounds.map((round) => round.grouped / round[baseline]));
    return {
      bench: 'ledger',
      what: `hold + settle + usage record, ${CLIENTS} clients, ${KEYS} keys`,
      measured: perSecond(median(rounds.map((round) => round.grouped))),
      baseline: `${name} ${perSecond(median(rounds.map((round) => round[baseline])))}`,
      ratio,
      aim: `≥ ${AIM} of it`,
      met: ratio >= AIM,
    };
  };
  return [finding('single', 'a round trip each'), finding('bare', 'bare hold and settle')];
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

/** One request's money, for a client with this key. */
type Pair = (keyId: string) => Promise<void>;

const pairOf =
  (books: SyncHolds): Pair =>
  async (keyId) => {
    const requestId = newId('req');
    const dailyBudgetMicroUsd = BUDGET_MICRO_USD;
    await books.hold({ requestId, keyId, amountMicroUsd: HOLD_MICRO_USD, dailyBudgetMicroUsd, price: PRICE });
    await books.settle({ requestId, keyId, amountMicroUsd: CHARGE_MICRO_USD, record: RECORD });
  };

/** What jobs do: two statements, without budget, usage record or owner. */
const barePairOf =
  (ledger: Ledger, db: Database): Pair =>
  async (keyId) => {
    const work = { keyId, workId: newId('req'), run: 1 };
    await ledger.hold(db, { ...work, amountMicroUsd: HOLD_MICRO_USD, price: JOB_PRICE });
    await ledger.settle(db, { ...work, amountMicroUsd: CHARGE_MICRO_USD });
  };

/** Pairs of hold and settle a second. */
async function rate(pair: Pair, seconds: number): Promise<number> {
  const started = performance.now();
  const until = started + seconds * 1000;
  let done = 0;
  await Promise.all(
    Array.from({ length: CLIENTS }, async (_, client) => {
      for (; performance.now() < until; done += 1) await pair(keys[client % KEYS] ?? '');
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
