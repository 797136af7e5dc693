import { join, resolve } from 'node:path';
import type { z } from 'zod';
import { CALLBACK_SECRET_PREFIX, parseCallbackSecrets } from './callback-secrets.js';
import { CREDENTIAL_PREFIX, type ProviderCredential, parseCredentials } from './credentials.js';
import { ENDPOINTS_PREFIX, parseEndpoints } from './endpoints.js';
import { VARIABLES, type VariableName, type Variables } from './variables.js';

export type Env = Readonly<Record<string, string | undefined>>;
type Output<N extends VariableName> = z.output<Variables[N]['schema']>;
/** Parsed variables; null where one is unset and has no default. */
type Parsed = { [N in VariableName]: Output<N> | (Variables[N]['fallback'] extends null ? null : never) };

export type Role = Output<'KILN_ROLE'>;
export type StorageConfig =
  | { kind: 'file'; dir: string }
  | {
      kind: 's3';
      endpoint?: string;
      publicEndpoint?: string;
      region: string;
      bucket: string;
      accessKeyId: string;
      secretAccessKey: string;
      forcePathStyle: boolean;
    };

/** The environment does not describe a service that can start; `problems` has one sentence a variable. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  constructor(readonly problems: readonly string[]) {
    super(`Kiln can't start with this environment:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
  }
}

/** The environment, parsed once at start. Also the injection token. */
export class KilnConfig {
  readonly role: Role;
  /** No DATABASE_URL: the database, the store and the secret live in `dataDir`, on one machine. */
  readonly embedded: boolean;
  /** Absolute. */
  readonly dataDir: string;
  /** `publicUrl` is null until the port is known, in embedded mode without KILN_PUBLIC_URL. */
  readonly http: {
    host: string;
    port: number;
    metricsPort: number | null;
    publicUrl: string | null;
    maxBodyBytes: number;
    /** Addresses and CIDR ranges whose X-Forwarded-For is believed. */
    trustedProxies: readonly string[];
  };
  readonly database: { url: string | null; poolSize: number };
  readonly redis: { url: string } | null;
  readonly queue: { prefix: string; concurrency: { tick: number; transfer: number; media: number; webhook: number } };
  readonly storage: StorageConfig;
  /** Current first, then the previous while rotating; empty in embedded mode, where the keyring makes one. */
  readonly secrets: readonly string[];
  readonly adminKey: string | null;
  readonly catalogFile: string | null;
  readonly sandbox: { enabled: boolean; speed: number };
  readonly egress: { allow: readonly string[] };
  readonly log: { level: Output<'KILN_LOG_LEVEL'> };
  readonly limits: { maxUploadBytes: number; maxOutputBytes: number; maxPixels: number; minFreeBytes: number };
  readonly retention: { outputSeconds: number; uploadSeconds: number };
  readonly engine: { claimLeaseMs: number; unknownTtlSeconds: number };
  readonly shutdown: { drainDelayMs: number; drainTimeoutMs: number };
  readonly media: { ffmpegPath: string | null; ffprobePath: string | null };
  /** Provider credentials by name, as routes of the catalog name them. */
  readonly credentials: Readonly<Record<string, ProviderCredential>>;
  /** What providers sign their callbacks with, by the name of the credential. */
  readonly callbackSecrets: Readonly<Record<string, string>>;
  /** Base URLs of routes, by the name their `endpoints_from` gives. */
  readonly endpoints: Readonly<Record<string, readonly string[]>>;
  /** KILN_… variables that Kiln does not know, likely misspelt. Told at start; an orchestrator may set such names by itself. */
  readonly unknownVariables: readonly string[];

  constructor(
    env: Parsed,
    parts: {
      storage: StorageConfig;
      credentials: Record<string, ProviderCredential>;
      callbackSecrets: Record<string, string>;
      endpoints: Record<string, string[]>;
      unknown: string[];
    },
  ) {
    const embedded = env.DATABASE_URL === null;
    this.role = env.KILN_ROLE;
    this.embedded = embedded;
    this.dataDir = resolve(env.KILN_DATA_DIR);
    this.http = {
      host: env.HOST ?? (embedded ? '127.0.0.1' : '0.0.0.0'),
      port: env.PORT,
      metricsPort: env.METRICS_PORT,
      publicUrl: env.KILN_PUBLIC_URL ?? (env.PORT === 0 ? null : `http://127.0.0.1:${env.PORT}`),
      maxBodyBytes: env.KILN_MAX_BODY_BYTES,
      trustedProxies: env.KILN_TRUSTED_PROXIES ?? [],
    };
    this.database = { url: env.DATABASE_URL, poolSize: env.KILN_DATABASE_POOL };
    this.redis = env.REDIS_URL === null ? null : { url: env.REDIS_URL };
    this.queue = {
      prefix: env.KILN_QUEUE_PREFIX,
      concurrency: {
        tick: env.KILN_CONCURRENCY_TICK,
        transfer: env.KILN_CONCURRENCY_TRANSFER,
        media: env.KILN_CONCURRENCY_MEDIA,
        webhook: env.KILN_CONCURRENCY_WEBHOOK,
      },
    };
    this.storage = parts.storage;
    this.secrets = env.KILN_SECRET ?? [];
    this.adminKey = env.KILN_ADMIN_KEY;
    this.catalogFile = env.KILN_CATALOG === null ? null : resolve(env.KILN_CATALOG);
    this.sandbox = {
      enabled: env.KILN_SANDBOX === 'on' || (env.KILN_SANDBOX === 'auto' && embedded),
      speed: env.KILN_SANDBOX_SPEED,
    };
    this.egress = { allow: env.KILN_EGRESS_ALLOW ?? [] };
    this.log = { level: env.KILN_LOG_LEVEL };
    this.limits = {
      maxUploadBytes: env.KILN_MAX_UPLOAD_BYTES,
      maxOutputBytes: env.KILN_MAX_OUTPUT_BYTES,
      maxPixels: env.KILN_MAX_PIXELS,
      minFreeBytes: env.KILN_MIN_FREE_BYTES,
    };
    this.retention = {
      outputSeconds: env.KILN_OUTPUT_RETENTION_SECONDS,
      uploadSeconds: env.KILN_UPLOAD_RETENTION_SECONDS,
    };
    this.engine = { claimLeaseMs: env.KILN_CLAIM_LEASE_MS, unknownTtlSeconds: env.KILN_UNKNOWN_TTL_SECONDS };
    this.shutdown = {
      drainDelayMs: env.KILN_DRAIN_DELAY_MS ?? (embedded ? 0 : 5000),
      drainTimeoutMs: env.KILN_DRAIN_TIMEOUT_MS,
    };
    this.media = { ffmpegPath: env.FFMPEG_PATH, ffprobePath: env.FFPROBE_PATH };
    this.credentials = parts.credentials;
    this.callbackSecrets = parts.callbackSecrets;
    this.endpoints = parts.endpoints;
    this.unknownVariables = parts.unknown;
  }
}

