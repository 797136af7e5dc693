import { jest } from '@jest/globals';
import { Client } from 'pg';
import { Keys } from '../../src/keys/keys.js';
import { execute, queryRow, sql } from '../../src/database/database.js';
import { OPERATIONS } from '../../src/runtime/openapi/operations.js';
import { dropGround, freePort, newGround, startKiln, type Answer, type Ground, type Kiln } from '../support/kiln.js';

let ground: Ground;
let replicas: [Kiln, Kiln];
let passedMs = 0;

/** This database's `clock_timestamp()` stands still until it is moved: its own stands in front of PostgreSQL's. */
async function holdDatabaseClock(url: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(`CREATE SCHEMA held;
    CREATE TABLE held.clock AS SELECT pg_catalog.clock_timestamp() AS at;
    CREATE FUNCTION held.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS 'SELECT at FROM held.clock';`);
  await client.query(`ALTER DATABASE "${new URL(url).pathname.slice(1)}" SET search_path = held, pg_catalog, public`);
  await client.end();
}

/** Both replicas' and the database's time, on which buckets refill. */
async function pass(ms: number): Promise<void> {
  passedMs += ms;
  await execute(replicas[0].database, sql`UPDATE held.clock SET at = at + ${ms}::int * interval '1 millisecond'`);
}

beforeAll(async () => {
  const now = performance.now.bind(performance);
  // What a replica remembers of an empty bucket ends by this clock, and then it asks the database.
  jest.spyOn(performance, 'now').mockImplementation(() => now() + passedMs);
  ground = await newGround();
  await holdDatabaseClock(ground.db.url);
  replicas = [
    await startKiln({ ground, workers: false }),
    await startKiln({ ground: { ...ground, port: await freePort() }, workers: false }),
  ];
});
afterAll(async () => {
  for (const replica of replicas) await replica.close();
  await dropGround(ground);
  jest.restoreAllMocks();
});

const CHAT = { model: 'claude-sonnet', messages: [{ role: 'user', content: 'Say hello.' }] };
/** Counted before anything else is looked at, and answered without an upstream. */
const NOBODY = { ...CHAT, model: 'nobody' };
const post = (kiln: Kiln, secret: string, body: unknown = NOBODY, path = '/v1/chat/completions'): Promise<Answer> =>
  kiln.call('POST', path, body, { authorization: `Bearer ${secret}` });
const limits = ({ headers }: Answer): (string | null)[] =>
  ['limit', 'remaining', 'reset'].map((name) => headers.get(`x-ratelimit-${name}-requests`));

async function burst(secret: string, n: number): Promise<number> {
  const answers = await Promise.all(Array.from({ length: n }, (_, at) => post(replicas[at % 2] as Kiln, secret)));
  expect(answers.every(({ status }) => status === 404 || status === 429)).toBe(true);
  return answers.filter(({ status }) => status === 404).length;
}

test('50 requests at once over two replicas: exactly the limit is let through, and then as many as time gives back', async () => {
  const { secret } = await replicas[0].newKey({ requests_per_minute: 20 });
  expect(await burst(secret, 50)).toBe(20);
  expect(await burst(secret, 10)).toBe(0);
  await pass(2999);
  expect(await burst(secret, 10)).toBe(0);
  await pass(1);
  expect(await burst(secret, 10)).toBe(1);
  await pass(30_000);
  expect(await burst(secret, 50)).toBe(10);
  await pass(600_000);
  expect(await burst(secret, 50)).toBe(20);
});

test('it outlives the process: a restarted replica knows what was used', async () => {
  const { secret } = await replicas[0].newKey({ requests_per_minute: 3 });
  expect(await burst(secret, 2)).toBe(2);
  const third = await startKiln({ ground: { ...ground, port: await freePort() }, workers: false });
  expect((await post(third, secret)).status).toBe(404);
  expect((await post(third, secret)).status).toBe(429);
  await third.close();
});

test('each answer says what is left, a refusal when to come again', async () => {
  const { secret } = await replicas[0].newKey({ requests_per_minute: 2 });
  expect(limits(await post(replicas[0], secret))).toEqual(['2', '1', '30s']);
  expect(limits(await post(replicas[1], secret))).toEqual(['2', '0', '1m0s']);
  const refused = await post(replicas[0], secret);
  expect(refused).toMatchObject({
    status: 429,
    body: {
      error: {
        type: 'rate_limit_exceeded',
        code: '429',
        message: 'This key may make 2 requests a minute; try again in 30 s.',
      },
    },
  });
  expect(limits(refused)).toEqual(['2', '0', '1m0s']);
  expect(refused.headers.get('retry-after')).toBe('30');
  expect(refused.headers.get('x-should-retry')).toBeNull();
  await pass(29_500);
  expect((await post(replicas[0], secret)).headers.get('retry-after')).toBe('1');
  await pass(500);
  expect((await post(replicas[0], secret)).status).toBe(404);
});

