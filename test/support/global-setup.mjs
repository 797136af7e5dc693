// One folder a run, below the temporary folder; servers start only when the first suite asks for one (postgres.ts).
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RUN_PREFIX, sweepDeadRuns } from './sweep.mjs';

export default async function globalSetup() {
  await sweepDeadRuns();
  const dir = mkdtempSync(join(tmpdir(), RUN_PREFIX));
  writeFileSync(join(dir, 'owner.pid'), String(process.pid));
  process.env.KILN_TEST_RUN_DIR = dir;
}
