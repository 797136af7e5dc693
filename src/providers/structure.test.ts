import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { PROVIDER_IDS } from './ids.js';
import { adapters } from './registry.js';

const here = fileURLToPath(new URL('.', import.meta.url));
const folders = readdirSync(here, { withFileTypes: true })
  // `sync` holds wires that are answered at once, of another contract.
  .filter((entry) => entry.isDirectory() && entry.name !== 'sync')
  .map((entry) => entry.name);

test('every adapter folder is registered under its own name', () => {
  expect(folders.toSorted()).toEqual([...PROVIDER_IDS].toSorted());
  expect([...adapters.keys()].toSorted()).toEqual(folders.toSorted());
  for (const [id, adapter] of adapters) expect(adapter.id).toBe(id);
});

describe.each(folders)('%s', (folder) => {
  test.each(['request.ts', 'result.ts', 'error.ts', 'wire.ts', 'options.ts', 'index.ts', `${folder}.test.ts`])(
    'has %s',
    (file) => {
      expect(existsSync(`${here}${folder}/${file}`)).toBe(true);
    },
  );

  test('every fixture says where its shape is from', () => {
    const fixtures = readdirSync(`${here}${folder}/fixtures`);
    expect(fixtures.length).toBeGreaterThan(0);
    for (const name of fixtures) {
      const fixture = JSON.parse(readFileSync(`${here}${folder}/fixtures/${name}`, 'utf8')) as Record<string, unknown>;
      expect(typeof fixture['_source']).toBe('string');
    }
  });

  test('has no timers and no clock of its own', () => {
    const sources = readdirSync(`${here}${folder}`).filter(
      (name) => name.endsWith('.ts') && !name.endsWith('.test.ts'),
    );
    for (const name of sources)
      expect(readFileSync(`${here}${folder}/${name}`, 'utf8')).not.toMatch(
        /setTimeout|setInterval|Date\.now|new Date\(|Math\.random|globalThis\.fetch/,
      );
  });
});
