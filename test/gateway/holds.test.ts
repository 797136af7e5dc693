import { queryRow, sql } from '../../src/database/database.js';
import { type GatewayKiln, routeOn, startGateway, textModel, usageOf } from './gateway.js';
import { answers, json } from './upstream.js';

let kiln: GatewayKiln;
let key: { id: string; secret: string };

beforeAll(async () => {
  kiln = await startGateway((upstream) => ({
    plain: textModel({ only: routeOn(upstream, 'plain') }),
    claude: textModel({
      only: routeOn(upstream, 'claude', { provider: 'anthropic', endpoints: [`${upstream.url}/claude`] }),
    }),
  }));
  key = await kiln.newKey();
});
afterAll(() => kiln.end());
beforeEach(() => kiln.upstream.reset());

type Json = Record<string, unknown>;
const post = (path: string, body: Json, headers: Record<string, string> = {}) =>
  kiln.call<{ error?: { message: string; type: string } }>('POST', path, body, {
    authorization: `Bearer ${key.secret}`,
    ...headers,
  });
const MESSAGES = [{ role: 'user', content: 'hi' }];
const CLAUDE_ANSWER = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'up-model',
  content: [{ type: 'text', text: 'seen' }],
  stop_reason: 'end_turn',
  stop_sequence: null,
  usage: { input_tokens: 10, output_tokens: 5 },
};

interface Snapshot {
  bound: { cacheWrite1h: boolean; inputTokens: number };
}
async function heldFor(requestId: string | null): Promise<Snapshot['bound'] | undefined> {
  const row = await queryRow<{ price: Snapshot }>(
    kiln.database,
    sql`SELECT price FROM ledger_entry WHERE work_id = ${requestId} AND kind = 'hold'`,
  );
  return row?.price.bound;
}

test('an hour in the cache is held for where a result of a tool asks for it', async () => {
  kiln.upstream.script('claude', json(200, CLAUDE_ANSWER));
  const result = { type: 'tool_result', tool_use_id: 'call_1', content: 'sunny' };
  const answer = await post('/v1/messages', {
    model: 'claude',
    max_tokens: 5,
    tools: [{ name: 'weather', input_schema: { type: 'object' } }],
    messages: [
      ...MESSAGES,
      { role: 'assistant', content: [{ type: 'tool_use', id: 'call_1', name: 'weather', input: {} }] },
      { role: 'user', content: [{ ...result, cache_control: { type: 'ephemeral', ttl: '1h' } }] },
    ],
  });
  expect(answer.status).toBe(200);
  expect(await heldFor(answer.headers.get('x-request-id'))).toMatchObject({ cacheWrite1h: true });
});

test("no more input is held for than the route's model reads", async () => {
  const image = { type: 'image_url', image_url: { url: 'https://example.com/a.png' } };
  const answer = await post('/v1/chat/completions', {
    model: 'plain',
    messages: [{ role: 'user', content: [image] }],
  });
  expect(answer.status).toBe(200);
  expect(await heldFor(answer.headers.get('x-request-id'))).toMatchObject({ inputTokens: 4000 });
});

test.each<[path: string, model: string, more: Json]>([
  ['/v1/chat/completions', 'plain', { service_tier: 'priority' }],
  ['/v1/responses', 'plain', { service_tier: 'priority', input: 'hi' }],
  ['/v1/chat/completions', 'plain', { models: ['another/model'] }],
  ['/v1/chat/completions', 'plain', { plugins: [{ id: 'web' }] }],
  ['/v1/messages', 'claude', { speed: 'fast' }],
  ['/v1/messages', 'claude', { inference_geo: 'us' }],
])('%s of %s refuses %j, which other prices hold for', async (path, model, more) => {
  const input = path === '/v1/responses' ? {} : { messages: MESSAGES, max_tokens: 5 };
  const answer = await post(path, { model, ...input, ...more });
  expect(answer.status).toBe(400);
  expect(answer.body.error?.message).toContain(`'${Object.keys(more)[0]}'`);
  expect(kiln.upstream.seen).toEqual([]);
});

test('a whole answer too long to keep for its Idempotency-Key is not made and paid for again', async () => {
  kiln.upstream.script('plain', answers('x'.repeat(1_100_000)));
  const body = { model: 'plain', messages: MESSAGES };
  const once = await post('/v1/chat/completions', body, { 'idempotency-key': 'long' });
  expect(once.status).toBe(200);
  const again = await post('/v1/chat/completions', body, { 'idempotency-key': 'long' });
  expect(again.status).toBe(409);
  expect(again.headers.get('x-should-retry')).toBe('false');
  expect(kiln.upstream.seen).toHaveLength(1);
  expect(await usageOf(kiln, again.headers.get('x-request-id'))).toBeUndefined();
});
