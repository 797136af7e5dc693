import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startKiln, type Kiln } from '../support/kiln.js';

const ROOT = join(import.meta.dirname, '../..');
const run = promisify(execFile);

let kiln: Kiln;
let page: string;
let cwd: string;
beforeAll(async () => {
  kiln = await startKiln();
  page = await readFile(join(ROOT, 'docs/api/images.md'), 'utf8');
  cwd = await mkdtemp(join(tmpdir(), 'kiln-docs-'));
  await symlink(join(ROOT, 'node_modules'), join(cwd, 'node_modules'));
});
afterAll(async () => {
  await rm(cwd, { recursive: true, force: true });
  await kiln.drop();
});

const blocks = (language: string): string[] =>
  [...page.matchAll(new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 'gs'))].map(([, block = '']) => block);
const env = (): NodeJS.ProcessEnv => ({
  PATH: process.env['PATH'],
  HOME: cwd,
  KILN: kiln.url,
  KILN_API_KEY: kiln.secret,
});

test('the shell blocks of docs/api/images.md run as they stand there', async () => {
  const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', blocks('sh').join('\n')], {
    cwd,
    env: env(),
    timeout: 60_000,
    maxBuffer: 1 << 26,
  });
  expect(stdout.match(/"url":"http/g)).toHaveLength(3);
  expect(stdout).toContain('event: image_generation.completed');
  for (const name of ['fox.png', 'boat.png'])
    expect((await readFile(join(cwd, name))).subarray(1, 4).toString()).toBe('PNG');
});

test("so do those for OpenAI's client", async () => {
  const said: string[] = [];
  for (const [index, block] of blocks('js').entries()) {
    const path = join(cwd, `block-${index}.mjs`);
    await writeFile(path, block);
    const { stdout } = await run(process.execPath, [path], { cwd, env: env(), timeout: 60_000 });
    said.push(stdout.trim());
  }
  expect(said).toEqual(['1536x1024', 'png', 'image_generation.completed 512x512', 'true']);
  for (const name of ['lighthouse.png', 'night.png'])
    expect((await readFile(join(cwd, name))).subarray(1, 4).toString()).toBe('PNG');
});
