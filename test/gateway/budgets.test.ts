import { Ledger } from '../../src/billing/ledger.js';
import { queryRow, sql } from '../../src/database/database.js';
import { type GatewayKiln, proofOf, routeOn, startGateway, textModel, usageOnce } from './gateway.js';
import { answers, DONE, FINISH, json, ROLE, stalls, streams, text, USAGE_CHUNK } from './upstream.js';

/**
 * Of the catalog here a token of output costs 2 × $2 a million, so 4 micro-USD; one of input is held for at 2 × $1.25, which
 * is what it costs when it is written to a cache.
 */
const OUTPUT_MICRO_USD = 4;
const MOST = 100_000;

let kiln: GatewayKiln;

beforeAll(async () => {
  const large = { context_tokens: 200_000, max_output_tokens: MOST };
  kiln = await startGateway((upstream) => ({
    plain: textModel({ only: routeOn(upstream, 'plain') }, large),
    newest: textModel(
      { only: routeOn(upstream, 'newest') },
      { ...large, traits: { max_tokens_field: 'max_completion_tokens' } },
    ),
    narrow: textModel({ only: routeOn(upstream, 'narrow') }, { context_tokens: 16_000, max_output_tokens: MOST }),
    cheap: textModel({ only: routeOn(upstream, 'cheap') }, { ...large, max_output_tokens: 3000 }),
    chain: textModel(
      {
        first: routeOn(upstream, 'first'),
        dear: routeOn(upstream, 'dear', {
          price: { rates: { input: 1, output: 20 }, source: 'test', date: '2026-11-26' },
        }),
      },
      large,
    ),
    several: textModel({ only: routeOn(upstream, 'several') }, large),
    responding: textModel({ only: routeOn(upstream, 'responding', { settings: { kinds: ['responses'] } }) }, large),
    voice: {
      modality: 'speech',
      title: 'Test',
      description: 'A voice of a test.',
      created: '2026-11-26',
      routes: {
        only: routeOn(upstream, 'voice', {
          settings: { kinds: ['speech'] },
          price: { rates: { characters: 15 }, source: 'test', date: '2026-11-26' },
        }),
      },
    },
    ears: {
      modality: 'transcription',
      title: 'Test',
      description: 'Ears of a test.',
      created: '2026-11-26',
      routes: {
        only: routeOn(upstream, 'ears', {
          settings: { kinds: ['transcription'] },
          price: { rates: { audio_minute: 0.6 }, source: 'test', date: '2026-11-26' },
        }),
      },
    },
  }));
});
afterAll(() => kiln.end());
beforeEach(() => kiln.upstream.reset());

type Json = Record<string, unknown>;
interface Refusal {
  error: { message: string; type: string; budget: { left_micro_usd: number; affordable: Json } };
}
type Key = { id: string; secret: string };

const keyWith = (usd: number | null): Promise<Key> =>
  kiln.newKey({ daily_budget_micro_usd: usd === null ? null : Math.round(usd * 1e6) });
const post = (key: Key, path: string, body: Json | FormData) =>
  kiln.call<Refusal>('POST', path, body, { authorization: `Bearer ${key.secret}` });
const MESSAGES = [{ role: 'user', content: 'hi' }];
const chat = (key: Key, more: Json = {}) =>
  post(key, '/v1/chat/completions', { model: 'plain', messages: MESSAGES, ...more });
const sent = (): Json => kiln.upstream.seen.at(-1)?.body ?? {};

const lossOf = async (requestId: string | null): Promise<number> =>
  Number(
    (
      await queryRow<{ loss: bigint }>(
        kiln.database,
        sql`SELECT loss_micro_usd AS loss FROM usage_record WHERE id = ${requestId}`,
      )
    )?.loss ?? -1n,
  );

async function heldFor(requestId: string | null, key: Key): Promise<number> {
  const rows = await kiln.app.get(Ledger).forWork(key.id, requestId ?? '');
  return rows.find(({ kind }) => kind === 'hold')?.amountMicroUsd ?? -1;
}

test('a small budget holds a quarter of itself, and the model is told how far that goes', async () => {
  const key = await keyWith(0.1);
  const answer = await chat(key);
  expect(answer.status).toBe(200);
  const held = await heldFor(answer.headers.get('x-request-id'), key);
  expect(held).toBe(25_000);
  const cap = Number(sent()['max_tokens']);
  expect(answer.headers.get('x-kiln-max-tokens')).toBe(String(cap));
  // 25,000 less the input's hold of some 100, by 4 a token: in whole tokens, and not one less.
  expect(cap * OUTPUT_MICRO_USD).toBeLessThanOrEqual(held);
  expect(cap).toBeGreaterThan(6000);
  expect((await proofOf(kiln, key.id)).balanced).toBe(true);
});

test('with enough left, and without a budget, the longest output is held and the request passes as it came', async () => {
  for (const key of [await keyWith(10), await keyWith(null)]) {
    const answer = await chat(key);
    expect(await heldFor(answer.headers.get('x-request-id'), key)).toBeGreaterThan(MOST * OUTPUT_MICRO_USD);
    expect(answer.headers.get('x-kiln-max-tokens')).toBeNull();
    expect(sent()).not.toHaveProperty('max_tokens');
  }
});

