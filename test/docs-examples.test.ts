import { execFile } from 'node:child_process';
import { globSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, extname, join } from 'node:path';
import { promisify } from 'node:util';
import { fileTypeFromFile } from 'file-type';
import { startKiln, type Kiln } from './support/kiln.js';

/**
 * Runs the pages of docs/api against a real Kiln, and README's examples of SDKs (its shell starts a Kiln of its own). Of one page every ```sh and ```js block is a step of one script, so later
 * ones see what earlier ones have set and saved. A ```text block right after a step is what it prints; … stands for anything.
 */
const ROOT = join(import.meta.dirname, '..');
const PAGES = ['README.md', ...globSync('docs/api/*.md', { cwd: ROOT }).toSorted()];
const run = promisify(execFile);

interface Step {
  language: 'sh' | 'js';
  code: string;
  prints: string | null;
}

const FENCED = /^```(\w+)\n([\s\S]*?)^```$/gm;

function stepsOf(page: string): Step[] {
  const steps: Step[] = [];
  let end = -1;
  for (const { 1: language = '', 2: code = '', 0: whole, index } of page.matchAll(FENCED)) {
    const last = steps.at(-1);
    if (language === 'sh' || language === 'js') steps.push({ language, code, prints: null });
    else if (language === 'text' && last && page.slice(end, index).trim() === '') last.prints = code.trim();
    end = index + whole.length;
  }
  return steps;
}

const patternOf = (prints: string): RegExp =>
  new RegExp(`^${prints.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll('…', '[\\s\\S]*?')}$`);

let kiln: Kiln;
beforeAll(async () => {
  kiln = await startKiln();
});
afterAll(() => kiln.drop());

describe.each(PAGES)('the examples of %s', (name) => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kiln-docs-'));
    for (const link of ['node_modules', 'demo']) await symlink(join(ROOT, link), join(folder, link));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('run as they stand there', async () => {
    const isWhole = name !== 'README.md';
    const all = stepsOf(await readFile(join(ROOT, name), 'utf8'));
    const steps = all.filter(({ language }) => isWhole || language === 'js');
    expect(steps.length).toBeGreaterThan(0);
    const lines: string[] = [];
    for (const [index, { language, code }] of steps.entries()) {
      if (language === 'js') await writeFile(join(folder, `step-${index}.mjs`), code);
      const body = language === 'js' ? `node step-${index}.mjs\n` : code;
      lines.push(`echo "step ${index}" >&2`, `{\n${body}} > step-${index}.out`);
    }
    await run('bash', ['-euo', 'pipefail', '-c', lines.join('\n')], {
      cwd: folder,
      env: { PATH: process.env['PATH'], HOME: folder, KILN: kiln.url, KILN_API_KEY: kiln.secret },
      timeout: 60_000,
    }).catch(({ stderr }: { stderr: string }) => {
      throw new Error(`${name} failed in its last step: ${stderr}`);
    });
    for (const [index, { code, prints }] of steps.entries()) {
      if (prints === null) continue;
      const said = (await readFile(join(folder, `step-${index}.out`), 'utf8')).trim();
      expect({ code, said }).toEqual({ code, said: expect.stringMatching(patternOf(prints)) });
    }
    await expectMediaIsMedia(folder);
  });
});

const MEDIA = new Set(['.png', '.jpg', '.webp', '.mp4', '.mp3', '.wav']);

/** Whatever an example has saved is what its name says. */
async function expectMediaIsMedia(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!entry.isFile() || !MEDIA.has(extname(entry.name))) continue;
    const type = await fileTypeFromFile(join(folder, entry.name));
    expect([basename(entry.name), type?.ext]).toEqual([entry.name, extname(entry.name).slice(1)]);
  }
}
