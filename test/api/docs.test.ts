import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PUBLIC_CODES } from '../../src/routing/error-policy.js';

const ROOT = join(import.meta.dirname, '../..');

test('every code that a job can fail with is explained', async () => {
  const page = await readFile(join(ROOT, 'docs/api/jobs.md'), 'utf8');
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