test('a limit of the client is held for exactly, and what does not fit is refused with what would', async () => {
  const key = await keyWith(0.05);
  const fits = await chat(key, { max_tokens: 100 });
  expect(fits.headers.get('x-kiln-max-tokens')).toBeNull();
  expect(await heldFor(fits.headers.get('x-request-id'), key)).toBeLessThan(600);
  expect(sent()['max_tokens']).toBe(100);
  const refused = await chat(key, { max_tokens: 50_000 });
  expect(refused.status).toBe(429);
  expect(refused.headers.get('x-should-retry')).toBe('false');
  const { budget, message } = refused.body.error;
  const affordable = Number(budget.affordable['max_tokens']);
  expect(message).toContain(`Affordable: max_tokens ${affordable}.`);
  expect(affordable * OUTPUT_MICRO_USD).toBeLessThan(budget.left_micro_usd);
  expect((await chat(key, { max_tokens: affordable + 1 })).status).toBe(429);
  expect(kiln.upstream.seen).toHaveLength(1);
  expect((await chat(key, { max_tokens: affordable })).status).toBe(200);
});

test('what goes upstream is no more than the model writes, whatever the client allows', async () => {
  const key = await keyWith(null);
  await chat(key, { model: 'cheap', max_tokens: 1_000_000 });
  expect(sent()['max_tokens']).toBe(3000);
  kiln.upstream.script(
    'responding',
    json(200, { id: 'resp_1', output: [], usage: { input_tokens: 1, output_tokens: 1 } }),
  );
  await post(key, '/v1/responses', { model: 'responding', input: 'hi', max_output_tokens: 1_000_000 });
  expect(sent()['max_output_tokens']).toBe(MOST);
});

test('an API with a least limit of its own is held for at that', async () => {
  const key = await keyWith(null);
  kiln.upstream.script(
    'responding',
    json(200, { id: 'resp_1', output: [], usage: { input_tokens: 1, output_tokens: 16 } }),
  );
  const answer = await chat(key, { model: 'responding', max_tokens: 1 });
  expect(answer.status).toBe(200);
  expect(sent()['max_output_tokens']).toBe(16);
  const probe = await chat(key, { model: 'plain', max_tokens: 16 });
  expect(await heldFor(answer.headers.get('x-request-id'), key)).toBe(
    await heldFor(probe.headers.get('x-request-id'), key),
  );
});

test('a day that has less than the floor left gives it all, down to 256 tokens, then nothing', async () => {
  const key = await keyWith(0.01);
  const first = await chat(key);
  expect(await heldFor(first.headers.get('x-request-id'), key)).toBe(10_000);
  expect(Number(sent()['max_tokens'])).toBeLessThan(2500);
  const poor = await keyWith(0.001);
  const refused = await chat(poor);
  expect(refused.status).toBe(429);
  const most = Number(refused.body.error.budget.affordable['max_tokens']);
  expect(most).toBeLessThan(256);
  expect((await chat(poor, { max_tokens: most })).status).toBe(200);
  const broke = await keyWith(0.00001);
  const none = await chat(broke);
  expect(none.body.error.budget.affordable).toEqual({});
});

test('several answers share what is held', async () => {
  const key = await keyWith(0.2);
  const answer = await chat(key, { model: 'several', n: 3 });
  const held = await heldFor(answer.headers.get('x-request-id'), key);
  expect(3 * Number(sent()['max_tokens']) * OUTPUT_MICRO_USD).toBeLessThanOrEqual(held);
  expect(held).toBe(50_000);
});

test('each route of a chain has the cap of its own price', async () => {
  const key = await keyWith(1);
  kiln.upstream.script('first', json(500, { error: { message: 'down' } }));
  const answer = await chat(key, { model: 'chain' });
  expect(answer.status).toBe(200);
  const held = await heldFor(answer.headers.get('x-request-id'), key);
  const capOf = (route: string) => Number(kiln.upstream.seen.find((one) => one.route === route)?.body['max_tokens']);
  expect(held).toBe(250_000);
  expect(capOf('first') * OUTPUT_MICRO_USD).toBeLessThanOrEqual(held);
  expect(capOf('dear') * 40).toBeLessThanOrEqual(held);
  expect(capOf('first')).toBeGreaterThan(9 * capOf('dear'));
  expect(answer.headers.get('x-kiln-max-tokens')).toBe(String(capOf('dear')));
});

