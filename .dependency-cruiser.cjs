// The layers of docs/architecture.md, as rules. Everything that is not listed is denied; imports go downwards only.
// Tests may import what they test.

const OPEN = ['database', 'telemetry', 'config', 'common'];
const BELOW_JOBS = [
  'webhooks',
  'upstreams',
  'routing',
  'assets',
  'billing',
  'idempotency',
  'keys',
  'catalog',
  'providers',
  'media',
  'storage',
  'queue',
  'egress',
];

/** Module of src/ → the modules it may import, beside itself. */
const LAYERS = {
  ops: ['account', 'facades', 'gateway', 'jobs', ...BELOW_JOBS, 'http', ...OPEN],
  account: ['jobs', 'gateway', 'billing', 'keys', 'http', ...OPEN],
  facades: ['jobs', 'assets', 'idempotency', 'keys', 'catalog', 'http', ...OPEN],
  gateway: ['upstreams', 'routing', 'billing', 'keys', 'catalog', 'providers', 'egress', 'http', ...OPEN],
  upstreams: ['routing', 'keys', 'catalog', 'providers', 'egress', ...OPEN],
  webhooks: ['keys', 'egress', 'queue', 'http', ...OPEN],
  routing: ['catalog', 'providers', ...OPEN],
  assets: ['keys', 'media', 'storage', 'egress', 'queue', 'http', ...OPEN],
  billing: ['keys', 'catalog', ...OPEN],
  idempotency: ['keys', 'http', ...OPEN],
  keys: ['http', ...OPEN],
  catalog: ['providers', ...OPEN],
  providers: ['egress', 'common'],
  media: ['common'],
  storage: OPEN,
  queue: OPEN,
  egress: OPEN,
  http: ['telemetry', 'common'],
  telemetry: ['database', 'config', 'common'],
  database: ['config', 'common'],
  config: ['common'],
  common: [],
};

/** Inside jobs: inward only. `domain` is pure and knows nothing but itself. */
const JOBS = {
  'api|callbacks|events|admin|maintenance|replay': ['view', 'replay', 'engine', 'admission', 'store', 'domain'],
  view: ['admission', 'store', 'domain'],
  // A terminal transition renders the webhook's body: the job as a client sees it.
  engine: ['view', 'admission', 'store', 'domain'],
  admission: ['store', 'domain'],
  store: ['domain'],
};

const folders = (names) => (names.length === 0 ? '^$' : `^src/(${names.join('|')})/`);
const TESTS = '(\\.test\\.ts$|^test/|/test-[^/]+\\.ts$)';
const from = (path) => ({ path, pathNot: TESTS });

const layers = Object.entries(LAYERS).map(([name, below]) => ({
  from: from(`^src/${name}/`),
  to: { path: folders([name, ...below]) },
}));
const inJobs = Object.entries(JOBS).flatMap(([name, inward]) => [
  { from: from(`^src/jobs/(${name})/`), to: { path: `^src/jobs/(${[name, ...inward].join('|')})/` } },
  { from: from(`^src/jobs/(${name})/`), to: { path: folders([...BELOW_JOBS, 'http', ...OPEN]) } },
]);

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  allowedSeverity: 'error',
  allowed: [
    ...layers,
    ...inJobs,
    { from: from('^src/jobs/domain/'), to: { path: ['^src/jobs/domain/', '^src/common/'] } },
    // What a provider makes (kind, name, source) is defined once, in the contract.
    { from: from('^src/assets/'), to: { path: '^src/providers/contract\\.ts$' } },
    // Ops' part of jobs is a module of its own above jobs.
    { from: from('^src/jobs/admin/'), to: { path: '^src/jobs/jobs\\.module\\.ts$' } },
    // Files at the root of jobs tie it together for those above.
    { from: from('^src/jobs/[^/]+$'), to: { path: folders(['jobs', ...BELOW_JOBS, 'http', ...OPEN]) } },
    // Roots.
    { from: from('^src/([^/]+\\.ts$|runtime/|cli/)'), to: { path: '^(src|workers)/' } },
    { from: from('^workers/'), to: { path: '^(workers|src)/' } },
    { from: from('^sandbox/'), to: { path: '^sandbox/' } },
    { from: from('^demo/'), to: { path: '^demo/' } },
    { from: from('^bench/'), to: { path: '^(bench|src|workers)/' } },
    { from: { path: TESTS }, to: {} },
    // Packages and Node itself.
    { from: {}, to: { dependencyTypes: ['core', 'npm', 'npm-dev', 'npm-optional', 'npm-peer'] } },
  ],
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    { name: 'unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'prisma-client-only-in-repositories',
      comment: 'Database rows are read and written in *.repository.ts; src/database owns the client.',
      severity: 'error',
      from: { pathNot: ['^src/database/', '\\.repository\\.ts$', TESTS] },
      to: { path: ['^src/database/generated/', 'node_modules/(@prisma|prisma)/'] },
    },
    {
      name: 'only-roots-import-workers',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/[^/]+\\.ts$', '^src/runtime/', TESTS] },
      to: { path: '^workers/' },
    },
    {
      name: 'sandbox-stands-alone',
      comment: 'The sandbox must not know how Kiln speaks, nor Kiln how the sandbox listens: each checks the other.',
      severity: 'error',
      from: { path: '^sandbox/' },
      to: { path: '^(src|workers|test)/' },
    },
    {
      name: 'nobody-imports-the-sandbox',
      severity: 'error',
      from: { path: '^(src|workers)/' },
      to: { path: '^sandbox/' },
    },
    {
      name: 'pure-domain',
      severity: 'error',
      from: { path: '^src/(jobs/domain|routing)/', pathNot: [TESTS, '\\.module\\.ts$'] },
      to: { dependencyTypes: ['core'] },
    },
    { name: 'no-tests-in-code', severity: 'error', from: { pathNot: TESTS }, to: { path: TESTS } },
    {
      name: 'dev-packages-only-in-tests',
      severity: 'error',
      from: { path: '^(src|workers|sandbox|demo)/', pathNot: TESTS },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|console)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.json', '.mjs', '.cjs'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'node', 'default'],
    },
  },
};