/** Throws ConfigError naming every variable that is wrong or missing, what came (but for secrets) and what is allowed. */
export function loadConfig(env: Env, role?: string): KilnConfig {
  const problems: string[] = [];
  const merged: Env = role === undefined ? env : { ...env, KILN_ROLE: role };
  const parsed = Object.fromEntries(
    Object.keys(VARIABLES).map((name) => [name, parseVariable(name as VariableName, merged[name], problems)]),
  ) as Parsed;
  const { credentials, problems: credentialProblems } = parseCredentials(env);
  const { callbackSecrets, problems: secretProblems } = parseCallbackSecrets(env);
  const { endpoints, problems: endpointProblems } = parseEndpoints(env);
  problems.push(...credentialProblems, ...secretProblems, ...endpointProblems, ...missing(parsed));
  if (problems.length > 0) throw new ConfigError(problems);
  const unknown = Object.keys(env).filter(
    (name) =>
      name.startsWith('KILN_') &&
      ![CREDENTIAL_PREFIX, CALLBACK_SECRET_PREFIX, ENDPOINTS_PREFIX].some((prefix) => name.startsWith(prefix)) &&
      !(name in VARIABLES),
  );
  return new KilnConfig(parsed, { storage: storageOf(parsed), credentials, callbackSecrets, endpoints, unknown });
}

function parseVariable(name: VariableName, raw: string | undefined, problems: string[]): unknown {
  const { schema, fallback, allowed, secret } = VARIABLES[name] as (typeof VARIABLES)[VariableName] & {
    secret?: boolean;
  };
  const came = raw?.trim();
  const value = came ? came : fallback;
  if (value === null) return null;
  const result = (schema as z.ZodType).safeParse(value);
  if (result.success) return result.data;
  problems.push(
    `${name} is ${secret ? 'set to something (hidden) that is not allowed' : JSON.stringify(value)}; allowed is ${allowed}`,
  );
  return null;
}

/** What production needs, and what must come together. */
function missing(env: Parsed): string[] {
  const problems: string[] = [];
  const need = (name: VariableName, why: string): void => {
    if (env[name] === null) problems.push(`${name} is not set; ${why}. Allowed is ${VARIABLES[name].allowed}`);
  };
  if (env.DATABASE_URL !== null && env.KILN_ROLE !== 'migrate') {
    need('KILN_SECRET', 'with DATABASE_URL every process needs the same one');
    need('KILN_PUBLIC_URL', 'with DATABASE_URL links and callbacks are built from it');
  }
  if (wantsS3(env)) {
    const why = 'media is kept in S3, and KILN_STORAGE=file would keep it on this machine';
    for (const name of ['S3_BUCKET', 'S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY'] as const) need(name, why);
  }
  return problems;
}

function wantsS3(env: Parsed): boolean {
  if (env.KILN_ROLE === 'migrate') return false;
  if (env.KILN_STORAGE !== null) return env.KILN_STORAGE === 's3';
  const named = [
    env.S3_BUCKET,
    env.S3_ENDPOINT,
    env.S3_PUBLIC_ENDPOINT,
    env.S3_ACCESS_KEY_ID,
    env.S3_SECRET_ACCESS_KEY,
  ];
  return env.DATABASE_URL !== null || named.some((value) => value !== null);
}

function storageOf(env: Parsed): StorageConfig {
  const { S3_BUCKET: bucket, S3_ACCESS_KEY_ID: accessKeyId, S3_SECRET_ACCESS_KEY: secretAccessKey } = env;
  if (!wantsS3(env) || bucket === null || accessKeyId === null || secretAccessKey === null) {
    return { kind: 'file', dir: join(resolve(env.KILN_DATA_DIR), 'objects') };
  }
  return {
    kind: 's3',
    endpoint: env.S3_ENDPOINT ?? undefined,
    publicEndpoint: env.S3_PUBLIC_ENDPOINT ?? undefined,
    region: env.S3_REGION,
    bucket,
    accessKeyId,
    secretAccessKey,
    forcePathStyle: env.S3_FORCE_PATH_STYLE ?? env.S3_ENDPOINT !== null,
  };
}
