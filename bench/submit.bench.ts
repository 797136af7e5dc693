import { randomUUID } from 'node:crypto';
import { Queue, Worker } from 'bullmq';
import { queueOptions } from '../src/queue/backend.js';
import { MESSAGE_OPTIONS, WORKER_OPTIONS } from '../src/queue/queues.js';
import type { Cleanup } from './cleanup.js';
import { Kiln, postJob, SANDBOX_KEY, startSandbox, submitted } from './kiln.js';
import { ms, preciseNow, quantile } from './numbers.js';
import type { Finding } from './report.js';
import { type Backend, BACKENDS, type Servers } from './servers.js';

const AIM_MS = 30;
const WARM_UP = 10;

/** From the 202 to the provider's door, on an idle system with api and worker in processes of their own. */
export async function submitBench(servers: Servers, cleanup: Cleanup, quick: boolean): Promise<Finding[]> {
  const sandboxUrl = await startSandbox(await servers.folder('submit-sandbox'), cleanup);
  const findings: Finding[] = [];
  for (const backend of BACKENDS)
    findings.push(...(await onBackend(backend, servers, cleanup, { sandboxUrl, jobs: quick ? 20 : 100 })));
  return findings;
}

async function onBackend(
  backend: Backend,
  servers: Servers,
  cleanup: Cleanup,
  { sandboxUrl, jobs }: { sandboxUrl: string; jobs: number },
): Promise<Finding[]> {
  const databaseUrl = await servers.database();
  const redisUrl = await servers.redis(backend);
  const dataDir = await servers.folder(`submit-${backend}`);
  const kiln = new Kiln({ databaseUrl, redisUrl, dataDir, sandboxUrl }, cleanup);
  const api = await kiln.start('api');
  const worker = await kiln.start('worker');
  const key = await kiln.newKey();
  const bare = await startBareHop({ databaseUrl, redisUrl, sandboxUrl }, cleanup);

  const post = (prompt: string): Promise<string> => postJob(api, key, { prompt });
  const ours: number[] = [];
  const hops: number[] = [];
  for (let n = -WARM_UP; n < jobs; n += 1) {
    const [job, hop] = [await measured(post, sandboxUrl), await measured(bare.add, sandboxUrl)];
    if (n < 0) continue;
    ours.push(job);
    hops.push(hop);
  }
  await worker.stop();
  await api.stop();
  await bare.stop();
  return [0.5, 0.99].map((p) => {
    const [measuredMs, hopMs] = [quantile(ours, p), quantile(hops, p)];
    const hasAim = p === 0.5 && backend === 'Redis';
    return {
      bench: 'submit',
      what: `accepted → submitted, p${p * 100}, ${backend}`,
      measured: ms(measuredMs),
      baseline: `bare queue hop ${ms(hopMs)}`,
      ratio: measuredMs / hopMs,
      aim: hasAim ? `≤ ${AIM_MS} ms` : '',
      met: hasAim ? measuredMs <= AIM_MS : null,
    };
  });
}

/** Milliseconds from the moment `accept` was answered to the arrival that the provider recorded. */
async function measured(accept: (prompt: string) => Promise<unknown>, sandboxUrl: string): Promise<number> {
  const mark = randomUUID();
  await accept(`[[sandbox:never]] ${mark}`);
  const acceptedAt = preciseNow();
  const { at } = await submitted(sandboxUrl, mark);
  // The provider's clock has whole milliseconds: the middle of one is the best guess.
  return Math.max(Date.parse(at) + 0.5 - acceptedAt, 0);
}

/** The least that could lie between: `queue.add` is the acceptance, and a worker posts the request as it stands. */
async function startBareHop(
  at: { databaseUrl: string; redisUrl: string | null; sandboxUrl: string },
  cleanup: Cleanup,
): Promise<{ add: (prompt: string) => Promise<void>; stop: () => Promise<void> }> {
  const options = queueOptions({ redisUrl: at.redisUrl, databaseUrl: at.databaseUrl, prefix: 'bench' });
  const queue = new Queue('hop', options);
  const submit = async ({ data }: { data: { prompt: string } }): Promise<void> => {
    const url = `${at.sandboxUrl}/gemini/v1beta/models/veo-3.1-fast-generate-preview:predictLongRunning`;
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'x-goog-api-key': SANDBOX_KEY, 'content-type': 'application/json' },
      body: JSON.stringify({ instances: [{ prompt: data.prompt }], parameters: {} }),
    });
    if (!response.ok) throw new Error(`the sandbox refused: ${response.status} ${await response.text()}`);
    await response.arrayBuffer();
  };
  const worker = new Worker<{ prompt: string }>('hop', submit, {
    ...options,
    lockDuration: WORKER_OPTIONS.lockDuration,
  });
  await worker.waitUntilReady();
  let isStopped = false;
  const stop = async (): Promise<void> => {
    if (isStopped) return;
    isStopped = true;
    await worker.close();
    await queue.close();
  };
  cleanup.add(stop);
  return { add: async (prompt) => void (await queue.add('hop', { prompt }, MESSAGE_OPTIONS)), stop };
}
