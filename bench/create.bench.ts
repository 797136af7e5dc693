import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startChild } from './child.js';
import type { Cleanup } from './cleanup.js';
import { FLOOR, Kiln } from './kiln.js';
import { load, type Load, type Target } from './load.js';
import { median, ms, perSecond } from './numbers.js';
import type { Finding } from './report.js';
import { type Backend, BACKENDS, query, type Servers } from './servers.js';

const CLIENTS = 32;
const AIM = 0.6;
/** More than any bench spends, and yet a budget that each job is held under. */
const BUDGET_MICRO_USD = 1_000_000_000_000_000;
/** The shipped alias with the largest rows: its route holds two workflow graphs. */
const BODY = JSON.stringify({
  model: 'wan-2.2',
  input: { prompt: 'A paper boat drifts down a rainy street at dusk, slow tracking shot, warm light. '.repeat(3) },
  metadata: { order: 'a-1942', tenant: 'north' },
});

/** Accepting jobs, beside the least that could accept them. The lane is paused, so that nothing but acceptance runs. */
export async function createBench(servers: Servers, cleanup: Cleanup, quick: boolean): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const backend of BACKENDS) findings.push(...(await onBackend(backend, servers, cleanup, quick)));
  return findings;
}

async function onBackend(backend: Backend, servers: Servers, cleanup: Cleanup, quick: boolean): Promise<Finding[]> {
  const databaseUrl = await servers.database();
  const redisUrl = await servers.redis(backend);
  const dataDir = await servers.folder(`create-${backend}`);
  const kiln = new Kiln({ databaseUrl, redisUrl, dataDir, sandboxUrl: null }, cleanup);
  const api = await kiln.start('api');
  await kiln.admin('POST', '/admin/lanes/comfyui/pause');
  const targetOf = (secret: string): Target => ({
    url: api.url,
    path: '/v1/jobs',
    headers: { authorization: `Bearer ${secret}` },
    body: BODY,
  });
  const ours = targetOf(await kiln.newKey());
  const budgeted = targetOf(await kiln.newKey({ daily_budget_micro_usd: BUDGET_MICRO_USD }));
  await load(ours, 1, 0.05);
  const floor = await startFloor({ databaseUrl, redisUrl, dataDir }, cleanup);

  const rounds: Round[] = [];
  const [count, seconds] = quick ? [3, 1] : [5, 3];
  await load(floor.target, CLIENTS, seconds);
  await load(ours, CLIENTS, seconds);
  for (let round = 0; round < count; round += 1) {
    rounds.push({
      floor: await load(floor.target, CLIENTS, seconds),
      ours: await load(ours, CLIENTS, seconds),
      budgeted: await load(budgeted, CLIENTS, seconds),
    });
  }
  await api.stop();
  await floor.stop();
  return findingsOf(backend, rounds);
}

interface Round {
  floor: Load;
  ours: Load;
  /** As `ours`, of a key with a daily budget. */
  budgeted: Load;
}

function findingsOf(backend: Backend, rounds: readonly Round[]): Finding[] {
  const middle = (read: (round: Round) => number): number => median(rounds.map(read));
  const ratio = middle(({ ours, floor }) => ours.rate / floor.rate);
  const latency = (name: string, read: (load: Load) => number): Finding => ({
    bench: 'create',
    what: `${name}, ${CLIENTS} clients, ${backend}`,
    measured: ms(middle(({ ours }) => read(ours))),
    baseline: `bare route ${ms(middle(({ floor }) => read(floor)))}`,
    ratio: middle(({ ours, floor }) => read(ours) / read(floor)),
    aim: '',
    met: null,
  });
  return [
    {
      bench: 'create',
      what: `jobs accepted, ${CLIENTS} clients, ${backend}`,
      measured: perSecond(middle(({ ours }) => ours.rate)),
      baseline: `bare route ${perSecond(middle(({ floor }) => floor.rate))}`,
      ratio,
      aim: `≥ ${AIM} of the bare route`,
      met: ratio >= AIM,
    },
    latency('p50', (one) => one.p50Ms),
    latency('p99', (one) => one.p99Ms),
    {
      bench: 'create',
      what: `jobs accepted under a daily budget, ${CLIENTS} clients, ${backend}`,
      measured: perSecond(middle(({ budgeted }) => budgeted.rate)),
      baseline: `without one ${perSecond(middle(({ ours }) => ours.rate))}`,
      ratio: middle(({ ours, budgeted }) => budgeted.rate / ours.rate),
      aim: '',
      met: null,
    },
  ];
}

async function startFloor(
  at: { databaseUrl: string; redisUrl: string | null; dataDir: string },
  cleanup: Cleanup,
): Promise<{ target: Target; stop: () => Promise<void> }> {
  const [row] = await query<{ row: object }>(at.databaseUrl, 'SELECT to_jsonb(job) AS row FROM job LIMIT 1');
  const file = join(at.dataDir, 'floor-row.json');
  await writeFile(file, JSON.stringify(row?.row));
  const child = await startChild(
    {
      command: process.execPath,
      args: [FLOOR],
      env: { DATABASE_URL: at.databaseUrl, REDIS_URL: at.redisUrl ?? '', FLOOR_ROW: file },
      isReady: (line) => line.startsWith('{"url"'),
    },
    cleanup,
  );
  const { url } = JSON.parse(child.readyLine) as { url: string };
  return { target: { url, path: '/jobs', headers: {}, body: BODY }, stop: child.stop };
}
