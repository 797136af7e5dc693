import { queryRows, sql } from '../../src/database/database.js';
import { type GatewayKiln, routeOn, startGateway, textModel } from './gateway.js';
import { errors, json } from './upstream.js';

let kiln: GatewayKiln;
let key: { id: string; secret: string };

beforeAll(async () => {
  kiln = await startGateway((upstream) => ({
    'acme/*': textModel({
      first: routeOn(upstream, 'acme', { model: '*' }),
      second: routeOn(upstream, 'other', { model: '*' }),
    }),
    two: textModel({ first: routeOn(upstream, 'first'), second: routeOn(upstream, 'second') }),
    claude: textModel({
      first: routeOn(upstream, 'claude', { provider: 'anthropic', endpoints: [`${upstream.url}/claude`] }),
      second: routeOn(upstream, 'second'),
    }),
  }));
  key = await kiln.newKey();
});
afterAll(() => kiln.end());
beforeEach(() => kiln.upstream.reset());

const authorized = () => ({ authorization: `Bearer ${key.secret}` });
const MESSAGES = [{ role: 'user', content: 'hi' }];
const ask = (model: string, more: Record<string, unknown> = {}) =>
  kiln.call<{ error?: { code: string } }>(
    'POST',
    '/v1/chat/completions',
    { model, messages: MESSAGES, ...more },
    authorized(),
  );

describe("a model of a wildcard that its provider does not serve closes the wildcard's routes to nobody", () => {
  test('where it is not known: 404', async () => {
    kiln.upstream.script('acme', errors(404, { code: 'model_not_found' }));
    kiln.upstream.script('other', errors(404, { code: 'model_not_found' }));
    const refused = await ask('acme/nothing');
    expect(refused.status).toBe(404);
    expect(refused.body.error?.code).toBe('model_not_found');
    kiln.upstream.reset();
    expect((await ask('acme/something')).headers.get('x-kiln-route')).toBe('acme/*/first');
  });

  test('where this account may not call it', async () => {
    kiln.upstream.script('acme', errors(403, { message: 'ask for access to this model' }));
    expect((await ask('acme/secret')).headers.get('x-kiln-route')).toBe('acme/*/second');
    kiln.upstream.reset();
    expect((await ask('acme/something')).headers.get('x-kiln-route')).toBe('acme/*/first');
  });
});

test('a body too deep to be read is refused and closes no route', async () => {
  let deep = '1';
  for (let level = 0; level < 20_000; level += 1) deep = `[${deep}]`;
  const refused = await fetch(`${kiln.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { ...authorized(), 'content-type': 'application/json' },
    body: `{"model":"two","messages":${JSON.stringify(MESSAGES)},"deep":${deep}}`,
  });
  expect(refused.status).toBe(400);
  expect(await refused.text()).toContain('nested more than 500 levels');
  expect(kiln.upstream.seen).toEqual([]);
  const closed = await queryRows(
    kiln.database,
    sql`SELECT id FROM route_state WHERE id LIKE 'two/%' AND cooldown_until > now()`,
  );
  expect(closed).toEqual([]);
});

test.each([403, 429, 500])('a count that is refused with %i does not move the messages elsewhere', async (status) => {
  kiln.upstream.script('claude', errors(status));
  const body = { model: 'claude', max_tokens: 5, messages: MESSAGES };
  expect((await kiln.call('POST', '/v1/messages/count_tokens', body, authorized())).status).toBe(200);
  kiln.upstream.script(
    'claude',
    json(200, {
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model: 'up-model',
      content: [{ type: 'text', text: 'hello' }],
      stop_reason: 'end_turn',
      stop_sequence: null,
      usage: { input_tokens: 10, output_tokens: 5 },
    }),
  );
  const answer = await kiln.call('POST', '/v1/messages', body, authorized());
  expect(answer.headers.get('x-kiln-route')).toBe('claude/first');
});
