import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { request } from 'undici';
import { pipeline } from 'node:stream/promises';
import { residentBytes } from './child.js';
import type { Cleanup } from './cleanup.js';
import { Kiln, type KilnProcess, postJob, SANDBOX_KEY, startSandbox, submitted } from './kiln.js';
import { median, megabytes } from './numbers.js';
import type { Finding } from './report.js';
import { query, type Servers } from './servers.js';

const AIM_RATIO = 0.8;
const AIM_BYTES = 300e6;
const JOB_TIMEOUT_MS = 180_000;

/** One large artifact from provider to store, beside a plain copy of the same URL to the same disk. */
export async function storeBench(servers: Servers, cleanup: Cleanup, quick: boolean): Promise<Finding[]> {
  const bytes = quick ? 128 * 1024 ** 2 : 1024 ** 3;
  const databaseUrl = await servers.database();
  const redisUrl = await servers.redis('Redis');
  const dataDir = await servers.folder('store');
  const sandboxUrl = await startSandbox(await servers.folder('store-sandbox'), cleanup);
  const kiln = new Kiln({ databaseUrl, redisUrl, dataDir, sandboxUrl }, cleanup);
  const api = await kiln.start('api');
  const worker = await kiln.start('worker');
  const bench = { databaseUrl, sandboxUrl, api, key: await kiln.newKey(), bytes };
  const rounds: { ours: number; copy: number }[] = [];
  for (let round = 0; round < (quick ? 1 : 3); round += 1) {
    const job = await storedByKiln(bench);
    const copy = await plainCopy(job.uri, join(dataDir, `copy-${round}`));
    if (copy.bytes !== job.bytes) throw new Error(`Kiln stored ${job.bytes} bytes of ${copy.bytes}`);
    rounds.push({ ours: job.bytes / job.seconds, copy: copy.bytes / copy.seconds });
  }
  const memory = await residentBytes(worker.pid);
  await worker.stop();
  await api.stop();

  const ratio = median(rounds.map(({ ours, copy }) => ours / copy));
  return [
    {
      bench: 'store',
      what: `provider → store, ${megabytes(bytes)} artifact`,
      measured: `${megabytes(median(rounds.map(({ ours }) => ours)))}/s`,
      baseline: `plain copy ${megabytes(median(rounds.map(({ copy }) => copy)))}/s`,
      ratio,
      aim: `≥ ${AIM_RATIO} of the copy`,
      met: ratio >= AIM_RATIO,
    },
    {
      bench: 'store',
      what: 'worker RSS, peak, previews included',
      measured: memory === null ? 'unknown here' : megabytes(memory.peak),
      baseline: `artifact ${megabytes(bytes)}`,
      ratio: memory === null ? null : memory.peak / AIM_BYTES,
      aim: `≤ ${megabytes(AIM_BYTES)}`,
      met: memory === null ? null : memory.peak <= AIM_BYTES,
    },
  ];
}

/** How long the `storing` stage of a job lasted, by the job's own history, and where its artifact came from. */
async function storedByKiln(bench: {
  databaseUrl: string;
  sandboxUrl: string;
  api: KilnProcess;
  key: string;
  bytes: number;
}): Promise<{ seconds: number; bytes: number; uri: string }> {
  const mark = randomUUID();
  const input = {
    prompt: `[[sandbox:latency=100]][[sandbox:pad=${bench.bytes}]] a harbour at night ${mark}`,
    duration_seconds: 4,
  };
  const id = await postJob(bench.api, bench.key, input);
  await untilRendered(bench.sandboxUrl, mark);
  await untilSucceeded(bench, id);
  const [row] = await query<{ seconds: number; bytes: string; uri: string }>(
    bench.databaseUrl,
    `SELECT (SELECT extract(epoch FROM max(created_at) FILTER (WHERE type = 'job.processing') - max(created_at) FILTER (WHERE type = 'job.storing'))::float8
             FROM job_event WHERE job_id = $1) AS seconds,
       (SELECT bytes FROM output WHERE job_id = $1) AS bytes,
       (SELECT artifacts -> 0 -> 'source' ->> 'uri' FROM attempt WHERE job_id = $1) AS uri`,
    [id],
  );
  if (!row) throw new Error(`job ${id} left no history`);
  return { ...row, bytes: Number(row.bytes) };
}

/** The sandbox draws a clip when it is first asked for: asked here before Kiln's first poll, no download waits for that. */
async function untilRendered(sandboxUrl: string, mark: string): Promise<void> {
  const { taskId } = await submitted(sandboxUrl, mark);
  const id = taskId?.split('/').at(-1) ?? '';
  await sleep(200);
  const url = `${sandboxUrl}/gemini/v1beta/files/${id}-0:download?alt=media`;
  const response = await fetch(url, { headers: { 'x-goog-api-key': SANDBOX_KEY, range: 'bytes=0-0' } });
  if (response.status !== 206) throw new Error(`the sandbox rendered nothing: ${response.status}`);
  await response.arrayBuffer();
}

async function untilSucceeded(bench: { api: KilnProcess; key: string }, id: string): Promise<void> {
  for (const until = Date.now() + JOB_TIMEOUT_MS; Date.now() < until; await sleep(250)) {
    const response = await fetch(`${bench.api.url}/v1/jobs/${id}`, {
      headers: { authorization: `Bearer ${bench.key}` },
    });
    const job = (await response.json()) as { status: string; error: unknown };
    if (job.status === 'succeeded') return;
    if (job.status !== 'queued' && job.status !== 'running')
      throw new Error(`job ${id} is ${job.status}: ${JSON.stringify(job.error)}`);
  }
  throw new Error(`job ${id} did not end in ${JOB_TIMEOUT_MS} ms`);
}

/** The bytes of a URL in a file and on the disk, by the shortest way there is. */
async function plainCopy(url: string, path: string): Promise<{ seconds: number; bytes: number }> {
  const started = performance.now();
  const { body } = await request(url, { headers: { 'x-goog-api-key': SANDBOX_KEY } });
  // `flush`: an fsync before the file is closed.
  await pipeline(body, createWriteStream(path, { flags: 'wx', flush: true }));
  const seconds = (performance.now() - started) / 1000;
  const { size: bytes } = await stat(path);
  await rm(path);
  return { seconds, bytes };
}