test('a refusal writes nothing', async () => {
  const { id, secret } = await replicas[0].newKey({ requests_per_minute: 1 });
  await post(replicas[0], secret);
  const row = () =>
    queryRow(replicas[0].database, sql`SELECT xmin::text, xmax::text, ctid::text FROM key_rate WHERE key_id = ${id}`);
  const before = await row();
  expect(before).not.toBeNull();
  for (const replica of replicas) expect((await post(replica, secret)).status).toBe(429);
  expect(await row()).toEqual(before);
});

test('an empty bucket is remembered: further refusals ask the database nothing', async () => {
  const { secret } = await replicas[0].newKey({ requests_per_minute: 1 });
  await post(replicas[0], secret);
  await post(replicas[0], secret);
  const query = jest.spyOn(replicas[0].database.pool, 'query');
  for (let n = 0; n < 5; n += 1) {
    const refused = await post(replicas[0], secret);
    expect([refused.status, limits(refused)[1]]).toEqual([429, '0']);
  }
  const texts = query.mock.calls.map(([first]) => (first as unknown as { text?: string }).text ?? '');
  query.mockRestore();
  expect(texts.filter((text) => text.includes('key_rate'))).toEqual([]);
});

describe("the upstream's limits", () => {
  const MESSAGES = { ...CHAT, max_tokens: 50 };
  // The next route is Anthropic's, which tells its limits.
  beforeAll(() => replicas[0].call('POST', '/admin/routes/claude-sonnet/bedrock/pause'));

  test('are passed on to a key without its own', async () => {
    const { secret } = await replicas[0].newKey();
    const { status, headers } = await post(replicas[0], secret, MESSAGES, '/v1/messages');
    expect(status).toBe(200);
    expect(headers.get('anthropic-ratelimit-requests-limit')).toMatch(/^\d+$/);
    expect(headers.get('x-ratelimit-limit-requests')).toBeNull();
  });

  test('are not told to a key that has one', async () => {
    const { secret } = await replicas[0].newKey({ requests_per_minute: 7 });
    const answer = await post(replicas[0], secret, MESSAGES, '/v1/messages');
    expect(answer.status).toBe(200);
    expect(limits(answer)).toEqual(['7', '6', '8.572s']);
    const { headers } = answer;
    expect(headers.get('anthropic-ratelimit-requests-limit')).toBe('7');
    expect(headers.get('anthropic-ratelimit-requests-remaining')).toBe('6');
    expect(headers.get('anthropic-ratelimit-requests-reset')).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(headers.get('anthropic-ratelimit-input-tokens-limit')).toBeNull();
  });

  test('a stream begins with them', async () => {
    const { secret } = await replicas[0].newKey({ requests_per_minute: 7 });
    expect(limits(await post(replicas[0], secret, { ...CHAT, stream: true }))).toEqual(['7', '6', '8.572s']);
  });
});

/** POSTs that ask for work; the other ones of /v1 do not count. */
const COUNTED = [
  'POST /v1/chat/completions',
  'POST /v1/responses',
  'POST /v1/messages',
  'POST /v1/embeddings',
  'POST /v1/audio/speech',
  'POST /v1/audio/transcriptions',
  'POST /v1/images/generations',
  'POST /v1/images/edits',
  'POST /v1/videos',
  'POST /v1/videos/edits',
  'POST /v1/videos/extensions',
  'POST /v1/videos/{id}/remix',
  'POST /v1/jobs',
  'POST /v1/jobs/{id}/replay',
];

test.each(Object.keys(OPERATIONS).filter((route) => / \/v1\//.test(route)))('%s counts, or not', async (route) => {
  const { secret } = await replicas[0].newKey({ requests_per_minute: 5 });
  const [method = '', template = ''] = route.split(' ');
  const body = method === 'GET' || method === 'DELETE' ? undefined : {};
  const path = template.replaceAll(/\{\w+\}/g, '0');
  const answer = await replicas[0].call(method, path, body, { authorization: `Bearer ${secret}` });
  expect([route, answer.headers.get('x-ratelimit-remaining-requests')]).toEqual([
    route,
    COUNTED.includes(route) ? '4' : null,
  ]);
});

test('a changed limit holds at once where it was changed, also against an empty bucket', async () => {
  const { id, secret } = await replicas[0].newKey({ requests_per_minute: 1 });
  await post(replicas[0], secret);
  expect((await post(replicas[0], secret)).status).toBe(429);
  await replicas[0].call('PATCH', `/admin/keys/${id}`, { requests_per_minute: 60 });
  await pass(1000);
  expect((await post(replicas[0], secret)).status).toBe(404);
  await replicas[0].call('PATCH', `/admin/keys/${id}`, { requests_per_minute: null });
  replicas[0].app.get(Keys).forget();
  const free = await post(replicas[0], secret);
  expect([free.status, free.headers.get('x-ratelimit-limit-requests')]).toEqual([404, null]);
});
