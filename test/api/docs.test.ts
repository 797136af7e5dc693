import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PUBLIC_CODES } from '../../src/routing/error-policy.js';
import { startKiln, type Kiln } from '../support/kiln.js';

const ROOT = join(import.meta.dirname, '../..');

let kiln: Kiln;
let page: string;
beforeAll(async () => {
  kiln = await startKiln();
  page = await readFile(join(ROOT, 'docs/api.md'), 'utf8');
});
afterAll(async () => kiln.drop());

test('the journeys of docs/api.md run as they stand there', async () => {
  const script = [...page.matchAll(/```sh\n(.*?)```/gs)].map(([, block]) => block).join('\n');
  const cwd = await mkdtemp(join(tmpdir(), 'kiln-docs-'));
  await symlink(join(ROOT, 'demo'), join(cwd, 'demo'));
  const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script], {
    cwd,
    env: { PATH: process.env['PATH'], HOME: cwd, KILN: kiln.url, KEY: kiln.secret },
    timeout: 60_000,
  });
  const lines = stdout.split('\n');
  expect(lines).toEqual([
    'succeeded',
    '1',
    'succeeded',
    'event: snapshot',
    ...lines.filter((line) => /^event: job\.(?!succeeded)/.test(line)),
    'event: job.succeeded',
    'https://example.com/kiln',
    'ready',
    'flux-dev/comfyui',
    'kling-3.0/legacy',
    'ace-step/base',
    'sora-2/fal',
    'canceled',
    '2',
    'canceled',
    'true',
    '',
  ]);
  expect((await readFile(join(cwd, 'fox.png'))).subarray(1, 4).toString()).toBe('PNG');
  await rm(cwd, { recursive: true });
});

test('every code that a job can fail with is explained', async () => {
  const explained = page.split('## Why a job failed')[1] ?? '';
  const files = await readdir(join(ROOT, 'src/jobs/engine'), { recursive: true });
  const sources = await Promise.all(
    files
      .filter((file) => /(?<!test)\.ts$/.test(file))
      .map((file) => readFile(join(ROOT, 'src/jobs/engine', file), 'utf8')),
  );
  const own = [...sources.join('\n').matchAll(/\bcode: '([a-z_]+)'/g)].map(([, code = '']) => code);
  expect(own).toContain('deadline_exceeded');
  for (const code of [...PUBLIC_CODES, ...own]) expect([code, explained.includes(`\`${code}\``)]).toEqual([code, true]);
});
