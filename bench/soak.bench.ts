import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import type { Cleanup } from './cleanup.js';
import type { Finding } from './report.js';
import type { Servers } from './servers.js';
import type { Sizes } from './sizes.js';
import { soak, type SoakResult } from './soak/soak.js';

const FULL = { jobs: 5000, requests: 20_000, keys: 20 };
const QUICK = { jobs: 300, requests: 1200, keys: 8 };
const KILL_EVERY_MS = 10_000;
/** Holds of the last process that was killed are released after 75 s; a dead worker's claims stand a minute. */
const FINISH_TIMEOUT_MS = 15 * 60_000;
const QUICK_FINISH_TIMEOUT_MS = 4 * 60_000;
const MAX_SHOWN = 100;

const say = (text: string): void => void process.stderr.write(`${text}\n`);
const hasRedis = (): boolean => spawnSync('redis-server', ['--version']).status === 0;

/** Throws where the books do not balance, after it has printed the sheet and what is wrong with it. */
export async function soakBench(servers: Servers, cleanup: Cleanup, quick: boolean, sizes: Sizes): Promise<Finding[]> {
  const usual = quick ? QUICK : FULL;
  const size = {
    jobs: sizes.jobs ?? usual.jobs,
    requests: sizes.requests ?? usual.requests,
    keys: sizes.keys ?? usual.keys,
  };
  const seed = sizes.seed ?? randomInt(1, 1_000_000);
  say(`  ${size.jobs} jobs and ${size.requests} requests of ${size.keys} keys, --seed=${seed}`);
  const result = await soak(
    {
      size,
      seed,
      ground: {
        databaseUrl: await servers.database(),
        redisUrl: await servers.redis(hasRedis() ? 'Redis' : 'PostgreSQL'),
        dataDir: await servers.folder('soak'),
        env: {},
      },
      killEveryMs: KILL_EVERY_MS,
      kills: null,
      finishTimeoutMs: quick ? QUICK_FINISH_TIMEOUT_MS : FINISH_TIMEOUT_MS,
      say,
    },
    cleanup,
  );
  return report(result);
}

function report({ sheet, violations, deaths, duties, seconds }: SoakResult): Finding[] {
  const killed = `kill -9: ${deaths.api} of the api, ${deaths.worker} of the worker; Redis flushed ${deaths.flushes} times; ${seconds.toFixed(0)} s`;
  const resolved = `${duties.resolved.rejected} as rejected and ${duties.resolved.abandoned} as abandoned`;
  const worked = `by people: ${duties.released} quarantined jobs let go on, attempts resolved ${resolved}, ${duties.redelivered} webhooks sent again`;
  say(`\n${sheet}\n${killed}\n${worked}\n`);
  for (const { check, subject, message } of violations.slice(0, MAX_SHOWN))
    say(`VIOLATION ${check}: ${subject}: ${message}`);
  if (violations.length > 0) throw new Error(`the books do not balance: ${violations.length} violations`);
  return [
    {
      bench: 'soak',
      what: 'violations of the books',
      measured: '0',
      baseline: killed,
      ratio: null,
      aim: '0',
      met: true,
    },
  ];
}
