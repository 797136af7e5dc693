import { Cleanup } from '../bench/cleanup.js';
import { query } from '../bench/servers.js';
import { soak } from '../bench/soak/soak.js';
import { AbandonedHolds } from '../src/billing/abandoned-holds.js';
import { Database } from '../src/database/database.js';
import { parts } from './billing/harness.js';
import { createTestDatabase } from './support/postgres.js';
import { newFolder } from './support/process.js';
import { rm } from 'node:fs/promises';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const SEED = 5;
/** A process says that it lives every five seconds. */
const SILENT_SECONDS = 15;

/** Releases what dead processes held, by the very code of the worker, as if the minute that it waits were over. */
function sweeper(databaseUrl: string): () => Promise<void> {
  const db = new Database({ url: databaseUrl, poolSize: 3 });
  cleanup.add(() => db.close());
  let nowMs = Date.now();
  const { ops, metrics } = parts(db);
  const holds = new AbandonedHolds(db, ops, metrics, () => nowMs);
  return async () => {
    await query(
      databaseUrl,
      `UPDATE gateway_process SET beat_at = beat_at - interval '1 hour'
       WHERE beat_at BETWEEN now() - interval '30 minutes' AND now() - ${SILENT_SECONDS} * interval '1 second'`,
    );
    await holds.sweep();
    nowMs += 60_000;
    await holds.sweep();
  };
}

test('jobs and requests with faults, the api and the worker killed all the while: the books balance', async () => {
  const [database, dataDir] = [await createTestDatabase(), await newFolder()];
  cleanup.add(() => rm(dataDir, { recursive: true, force: true }));
  cleanup.add(() => database.drop());
  const sweep = sweeper(database.url);
  const said: string[] = [];
  const { violations, witnesses, books, deaths, sheet } = await soak(
    {
      size: { jobs: 60, requests: 300, keys: 5 },
      seed: SEED,
      ground: {
        databaseUrl: database.url,
        redisUrl: null,
        dataDir,
        // A dead worker's claims end sooner, so that the test does.
        env: { KILN_CLAIM_LEASE_MS: '5000' },
      },
      killEveryMs: 6000,
      kills: 3,
      finishTimeoutMs: 120_000,
      say: (line) => said.push(line),
      whileOpen: sweep,
    },
    cleanup,
  );
  const wrong = violations.map(({ check, subject, message }) => `${check}: ${subject}: ${message}`);
  // Beside what is wrong, what a reader needs to see why.
  expect(wrong.length === 0 ? [] : [...wrong, said.at(-1), sheet]).toEqual([]);
  expect(books.jobs.length).toBeGreaterThan(30);
  expect(books.jobs.filter(({ status }) => status === 'succeeded').length).toBeGreaterThan(10);
  expect(witnesses.told.texts.filter(({ complete }) => complete).length).toBeGreaterThan(100);
  expect(witnesses.received.size).toBeGreaterThan(30);
  expect(deaths.api).toBeGreaterThan(0);
  expect(deaths.worker).toBeGreaterThan(0);
}, 420_000);
