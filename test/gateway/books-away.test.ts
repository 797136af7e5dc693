import { jest } from '@jest/globals';
import { SyncHolds } from '../../src/billing/sync-holds.js';
import { unavailable } from '../../src/common/errors.js';
import { type GatewayKiln, routeOn, startGateway, textModel } from './gateway.js';
import { answers } from './upstream.js';

let kiln: GatewayKiln;

beforeAll(async () => {
  kiln = await startGateway((upstream) => ({ model: textModel({ only: routeOn(upstream, 'only') }) }));
});
afterAll(() => kiln.end());
afterEach(() => jest.restoreAllMocks());

const ask = (stream: boolean) =>
  kiln.call<{ text?: string; choices?: { message: { content: string } }[] }>('POST', '/v1/chat/completions', {
    model: 'model',
    stream,
    messages: [{ role: 'user', content: 'hi' }],
  });

// What SyncHolds does when the database stays away: the settle goes on, and the caller hears 503.
const away = (): void => {
  jest.spyOn(kiln.app.get(SyncHolds), 'settle').mockRejectedValue(unavailable('away'));
};

test('an answer that was made and is held for is delivered, though its cost is not known yet', async () => {
  kiln.upstream.script('only', answers('made'));
  away();
  const answer = await ask(false);
  expect(answer.status).toBe(200);
  expect(answer.body.choices?.[0]?.message.content).toBe('made');
  expect(answer.headers.get('x-kiln-cost-micro-usd')).toBeNull();
});

test('so is a stream, to its end', async () => {
  kiln.upstream.script('only', answers('made'));
  away();
  expect((await ask(true)).body.text).toMatch(/data: \[DONE\]\n\n$/);
});
