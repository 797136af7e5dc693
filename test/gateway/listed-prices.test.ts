import { Ledger } from '../../src/billing/ledger.js';
import { queryRow, sql } from '../../src/database/database.js';
import { type GatewayKiln, routeOn, startGateway, textModel } from './gateway.js';
import { answers, type Behaviour, json } from './upstream.js';

let kiln: GatewayKiln;

beforeAll(async () => {
  kiln = await startGateway((upstream) => ({
    'listed/*': textModel({ only: routeOn(upstream, 'listed', { model: '*', price: undefined, price_list: true }) }),
  }));
});
afterAll(() => kiln.end());
beforeEach(() => kiln.upstream.reset());

type Json = Record<string, unknown>;

const MESSAGES = [{ role: 'user', content: 'hi' }];
const chat = async (usd: number | null, body: Json) => {
  const key = await kiln.newKey({ daily_budget_micro_usd: usd === null ? null : Math.round(usd * 1e6) });
  const answer = await kiln.call(
    'POST',
    '/v1/chat/completions',
    { messages: MESSAGES, ...body },
    { authorization: `Bearer ${key.secret}` },
  );
  return { key, answer };
};

/** A wildcard's server: its list of prices, and answers that cost what is told. */
const lists =
  (costUsd: number): Behaviour =>
  (request, response, body) => {
    const list = { data: [{ id: 'one', pricing: { prompt: '0.000001', completion: '0.000002' } }] };
    if (request.method === 'GET') return json(200, list)(request, response, body);
    return answers('hello', { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15, cost: costUsd })(
      request,
      response,
      body,
    );
  };

test("a wildcard costs no less than twice what its server says it cost, by prices of the day's list", async () => {
  kiln.upstream.script('listed', lists(0.0000101));
  const { answer } = await chat(null, { model: 'listed/one' });
  expect(answer.headers.get('x-kiln-cost-micro-usd')).toBe('40'); // 10 × 2 + 5 × 4, above 2 × 10.1
  kiln.upstream.script('listed', lists(0.0000303));
  const { key, answer: dearer } = await chat(null, { model: 'listed/one' });
  expect(dearer.headers.get('x-kiln-cost-micro-usd')).toBe('61'); // 2 × 30.3, rounded up
  const [hold] = await kiln.app.get(Ledger).forWork(key.id, dearer.headers.get('x-request-id') ?? '');
  expect(hold?.price).toMatchObject({
    routes: [
      {
        id: 'listed/*/only',
        price: {
          rates: { input: 1_000_000, output: 2_000_000 },
          multiplier: 2,
          source: `${new URL(kiln.upstream.url).host}/models`,
          date: new Date().toISOString().slice(0, 10),
        },
      },
    ],
  });
});

test('what a server says it cost beyond the hold is a loss, in the books and told to ops', async () => {
  kiln.upstream.script('listed', lists(0.5));
  const { key, answer } = await chat(1, { model: 'listed/one', max_tokens: 5 });
  const requestId = answer.headers.get('x-request-id') ?? '';
  const held = (await kiln.app.get(Ledger).forWork(key.id, requestId)).find(({ kind }) => kind === 'hold');
  const heldMicroUsd = held?.amountMicroUsd ?? -1;
  expect(Number(answer.headers.get('x-kiln-cost-micro-usd'))).toBe(heldMicroUsd);
  const loss = sql`SELECT loss_micro_usd::int AS loss FROM usage_record WHERE id = ${requestId}`;
  expect(await queryRow(kiln.database, loss)).toEqual({ loss: 1_000_000 - heldMicroUsd });
  const told = await queryRow(kiln.database, sql`SELECT 1 FROM ops_event WHERE type = 'billing.over_hold'`);
  expect(told).not.toBeNull();
});

test('a model that the list has no price for is not found, and not asked', async () => {
  kiln.upstream.script('listed', lists(0));
  await chat(1, { model: 'listed/one' });
  const asked = kiln.upstream.seen.length;
  const { answer } = await chat(1, { model: 'listed/free' });
  expect(answer.status).toBe(404);
  expect(kiln.upstream.seen).toHaveLength(asked);
});