test('a stream, the responses API and a translated request are capped alike, in the words of their servers', async () => {
  const key = await keyWith(0.4);
  const stream = await fetch(`${kiln.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key.secret}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'newest', messages: MESSAGES, stream: true }),
  });
  expect(await stream.text()).toContain('[DONE]');
  expect(stream.headers.get('x-kiln-max-tokens')).toBe(String(sent()['max_completion_tokens']));
  expect(sent()).not.toHaveProperty('max_tokens');

  kiln.upstream.script(
    'responding',
    json(200, { id: 'resp_1', output: [], usage: { input_tokens: 1, output_tokens: 1 } }),
  );
  const response = await post(key, '/v1/responses', { model: 'responding', input: 'hi' });
  expect(response.headers.get('x-kiln-max-tokens')).toBe(String(sent()['max_output_tokens']));

  const translated = await post(key, '/v1/responses', { model: 'plain', input: 'hi' });
  expect(translated.headers.get('x-kiln-max-tokens')).toBe(String(sent()['max_tokens']));
  expect(Number(sent()['max_tokens']) * OUTPUT_MICRO_USD).toBeLessThanOrEqual(
    await heldFor(translated.headers.get('x-request-id'), key),
  );
});

test('a cap leaves the prompt its place in the context', async () => {
  const key = await keyWith(0.4);
  // Some 5000 tokens, which are held for as 13,333.
  const answer = await chat(key, { model: 'narrow', messages: [{ role: 'user', content: 'word '.repeat(4000) }] });
  expect(answer.status).toBe(200);
  const cap = Number(sent()['max_tokens']);
  expect(cap).toBeLessThanOrEqual(16_000 - 5000);
  expect(cap).toBeGreaterThan(8000);
});

test('parallel requests on a small budget are all answered, for what they used', async () => {
  const key = await keyWith(0.5);
  const all = await Promise.all(Array.from({ length: 10 }, () => chat(key)));
  expect(all.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200));
  // 10 tokens of input at 2 and 5 of output at 4.
  expect(await proofOf(kiln, key.id)).toMatchObject({
    balanced: true,
    counters: { spentMicroUsd: 10 * 40, heldMicroUsd: 0 },
  });
});

test('thoughts that were streamed are charged for when the client hangs up', async () => {
  const key = await keyWith(1);
  const thought = (words: string): string =>
    `data: ${JSON.stringify({ id: 'up-1', choices: [{ index: 0, delta: { reasoning_content: words }, finish_reason: null }] })}\n\n`;
  kiln.upstream.script('plain', stalls(ROLE, thought('well, let me think about this for a while')));
  const hangUp = new AbortController();
  const response = await fetch(`${kiln.url}/v1/chat/completions`, {
    method: 'POST',
    signal: hangUp.signal,
    headers: { authorization: `Bearer ${key.secret}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'plain', messages: MESSAGES, stream: true }),
  });
  const reader = response.body?.getReader();
  for (let seen = ''; !seen.includes('while');) {
    const next = await reader?.read();
    seen += new TextDecoder().decode(next?.value);
  }
  hangUp.abort();
  await kiln.upstream.seen[0]?.closed;
  const row = await usageOnce(kiln, response.headers.get('x-request-id'));
  expect(row).toMatchObject({ status: 'canceled' });
  // Ten words, of a token each or little less.
  expect(row.outputTokens).toBeGreaterThanOrEqual(8);
  expect(row.chargedMicroUsd).toBe(row.inputTokens * 2 + row.outputTokens * OUTPUT_MICRO_USD);
});

test('speech says how many characters it could read', async () => {
  const key = await keyWith(0.003);
  // 30 micro-USD a character: 100 of them.
  const refused = await post(key, '/v1/audio/speech', { model: 'voice', voice: 'a', input: 'x'.repeat(101) });
  expect(refused.status).toBe(429);
  expect(refused.body.error.budget.affordable).toEqual({ characters: 100 });
});

test('a transcription says for how many seconds there is enough', async () => {
  const key = await keyWith(0.1);
  const form = new FormData();
  form.set('model', 'ears');
  // Held for at 2000 bytes a second, at 20,000 micro-USD each.
  form.set('file', new Blob([Buffer.alloc(2000 * 6)]), 'a.mp3');
  const refused = await post(key, '/v1/audio/transcriptions', form);
  expect(refused.status).toBe(429);
  expect(refused.body.error.budget.affordable).toEqual({ duration_seconds: 5 });
});

test('what a server writes beyond its limit is not charged, and stands in the books as a loss', async () => {
  const key = await keyWith(0.01);
  const usage = { prompt_tokens: 10, completion_tokens: 4000, total_tokens: 4010 };
  kiln.upstream.script('plain', answers('long', usage));
  const answer = await chat(key);
  expect(answer.headers.get('x-kiln-cost-micro-usd')).toBe('10000');
  expect(await proofOf(kiln, key.id)).toMatchObject({
    balanced: true,
    counters: { spentMicroUsd: 10_000, heldMicroUsd: 0 },
  });
  expect(await lossOf(answer.headers.get('x-request-id'))).toBe(16_020 - 10_000); // 10 × 2 + 4000 × 4
});

test('a stream that ends well within its cap gives the rest back', async () => {
  const key = await keyWith(0.1);
  kiln.upstream.script('plain', streams(ROLE, text('a'), FINISH, USAGE_CHUNK, DONE));
  const answer = await chat(key, { stream: true });
  expect(answer.status).toBe(200);
  expect(await proofOf(kiln, key.id)).toMatchObject({
    balanced: true,
    counters: { spentMicroUsd: 40, heldMicroUsd: 0 },
  });
});
