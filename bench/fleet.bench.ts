import { setTimeout as sleep } from 'node:timers/promises';
import { residentBytes } from './child.js';
import type { Cleanup } from './cleanup.js';
import { type Buckets, quantileBound, readHistogram, since, total } from './histogram.js';
import { Kiln, MODEL, startSandbox } from './kiln.js';
import { postMany } from './load.js';
import { megabytes } from './numbers.js';
import type { Finding } from './report.js';
import { query, type Servers } from './servers.js';

const LATENESS = 'kiln_tick_lateness_seconds';
const AIM_SECONDS = 2;
const AIM_BYTES = 400e6;
const CLIENTS = 16;
const PATIENCE_MS = 300_000;

/** One worker and 10,000 generations that never end, polled at the provider's usual pace. */
export async function fleetBench(servers: Servers, cleanup: Cleanup, quick: boolean): Promise<Finding[]> {
  const [jobs, settleSeconds, watchSeconds] = quick ? [500, 0, 12] : [10_000, 30, 60];
  const databaseUrl = await servers.database();
  const redisUrl = await servers.redis('Redis');
  const sandboxUrl = await startSandbox(await servers.folder('fleet-sandbox'), cleanup);
  const kiln = new Kiln({ databaseUrl, redisUrl, dataDir: await servers.folder('fleet'), sandboxUrl }, cleanup);
  const api = await kiln.start('api');
  const worker = await kiln.start('worker');
  const lateness = async (): Promise<Buckets> =>
    readHistogram(await (await fetch(worker.metricsUrl)).text(), LATENESS, { stage: 'generating' });

  const atStart = await lateness();
  const startedAt = performance.now();
  const target = {
    url: api.url,
    path: '/v1/jobs',
    headers: { authorization: `Bearer ${await kiln.newKey()}` },
    body: JSON.stringify({ model: MODEL, input: { prompt: '[[sandbox:never]] a lighthouse in a storm' } }),
  };
  await postMany(target, CLIENTS, jobs);
  await api.stop();
  const until = (condition: string): Promise<void> => untilNone(databaseUrl, condition);
  await until("stage <> 'generating'");
  const rampSeconds = (performance.now() - startedAt) / 1000;
  const whenAllRun = await lateness();

  // All at once is not how a fleet grows: first the burst is worked off.
  await until("wake_at < now() - interval '2 seconds'");
  await sleep(settleSeconds * 1000);
  const rings = async (): Promise<number> =>
    Number((await query<{ n: string }>(databaseUrl, 'SELECT sum(ring) AS n FROM job'))[0]?.n);
  const [before, rungBefore] = [await lateness(), await rings()];
  await sleep(watchSeconds * 1000);
  const steady = since(before, await lateness());
  const memory = await residentBytes(worker.pid);
  const rung = (await rings()) - rungBefore;
  await worker.stop();

  const polls = (buckets: Buckets, seconds: number): string => `${(total(buckets) / seconds).toFixed(0)} polls/s`;
  const ramp = since(atStart, whenAllRun);
  const lateFor = (what: string, buckets: Buckets, baseline: string, isAim: boolean): Finding => ({
    bench: 'fleet',
    what: `poll lateness p99, ${what}`,
    measured: `≤ ${quantileBound(buckets, 0.99)} s`,
    baseline,
    ratio: quantileBound(buckets, 0.99) / AIM_SECONDS,
    aim: isAim ? `≤ ${AIM_SECONDS} s` : '',
    met: isAim ? quantileBound(buckets, 0.99) <= AIM_SECONDS : null,
  });
  return [
    lateFor(`${jobs} running`, steady, polls(steady, watchSeconds), true),
    lateFor(`while ${jobs} are submitted`, ramp, `${(jobs / rampSeconds).toFixed(0)} submits/s`, false),
    {
      bench: 'fleet',
      what: 'polls found late by the reconciler (≥ 10 s)',
      measured: String(rung),
      baseline: `${jobs} jobs`,
      ratio: rung / jobs,
      aim: '0',
      met: rung === 0,
    },
    {
      bench: 'fleet',
      what: `worker RSS, peak, ${jobs} running`,
      measured: memory === null ? 'unknown here' : megabytes(memory.peak),
      baseline: `at the end ${memory === null ? '?' : megabytes(memory.now)}`,
      ratio: memory === null ? null : memory.peak / AIM_BYTES,
      aim: `≤ ${megabytes(AIM_BYTES)}`,
      met: memory === null ? null : memory.peak <= AIM_BYTES,
    },
  ];
}

async function untilNone(databaseUrl: string, condition: string): Promise<void> {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await sleep(500)) {
    const [row] = await query<{ n: string }>(databaseUrl, `SELECT count(*) AS n FROM job WHERE ${condition}`);
    if (row?.n === '0') return;
  }
  throw new Error(`there were still jobs with ${condition} after ${PATIENCE_MS} ms`);
}
