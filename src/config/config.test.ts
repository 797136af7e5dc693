import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ConfigError, type Env, loadConfig } from './config.js';
import { configurationPage } from './configuration-page.js';

const SECRET = 'vT3sZ0o7b1QkY9cJm4xWq8LhRf2NgUpA';
const PRODUCTION = {
  DATABASE_URL: 'postgresql://kiln:pw@db/kiln',
  KILN_SECRET: SECRET,
  KILN_PUBLIC_URL: 'https://kiln.test/',
  S3_BUCKET: 'media',
  S3_ACCESS_KEY_ID: 'id',
  S3_SECRET_ACCESS_KEY: 'key',
};

function problemsOf(env: Env): readonly string[] {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('loadConfig', () => {
  it('needs nothing: embedded, on loopback, with a file store and the sandbox', () => {
    expect(loadConfig({})).toMatchObject({
      role: 'all',
      embedded: true,
      dataDir: resolve('.kiln'),
      http: { host: '127.0.0.1', port: 3000, publicUrl: 'http://127.0.0.1:3000', metricsPort: null },
      database: { url: null },
      redis: null,
      storage: { kind: 'file', dir: resolve('.kiln/objects') },
      secrets: [],
      sandbox: { enabled: true, speed: 1 },
      engine: { claimLeaseMs: 60_000 },
      shutdown: { drainDelayMs: 0 },
      credentials: {},
    });
  });

  it('takes blank as unset', () => {
    expect(loadConfig({ PORT: ' ', DATABASE_URL: '', KILN_CREDENTIAL_FAL: '', HOST: '' })).toEqual(loadConfig({}));
  });

  it('reads a production environment', () => {
    expect(loadConfig({ ...PRODUCTION, REDIS_URL: 'redis://r:6379' }, 'worker')).toMatchObject({
      role: 'worker',
      embedded: false,
      http: { host: '0.0.0.0', publicUrl: 'https://kiln.test' },
      redis: { url: 'redis://r:6379' },
      storage: { kind: 's3', bucket: 'media', region: 'us-east-1', forcePathStyle: false },
      sandbox: { enabled: false },
      shutdown: { drainDelayMs: 5000 },
    });
  });

  it('names every variable that production lacks, at once', () => {
    const problems = problemsOf({ DATABASE_URL: PRODUCTION.DATABASE_URL });
    const names = problems.map((problem) => problem.split(' ')[0]);
    expect(names).toEqual(['KILN_SECRET', 'KILN_PUBLIC_URL', 'S3_BUCKET', 'S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY']);
  });

  it('asks a migrating process for the database only', () => {
    expect(loadConfig({ DATABASE_URL: PRODUCTION.DATABASE_URL }, 'migrate').role).toBe('migrate');
  });

  it('keeps media on disk in production only when told to', () => {
    const { DATABASE_URL, KILN_SECRET, KILN_PUBLIC_URL } = PRODUCTION;
    expect(loadConfig({ DATABASE_URL, KILN_SECRET, KILN_PUBLIC_URL, KILN_STORAGE: 'file' }).storage.kind).toBe('file');
  });

  it('wants the S3 variables together', () => {
    expect(problemsOf({ S3_BUCKET: 'media', S3_ACCESS_KEY_ID: 'id' })).toEqual([
      expect.stringMatching(/^S3_SECRET_ACCESS_KEY is not set/),
    ]);
  });

  it.each([
    [{ PORT: '70000' }, 'PORT is "70000"; allowed is a whole number from 0 to 65535'],
    [{ PORT: '3e3' }, 'PORT is "3e3"'],
    [{ KILN_ROLE: 'apis' }, 'KILN_ROLE is "apis"; allowed is `all`, `api`, `worker`, `migrate`'],
    [{ KILN_LOG_LEVEL: 'loud' }, 'KILN_LOG_LEVEL is "loud"'],
    [{ KILN_EGRESS_ALLOW: 'localhost' }, 'KILN_EGRESS_ALLOW is "localhost"; allowed is exact `host:port` pairs'],
    [
      { KILN_TRUSTED_PROXIES: '10.0.0.0/8, balancer' },
      'KILN_TRUSTED_PROXIES is "10.0.0.0/8, balancer"; allowed is IPv4 or IPv6 addresses and CIDR ranges, comma separated',
    ],
    [{ KILN_EGRESS_ALLOW: '10.0.0.1:99999' }, 'KILN_EGRESS_ALLOW is "10.0.0.1:99999"'],
    [{ S3_FORCE_PATH_STYLE: 'yes' }, 'S3_FORCE_PATH_STYLE is "yes"'],
    [{ KILN_CLAIM_LEASE_MS: '-1' }, 'KILN_CLAIM_LEASE_MS is "-1"'],
    [{ KILN_SANDBOX_SPEED: '0' }, 'KILN_SANDBOX_SPEED is "0"'],
  ])('stops at %o', (env, sentence) => {
    expect(problemsOf(env)).toEqual([expect.stringContaining(sentence)]);
  });

  it.each([
    ['too short', 'short'],
    ['a sample', 'change-me-change-me-change-me-change-me'],
    ['one letter', 'a'.repeat(40)],
    ['three', [SECRET, SECRET, SECRET].join(',')],
  ])('refuses a secret that is %s, without showing it', (_why, secret) => {
    const [problem = ''] = problemsOf({ KILN_SECRET: secret });
    expect(problem).toMatch(/^KILN_SECRET .*at least 32/);
    expect(problem).not.toContain(secret);
  });

  it('shows no password of a wrong URL', () => {
    expect(problemsOf({ REDIS_URL: 'http://:hunter2@r' })).toEqual([expect.not.stringContaining('hunter2')]);
  });

  it('tells of KILN_ names it does not know, without stopping', () => {
    expect(loadConfig({ KILN_CATALOGUE: 'x', KILN_PORT: 'tcp://10.0.0.1:3000' }).unknownVariables).toEqual([
      'KILN_CATALOGUE',
      'KILN_PORT',
    ]);
  });
});

describe('credentials', () => {
  it('come by name, in each form', () => {
    const account = JSON.stringify({ type: 'service_account', client_email: 'a@b', private_key: 'pk' });
    const env = {
      KILN_CREDENTIAL_FAL: 'api_key:k1',
      KILN_CREDENTIAL_GPU_EU: '{"bearer":"t1"}',
      KILN_CREDENTIAL_GOOGLE: account,
    };
    expect(loadConfig(env).credentials).toEqual({
      fal: { kind: 'api_key', key: 'k1' },
      gpu_eu: { kind: 'bearer', token: 't1' },
      google: { kind: 'google_service_account', json: account },
    });
  });

  it('name the variable and the file when wrong, never the value', () => {
    expect(problemsOf({ KILN_CREDENTIAL_FAL: 'hunter2', KILN_CREDENTIAL_GOOGLE: '@/no/such/file' })).toEqual([
      expect.not.stringContaining('hunter2'),
      expect.stringContaining("KILN_CREDENTIAL_GOOGLE names the file /no/such/file, which can't be read (ENOENT)"),
    ]);
  });
});

it('docs/configuration.md is current (npm run docs)', async () => {
  expect(await readFile('docs/configuration.md', 'utf8')).toBe(configurationPage());
});
