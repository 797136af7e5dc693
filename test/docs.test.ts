import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { parse } from 'yaml';
import { loadCatalog } from '../src/catalog/load-catalog.js';
import { catalogPrice } from '../src/catalog/route-price.js';
import { configurationPage } from '../src/config/configuration-page.js';
import { loadConfig } from '../src/config/config.js';
import { VARIABLES } from '../src/config/variables.js';
import { modelsPage } from '../src/catalog/models-page.js';
import { stateDiagram } from '../src/jobs/domain/diagram.js';
import { adapters } from '../src/providers/registry.js';
import { syncAdapters } from '../src/providers/sync/registry.js';

const ROOT = join(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const find = (...patterns: string[]): string[] => globSync(patterns, { cwd: ROOT }).toSorted();
const SOURCES = find('src/**/*.ts', 'workers/**/*.ts').filter(
  (path) => !path.endsWith('.test.ts') && !path.includes('/generated/'),
);
const PAGES = ['README.md', ...find('docs/**/*.md')];

/** Anchor of a heading, as GitHub makes it. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');

const headingsOf = (page: string): string[] => [...page.matchAll(/^#+ (.+)$/gm)].map(([, text = '']) => text);

test.each(PAGES)('%s links to what is there', (page) => {
  const broken = [...read(page).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^https?:/.test(target))
    .filter((target) => {
      const [path = '', anchor] = target.split('#');
      const file = path === '' ? join(ROOT, page) : resolve(ROOT, dirname(page), path);
      if (!existsSync(file)) return true;
      return anchor !== undefined && !headingsOf(readFileSync(file, 'utf8')).map(anchorOf).includes(anchor);
    });
  expect(broken).toEqual([]);
});

test.each(PAGES)('%s names scripts and files that exist', (page) => {
  const text = read(page);
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const named = [...text.matchAll(/npm run ([a-z:]+)/g)].map(([, name = '']) => name);
  expect(named.filter((name) => !(name in scripts))).toEqual([]);
  const files = [
    ...text.matchAll(/`((?:src|workers|test|scripts|docs|demo|deploy|sandbox)\/[\w./-]*\.(?:ts|mjs|yaml|json))`/g),
  ];
  expect(files.map(([, path = '']) => path).filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});

test('pages from code are current (npm run docs)', () => {
  expect(read('docs/configuration.md')).toBe(configurationPage());
  const shipped = loadCatalog({
    overlayPath: null,
    sandbox: null,
    adapters,
    hasCredential: () => false,
    endpointsFrom: () => [],
    now: () => new Date(),
  });
  expect(read('docs/models.md')).toBe(modelsPage(shipped));
  expect(read('docs/architecture.md')).toContain(
    `<!-- states:begin -->\n\n\`\`\`mermaid\n${stateDiagram()}\n\`\`\`\n\n<!-- states:end -->`,
  );
});

describe('architecture.md', () => {
  const page = read('docs/architecture.md');

  test('names every folder of src', () => {
    const folders = new Set(
      SOURCES.map((path) => /^src\/[^/]+\//.exec(path)?.[0]).filter((name) => name !== undefined),
    );
    for (const folder of folders) expect(page).toContain(folder);
  });

  test('gives each table the module that writes it', () => {
    const owners = new Map(
      [...page.matchAll(/^\| (`[^|]+`) \| [^|]+ \| `(src\/[a-z]+)` \|$/gm)].flatMap(([, tables = '', owner = '']) =>
        [...tables.matchAll(/`([a-z_]+)`/g)].map(([, table = '']): [string, string] => [table, owner]),
      ),
    );
    const schema = read('prisma/schema.prisma');
    const tables = [...schema.matchAll(/^model (\w+) \{[\s\S]*?@@map\("(\w+)"\)\n\}/gm)];
    expect(tables.length).toBeGreaterThan(15);
    expect([...owners.keys()].toSorted()).toEqual(tables.map(([, , table = '']) => table).toSorted());

    for (const path of SOURCES) {
      const text = read(path);
      for (const [, model = '', table = ''] of tables) {
        const accessor = model.charAt(0).toLowerCase() + model.slice(1);
        const writes = new RegExp(
          `\\b(INSERT INTO|UPDATE|DELETE FROM) ${table}\\b|[a-z]\\.${accessor}\\.(create|update|upsert|delete)`,
        );
        const isRetention = path.startsWith('src/jobs/maintenance/');
        // Capitals are SQL; a repository of another module may not write the table.
        if (writes.test(text) && path.endsWith('.repository.ts') && !isRetention)
          expect({ table, writer: path }).toEqual({ table, writer: expect.stringMatching(`^${owners.get(table)}/`) });
      }
    }
  });
});

test('every alarm has its page in the runbook, and every metric its line', () => {
  const runbook = read('docs/operations.md');
  const headings = headingsOf(runbook).map((heading) => heading.replaceAll('`', ''));
  const told = SOURCES.flatMap((path) => {
    const text = read(path);
    const types = [
      ...text.matchAll(/severity: [^\n]+?,?\s+type: (['`])([a-z]+\.[^'`]+)\1/g),
      ...text.matchAll(/\.tell\(\s*'(?:info|warning|critical)',\s*(['`])([a-z]+\.[^'`]+)\1/g),
    ].map(([, , type = '']) => type.replace(/\$\{.*\}/, '<kind>'));
    if (/\bops\.tell\(|\breports\.ops\.tell\(|this\.tell\(/.test(text))
      expect({ path, types }).not.toEqual({ path, types: [] });
    return types;
  });
  expect(told.length).toBeGreaterThan(8);
  expect([...new Set(told)].filter((type) => !headings.includes(type))).toEqual([]);

  const metrics = SOURCES.flatMap((path) => [...read(path).matchAll(/'(kiln_[a-z_]+)'/g)].map(([, name = '']) => name));
  expect(metrics.length).toBeGreaterThan(10);
  expect([...new Set(metrics)].filter((name) => !runbook.includes(`\`${name}`))).toEqual([]);
});

const PUBLIC = /_(ARK_\w+|GEMINI|OPENAI|GEMINI_OPENAI|BEDROCK|ANTHROPIC|OPENROUTER|DEEPSEEK|MOONSHOT|GROQ|DEEPINFRA)$/;

test('providers.md and deploy/env.example name every provider, credential and endpoint of the catalog', () => {
  const page = read('docs/providers.md');
  const example = read('deploy/env.example');
  const lines = find('catalog/*.yaml').map(read).join('\n');
  const namesOf = (pattern: RegExp): string[] => [
    ...new Set([...lines.matchAll(pattern)].map(([, name = '']) => name)),
  ];
  const credentials = namesOf(/\bcredential: (\w+)/g);
  const endpoints = namesOf(/\bendpoints_from: (\w+)/g).map((name) => `KILN_ENDPOINTS_${name}`);
  expect(credentials.length).toBeGreaterThan(10);
  expect(endpoints.length).toBeGreaterThan(8);
  const named = [...adapters.keys(), ...syncAdapters.keys(), ...credentials, ...endpoints];
  expect(named.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
  // Clouds and public APIs have an address of their own in the catalog.
  const needed = endpoints.filter((name) => !PUBLIC.test(name));
  const variables = [...credentials.map((name) => `KILN_CREDENTIAL_${name.toUpperCase()}`), ...needed];
  expect(variables.filter((name) => !new RegExp(`^(# )?${name}=`, 'm').test(example))).toEqual([]);
});

test('the example overlay of catalog.md does what it says', () => {
  const catalog = loadCatalog({
    overlayPath: join(ROOT, 'docs/examples/catalog-overlay/catalog.yaml'),
    now: () => new Date('2026-11-23T00:00:00Z'),
    adapters,
    sandbox: null,
    hasCredential: (name) => name.startsWith('vertex'),
    endpointsFrom: (name) => [`https://${name.toLowerCase()}.example.com`],
  });
  const ofGoogle = catalog.get('veo-3.1')?.routes.filter(({ provider }) => provider === 'google');
  expect(ofGoogle?.map(({ id }) => id)).toEqual(['veo-3.1/vertex', 'veo-3.1/europe']);
  expect(catalog.get('ace-step')).toBeUndefined();
  expect(catalog.get('wan-2.2')?.fields['duration_seconds']).toMatchObject({ min: 1, max: 5 });
  expect(catalog.lanes().find(({ id }) => id === 'veo-vertex')?.capacity).toBe(20);
});

test('the example of an OpenAI-compatible server does what catalog.md says', () => {
  const catalog = loadCatalog({
    overlayPath: join(ROOT, 'docs/examples/openai-compatible/catalog.yaml'),
    now: () => new Date('2026-11-26T00:00:00Z'),
    adapters,
    sandbox: null,
    hasCredential: (name) => name === 'openrouter',
    endpointsFrom: (name) => (name === 'HOUSE_LLAMA' ? ['http://llama:8000/v1'] : []),
  });
  expect(catalog.sync('house/llama')?.routes).toMatchObject([
    {
      endpoints: ['http://llama:8000/v1'],
      credential: null,
      disabled: null,
      scaleToZero: { idleSeconds: 300, startSeconds: 420 },
      price: { rates: { input: 100_000, output: 400_000 }, multiplier: 2 },
    },
    { provider: 'openrouter', bridge: true, price: null, disabled: null },
  ]);
  const passed = catalog.sync('house/phi-5')?.routes[0];
  expect(passed?.model).toBe('phi-5');
  expect(passed && catalogPrice(passed)?.rates).toMatchObject({ input: 20_000, output: 80_000 });
  expect(catalog.configuredOrigins()).toEqual(
    expect.arrayContaining(['http://llama:8000', 'http://lab.internal:8000', 'https://openrouter.ai']),
  );
});

describe('docker-compose.yml', () => {
  interface Service {
    environment?: Record<string, string>;
    command?: string[];
    depends_on?: Record<string, { condition: string }>;
    healthcheck?: { test: string[] };
    build?: { context: string; dockerfile: string };
  }
  const compose = parse(read('docker-compose.yml'), { merge: true }) as {
    services: Record<string, Service>;
    volumes: Record<string, null>;
  };
  const services = Object.entries(compose.services);
  const filled: Record<string, string> = {
    POSTGRES_PASSWORD: 'pg-password',
    S3_ACCESS_KEY_ID: 'access',
    S3_SECRET_ACCESS_KEY: 'secret-access-key',
    KILN_SECRET: 'Zk8Qw3nT5yLr7VbX1mHc9PdSf2GjKa4U',
  };
  const interpolate = (value: string): string =>
    value.replaceAll(/\$\{(\w+):([-?])([^}]*)\}/g, (_all, name: string, kind: string, rest: string) => {
      if (kind === '?' && !(name in filled)) throw new Error(`${name} is required and not in the test's .env`);
      return filled[name] ?? rest;
    });

  test.each(['api', 'worker', 'migrate'])('%s starts with its environment, all of it known', (name) => {
    const { environment, command, build } = compose.services[name] ?? {};
    const env = Object.fromEntries(Object.entries(environment ?? {}).map(([key, value]) => [key, interpolate(value)]));
    const config = loadConfig(env, command?.[0]);
    expect(config).toMatchObject({ role: name, embedded: false, unknownVariables: [] });
    // NODE_OPTIONS is Node's own.
    const unknown = Object.keys(env).filter(
      (key) => key !== 'NODE_OPTIONS' && !/^KILN_(CREDENTIAL|ENDPOINTS)_/.test(key) && !Object.hasOwn(VARIABLES, key),
    );
    expect(unknown).toEqual([]);
    expect(existsSync(join(ROOT, build?.dockerfile ?? '?'))).toBe(true);
  });

  test('services wait for services that have what they wait for', () => {
    for (const [, { depends_on: needs = {} }] of services) {
      for (const [other, { condition }] of Object.entries(needs)) {
        expect(compose.services[other]).toBeDefined();
        if (condition === 'service_healthy') expect(compose.services[other]?.healthcheck).toBeDefined();
      }
    }
  });

  test('deploy/env.example names every variable that the file asks for', () => {
    const asked = [...read('docker-compose.yml').matchAll(/\$\{(\w+):/g)].map(([, name = '']) => name);
    const offered = [...read('deploy/env.example').matchAll(/^(\w+)=/gm)].map(([, name = '']) => name);
    expect(offered.toSorted()).toEqual([...new Set(asked)].toSorted());
  });

  test('the image holds what its stages copy', () => {
    const copied = [...read('deploy/Dockerfile').matchAll(/^COPY --from=build (.+) \S+$/gm)].flatMap(([, list = '']) =>
      list.split(' ').map((path) => relative('/app', path)),
    );
    for (const path of copied.filter((one) => one !== 'node_modules' && one !== 'dist'))
      expect(existsSync(join(ROOT, path))).toBe(true);
  });
});
