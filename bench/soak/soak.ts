import type { Cleanup } from '../cleanup.js';
import { Audit, type Violation, type Witnesses } from './audit.js';
import { type Books, type OpenEnds, readBooks } from './books.js';
import { Chaos, type Deaths } from './chaos.js';
import { Drive, type Told } from './drive.js';
import { type Duties, Operator } from './operator.js';
import { planOf, type SoakSize } from './plan.js';
import { Purchases } from './purchases.js';
import { Receiver } from './receiver.js';
import { balanceSheet } from './sheet.js';
import { type Ground, type SoakKey, World } from './world.js';

export interface SoakOptions {
  size: SoakSize;
  seed: number;
  ground: Ground;
  /** Each of api and worker is killed once in so long. */
  killEveryMs: number;
  /** How often at most; null: until the clients are done. */
  kills: number | null;
  /** For what is open when the clients are done. */
  finishTimeoutMs: number;
  say: (line: string) => void;
  /** Runs with each look at what is still open, once the clients are done and nobody is killed any more. */
  whileOpen?: (open: OpenEnds) => Promise<void>;
}

export interface SoakResult {
  books: Books;
  witnesses: Witnesses;
  violations: Violation[];
  sheet: string;
  deaths: Deaths;
  duties: Duties;
  seconds: number;
}

const PROGRESS_MS = 10_000;

/** Runs a plan against real processes that are killed all the while, waits for the end of everything, and audits the books. */
export async function soak(options: SoakOptions, cleanup: Cleanup): Promise<SoakResult> {
  const { size, seed, ground, killEveryMs, say } = options;
  const startedAt = Date.now();
  const plan = planOf(size, seed);
  const receiver = new Receiver(seed);
  await receiver.start(cleanup);
  const world = await World.start(ground, receiver, cleanup);
  const keys: SoakKey[] = [];
  for (const [n, { name, dailyBudgetMicroUsd }] of plan.keyPlans.entries()) {
    const key = await world.newKey(name, dailyBudgetMicroUsd);
    receiver.verifyWith(n, await webhookSecretOf(world.url, key));
    keys.push(key);
  }

  const purchases = new Purchases(world.sandboxUrl, `soak${seed}x`);
  const chaos = new Chaos(world, ground.redisUrl, killEveryMs, options.kills, seed);
  const drive = new Drive(world.url, plan, keys, receiver);
  const progress = setInterval(
    () => say(`  ${(drive.progress * 100).toFixed(0)} % of the jobs are behind the clients`),
    PROGRESS_MS,
  );
  purchases.start();
  chaos.start();
  const told = await drivenThrough(drive, chaos).finally(() => clearInterval(progress));
  receiver.recover();

  const operator = new Operator(world, ground.databaseUrl, keys, purchases);
  await operator.finish(options.finishTimeoutMs, async (open) => {
    say(`  still open: ${open.jobs} jobs, ${open.attempts} attempts, ${open.holds} holds, ${open.deliveries} webhooks`);
    await options.whileOpen?.(open);
  });
  const witnesses: Witnesses = {
    told,
    received: receiver.received,
    receiverProblems: receiver.problems,
    purchases: await purchases.stop(),
  };
  const books = await readBooks(ground.databaseUrl);
  return {
    books,
    witnesses,
    violations: new Audit(books, witnesses).run(),
    sheet: balanceSheet(books, witnesses),
    deaths: chaos.deaths,
    duties: operator.duties,
    seconds: (Date.now() - startedAt) / 1000,
  };
}

/** Nobody is killed any more when it returns, whatever became of the clients. */
async function drivenThrough(drive: Drive, chaos: Chaos): Promise<Told> {
  try {
    return await Promise.race([drive.run(), chaos.broken]);
  } finally {
    await chaos.stop();
  }
}

async function webhookSecretOf(url: string, { secret }: SoakKey): Promise<string> {
  const response = await fetch(`${url}/v1/webhooks/secret`, { headers: { authorization: `Bearer ${secret}` } });
  if (!response.ok) throw new Error(`GET /v1/webhooks/secret: ${response.status} ${await response.text()}`);
  return ((await response.json()) as { secret: string }).secret;
}
