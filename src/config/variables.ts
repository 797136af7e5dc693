import {
  type Variable,
  addressRanges,
  decimal,
  flag,
  hostPorts,
  oneOf,
  secrets,
  text,
  url,
  whole,
} from './variable-types.js';

const MAX_PORT = 65_535;
const DAY_SECONDS = 86_400;
const YEAR_SECONDS = 365 * DAY_SECONDS;
const GIB = 1024 ** 3;
const HOUR_MS = 3_600_000;

const define = <T extends Record<string, Variable>>(variables: T): T => variables;

/** Every variable Kiln reads; `KILN_CREDENTIAL_<NAME>` beside them is a family (credentials.ts). */
export const VARIABLES = define({
  KILN_ROLE: {
    ...oneOf('all', 'api', 'worker', 'migrate'),
    group: 'Process',
    fallback: 'all',
    about: 'What this process does; the first command line argument says the same and wins.',
  },
  PORT: { ...whole(0, MAX_PORT), group: 'Process', fallback: '3000', about: 'Port of the API; 0 takes a free one.' },
  HOST: {
    ...text('an address or host name', /^[A-Za-z0-9.:_-]+$/),
    group: 'Process',
    fallback: null,
    shownDefault: '127.0.0.1 without DATABASE_URL, else 0.0.0.0',
    about: 'Address the API listens on.',
  },
  METRICS_PORT: {
    ...whole(1, MAX_PORT),
    group: 'Process',
    fallback: null,
    about: 'A port of its own for `/metrics`, open without a key; without it `/metrics` needs the admin key.',
  },
  KILN_PUBLIC_URL: {
    ...url('http', 'https'),
    group: 'Process',
    fallback: null,
    shownDefault: 'http://127.0.0.1:PORT without DATABASE_URL, else required',
    about: 'Address clients and providers reach this service at; builds every link and callback.',
  },
  KILN_LOG_LEVEL: {
    ...oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
    group: 'Process',
    fallback: 'info',
    about: 'Least level that is logged.',
  },
  KILN_DRAIN_DELAY_MS: {
    ...whole(0, HOUR_MS, 'milliseconds'),
    group: 'Process',
    fallback: null,
    shownDefault: '0 without DATABASE_URL, else 5000',
    about: 'From SIGTERM, with `/readyz` at 503, until intake stops: the time a load balancer needs to notice.',
  },
  KILN_DRAIN_TIMEOUT_MS: {
    ...whole(0, HOUR_MS, 'milliseconds'),
    group: 'Process',
    fallback: '25000',
    about: 'How long streams and steps may then go on before they are ended or given back.',
  },

  KILN_DATA_DIR: {
    ...text('a folder'),
    group: 'Data',
    fallback: '.kiln',
    about: 'Folder of the embedded database, the file store and the generated secret.',
  },
  DATABASE_URL: {
    ...url('postgres', 'postgresql'),
    group: 'Data',
    fallback: null,
    secret: true,
    about:
      'PostgreSQL 15 or newer, reached directly or through a session pooler (LISTEN is needed). Unset: an embedded one.',
  },
  KILN_DATABASE_POOL: {
    ...whole(2, 500, 'connections'),
    group: 'Data',
    fallback: '20',
    about: 'Connections of the pool, per process.',
  },
  REDIS_URL: {
    ...url('redis', 'rediss'),
    group: 'Data',
    fallback: null,
    secret: true,
    about: 'Redis 6.2 or newer for the queues. Unset: the queues live in PostgreSQL.',
  },
  KILN_STORAGE: {
    ...oneOf('file', 's3'),
    group: 'Data',
    fallback: null,
    shownDefault: 's3 when S3_BUCKET or DATABASE_URL is set, else file',
    about: 'Where media lives. `file` is KILN_DATA_DIR/objects: one machine only.',
  },
  S3_ENDPOINT: {
    ...url('http', 'https'),
    group: 'Data',
    fallback: null,
    shownDefault: "Amazon's for the region",
    about: 'S3-compatible server.',
  },
  S3_PUBLIC_ENDPOINT: {
    ...url('http', 'https'),
    group: 'Data',
    fallback: null,
    shownDefault: 'S3_ENDPOINT',
    about: 'The same server as clients reach it, for presigned links.',
  },
  S3_REGION: {
    ...text('a region name', /^[A-Za-z0-9-]+$/),
    group: 'Data',
    fallback: 'us-east-1',
    about: 'Region the requests are signed for.',
  },
  S3_BUCKET: {
    ...text('a bucket name', /^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/),
    group: 'Data',
    fallback: null,
    about: 'Bucket; it must exist.',
  },
  S3_ACCESS_KEY_ID: {
    ...text('an access key id'),
    group: 'Data',
    fallback: null,
    secret: true,
    about: 'Access key id.',
  },
  S3_SECRET_ACCESS_KEY: {
    ...text('a secret access key'),
    group: 'Data',
    fallback: null,
    secret: true,
    about: 'Secret access key.',
  },
  S3_FORCE_PATH_STYLE: {
    ...flag(),
    group: 'Data',
    fallback: null,
    shownDefault: 'true when S3_ENDPOINT is set',
    about: 'Bucket in the path instead of in the host name.',
  },

  KILN_SECRET: {
    ...secrets(),
    group: 'Security',
    fallback: null,
    shownDefault: 'made in KILN_DATA_DIR/secret without DATABASE_URL, else required',
    secret: true,
    about: 'Root of every signing and sealing key; the same in every process.',
  },
  KILN_ADMIN_KEY: {
    ...text('16 or more printable characters', /^[\x21-\x7e]{16,}$/),
    group: 'Security',
    fallback: null,
    secret: true,
    about: 'Key of `/admin`; unset: `/admin` is 404.',
  },
  KILN_TRUSTED_PROXIES: {
    ...addressRanges(),
    group: 'Security',
    fallback: null,
    shownDefault: "none: a client's address is its connection's",
    about:
      'Balancers whose `X-Forwarded-For` is believed, for the address lists of keys: a client is the last address in it that is none of these. Name none but your own.',
  },
  KILN_EGRESS_ALLOW: {
    ...hostPorts(),
    group: 'Security',
    fallback: null,
    about: "Private hosts that users' and providers' URLs may name all the same.",
  },

  KILN_CATALOG: { ...text('a file'), group: 'Models', fallback: null, about: 'YAML laid over the shipped catalog.' },
  KILN_SANDBOX: {
    ...oneOf('auto', 'on', 'off'),
    group: 'Models',
    fallback: 'auto',
    about: 'Emulated providers for routes without a credential. `auto`: on without DATABASE_URL.',
  },
  KILN_SANDBOX_SPEED: {
    ...decimal(0.01, 1000),
    group: 'Models',
    fallback: '1',
    about: 'Factor on how fast the sandbox pretends to generate.',
  },

  KILN_MAX_BODY_BYTES: {
    ...whole(1024, GIB, 'bytes'),
    group: 'Limits',
    fallback: String(64 * 1024 * 1024),
    about: 'Longest JSON body; pictures are in it as base64.',
  },
  KILN_MAX_UPLOAD_BYTES: {
    ...whole(1024, 50 * GIB, 'bytes'),
    group: 'Limits',
    fallback: String(2 * GIB),
    about: 'Longest upload or fetched reference.',
  },
  KILN_MAX_OUTPUT_BYTES: {
    ...whole(1024, 8 * GIB, 'bytes'),
    group: 'Limits',
    fallback: String(8 * GIB),
    about: 'Largest result taken from a provider.',
  },
  KILN_MAX_PIXELS: {
    ...whole(10_000, 1_000_000_000, 'pixels'),
    group: 'Limits',
    fallback: '50000000',
    about: 'Most pixels of an image, all frames together.',
  },
  KILN_MIN_FREE_BYTES: {
    ...whole(0, 1024 * GIB, 'bytes'),
    group: 'Limits',
    fallback: String(GIB),
    about: 'Free disk below which nothing new is submitted to providers.',
  },
  KILN_OUTPUT_RETENTION_SECONDS: {
    ...whole(60, 10 * YEAR_SECONDS, 'seconds'),
    group: 'Limits',
    fallback: String(30 * DAY_SECONDS),
    about: 'How long outputs are kept; a job may ask for less.',
  },
  KILN_UPLOAD_RETENTION_SECONDS: {
    ...whole(60, 10 * YEAR_SECONDS, 'seconds'),
    group: 'Limits',
    fallback: String(7 * DAY_SECONDS),
    about: 'How long unused uploads are kept.',
  },

  KILN_CONCURRENCY_TICK: {
    ...whole(1, 1000),
    group: 'Engine',
    fallback: '50',
    about: 'Short provider calls at a time, per worker.',
  },
  KILN_CONCURRENCY_TRANSFER: {
    ...whole(1, 1000),
    group: 'Engine',
    fallback: '16',
    about: 'Synchronous submits and result transfers at a time, per worker.',
  },
  KILN_CONCURRENCY_MEDIA: {
    ...whole(1, 100),
    group: 'Engine',
    fallback: '2',
    about: 'ffmpeg and sharp runs at a time, per worker.',
  },
  KILN_CONCURRENCY_WEBHOOK: {
    ...whole(1, 1000),
    group: 'Engine',
    fallback: '16',
    about: 'Webhook deliveries at a time, per worker.',
  },
  KILN_CLAIM_LEASE_MS: {
    ...whole(1000, HOUR_MS, 'milliseconds'),
    group: 'Engine',
    fallback: '60000',
    about: "How long a dead worker's claim on a job stands.",
  },
  KILN_UNKNOWN_TTL_SECONDS: {
    ...whole(60, 30 * DAY_SECONDS, 'seconds'),
    group: 'Engine',
    fallback: String(DAY_SECONDS),
    about: 'After this an attempt whose outcome stays unknown is lost, at the cost of the platform.',
  },
  KILN_QUEUE_PREFIX: {
    ...text('letters, digits, `_` and `-`', /^[A-Za-z0-9_-]{1,40}$/),
    group: 'Engine',
    fallback: 'kiln',
    about: 'Prefix of the queues, where several installations share a Redis.',
  },

  FFMPEG_PATH: {
    ...text('a program'),
    group: 'Media',
    fallback: null,
    shownDefault: "the system's, else the one from npm",
    about: 'ffmpeg.',
  },
  FFPROBE_PATH: {
    ...text('a program'),
    group: 'Media',
    fallback: null,
    shownDefault: "the system's, else the one from npm",
    about: 'ffprobe.',
  },
});

export type Variables = typeof VARIABLES;
export type VariableName = keyof Variables;
