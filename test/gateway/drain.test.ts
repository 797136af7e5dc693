import { InFlight } from '../../src/gateway/router/in-flight.js';
import { type GatewayKiln, routeOn, startGateway, textModel, usageOf } from './gateway.js';
import { answers, hangs, ROLE, stalls, text } from './upstream.js';

let kiln: GatewayKiln;

beforeAll(async () => {
  kiln = await startGateway((upstream) => ({
    model: textModel({
      only: routeOn(upstream, 'only', { first_byte_timeout_ms: 60_000, timeout_ms: 60_000, idle_timeout_ms: 60_000 }),
    }),
  }));
});
afterAll(() => kiln.end());
beforeEach(() => kiln.upstream.reset());

const ask = (stream: boolean): Promise<Response> =>
  fetch(`${kiln.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${kiln.secret}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'model', stream, messages: [{ role: 'user', content: 'hi' }] }),
  });

test('a stopping process ends a stream in the API’s own error event, and charges for what was made', async () => {
  kiln.upstream.script('only', stalls(ROLE, text('some words')));
  const response = await ask(true);
  const body = response.text();
  kiln.app.get(InFlight).stop();
  const last = (await body).trim().split('\n\n').at(-1)?.replace('data: ', '') ?? '';
  expect(JSON.parse(last)).toMatchObject({
    error: { type: 'unavailable', message: expect.stringContaining('stopping') as string },
  });
  const row = await usageOf(kiln, response.headers.get('x-request-id'));
  expect(row).toMatchObject({ status: 'partial' });
  expect(row?.chargedMicroUsd).toBeGreaterThan(0);
  await kiln.app.get(InFlight).idle();
});

test('a request that has not begun is 503 and asks no other route', async () => {
  kiln.upstream.script('only', hangs);
  const asked = ask(false);
  while (kiln.upstream.seen.length === 0) await new Promise((resolve) => setImmediate(resolve));
  kiln.app.get(InFlight).stop();
  const response = await asked;
  expect(response.status).toBe(503);
  expect(response.headers.get('retry-after')).toBe('1');
  expect(kiln.upstream.seen).toHaveLength(1);
  await kiln.app.get(InFlight).idle();
});

test('nothing stays under way behind whole answers and streams', async () => {
  kiln.upstream.script('only', answers('fine'));
  for (const stream of [false, true]) await (await ask(stream)).text();
  await kiln.app.get(InFlight).idle();
  expect(kiln.upstream.seen).toHaveLength(2);
});
