import { queryRows, sql } from '../../src/database/database.js';
import { type GatewayKiln, proofOf, routeOn, startGateway, textModel, usageOf, usageOnce } from './gateway.js';
import {
  answers,
  type Behaviour,
  cuts,
  DONE,
  errors,
  FINISH,
  hangs,
  json,
  ROLE,
  stalls,
  streams,
  text,
  USAGE_CHUNK,
} from './upstream.js';

/** The least that a catalog may say. */
const IMPATIENT = { timeout_ms: 1000, first_byte_timeout_ms: 1000, idle_timeout_ms: 1000 };

let kiln: GatewayKiln;
let key: { id: string; secret: string };

beforeAll(async () => {
  kiln = await startGateway((upstream) => ({
    two: textModel({ first: routeOn(upstream, 'first', IMPATIENT), second: routeOn(upstream, 'second') }),
    one: textModel({ only: routeOn(upstream, 'only') }, { deadline_seconds: 5 }),
    busy: textModel({ left: routeOn(upstream, 'left'), right: routeOn(upstream, 'right') }),
    gone: textModel({
      nowhere: routeOn(upstream, 'nowhere', { endpoints: ['http://127.0.0.1:1/v1'] }),
      second: routeOn(upstream, 'second'),
    }),
  }));
  key = await kiln.newKey();
});
afterAll(() => kiln.end());
beforeEach(async () => {
  kiln.upstream.reset();
  // What an earlier test did to a route must not choose for this one.
  for (const id of ['two/first', 'two/second', 'one/only', 'busy/left', 'busy/right', 'gone/nowhere', 'gone/second'])
    await kiln.call('POST', `/admin/routes/${encodeURIComponent(id)}/resume`);
});

const ask = (model: string, more: Record<string, unknown> = {}, headers: Record<string, string> = {}) =>
  kiln.call<{
    choices?: { message: { content: string } }[];
    error?: { message: string; type: string; code: string; param: string | null };
    text?: string;
  }>(
    'POST',
    '/v1/chat/completions',
    { model, messages: [{ role: 'user', content: 'hi' }], ...more },
    { authorization: `Bearer ${key.secret}`, ...headers },
  );
const routes = (): string[] => kiln.upstream.seen.map(({ route }) => route);

const BEFORE_THE_FIRST_BYTE: [name: string, behaviour: Behaviour][] = [
  ['500', errors(500)],
  ['503', errors(503)],
  ['429 with retry-after', errors(429, {}, { 'retry-after': '1' })],
  ['404 of the model', errors(404, { code: 'model_not_found' })],
  ['402', errors(402)],
  ['a 200 with an error body', json(200, { error: { message: 'oops', code: 500 } })],
  ['an empty 200', (_request, response) => void response.writeHead(200).end()],
  ['a 200 that is no JSON', (_request, response) => void response.writeHead(200).end('<html>')],
  ['no headers at all', hangs],
  ['a cut before the headers', (_request, response) => void response.destroy()],
];

describe.each(BEFORE_THE_FIRST_BYTE)('%s', (_name, behaviour) => {
  test('a whole answer comes from the next route', async () => {
    kiln.upstream.script('first', behaviour);
    kiln.upstream.script('second', answers('from two'));
    const answer = await ask('two');
    expect(answer.status).toBe(200);
    expect(answer.body.choices?.[0]?.message.content).toBe('from two');
    expect(answer.headers.get('x-kiln-route')).toBe('two/second');
    expect(answer.headers.get('x-kiln-attempts')).toBe('2');
    expect(await usageOf(kiln, answer.headers.get('x-request-id'))).toMatchObject({
      status: 'ok',
      route: 'two/second',
      attempts: 2,
      inputTokens: 10,
      outputTokens: 5,
      // (10 × 1 + 5 × 2) × 2
      chargedMicroUsd: 40,
    });
  });

  test('a stream comes from the next route', async () => {
    kiln.upstream.script('first', behaviour);
    kiln.upstream.script('second', answers('two'));
    const answer = await ask('two', { stream: true });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('x-kiln-route')).toBe('two/second');
    expect(answer.body.text).toMatch(/data: \[DONE\]\n\n$/);
  });
});

const BEFORE_CONTENT: [name: string, behaviour: Behaviour][] = [
  ['an error event before any content', streams(ROLE, 'data: {"error":{"message":"no","code":503}}\n\n')],
  ['a silent end', streams()],
  ['an end after the role alone', streams(ROLE)],
  ['a late first token', stalls(ROLE)],
  ['no headers at all', hangs],
  ['half an event and a cut', cuts('data: {"id":"up-1","cho')],
  ['JSON in the place of a stream', json(200, { error: 'no streams here' })],
  ['an event that is no JSON', streams('data: {oops}\n\n')],
];

test.each(BEFORE_CONTENT)('a stream that begins with %s moves on', async (_name, behaviour) => {
  kiln.upstream.script('first', behaviour);
  kiln.upstream.script('second', answers('two'));
  const answer = await ask('two', { stream: true });
  expect(answer.status).toBe(200);
  expect(routes()).toEqual(['first', 'second']);
  expect(answer.body.text).toContain('"content":"t"');
  expect(answer.body.text).toMatch(/data: \[DONE\]\n\n$/);
});

test('a server that can not be reached is passed over', async () => {
  const answer = await ask('gone');
  expect(answer.status).toBe(200);
  expect(answer.headers.get('x-kiln-route')).toBe('gone/second');
});

test('a refused credential closes the routes that use it only', async () => {
  kiln.upstream.script('first', errors(401, { code: 'invalid_api_key' }));
  expect((await ask('two')).status).toBe(200);
  expect(routes()).toEqual(['first', 'second']);
});

test("a verdict on the request is the client's own, in the provider's words", async () => {
  kiln.upstream.script('first', errors(400, { type: 'invalid_request_error', param: 'seed', message: 'seed is odd' }));
  const answer = await ask('two');
  expect(answer.status).toBe(400);
  expect(answer.body.error).toEqual({
    message: 'seed is odd',
    type: 'invalid_request_error',
    code: '400',
    param: 'seed',
  });
  expect(routes()).toEqual(['first']);
  expect(await usageOf(kiln, answer.headers.get('x-request-id'))).toMatchObject({
    status: 'failed',
    chargedMicroUsd: 0,
  });
});

test('a passing trouble of the only route is waited for', async () => {
  kiln.upstream.script('only', errors(429, {}, { 'retry-after': '1' }), answers('now'));
  const answer = await ask('one');
  expect(answer.body.choices?.[0]?.message.content).toBe('now');
  expect(routes()).toEqual(['only', 'only']);
});

test('500 when every route failed; nothing is charged', async () => {
  kiln.upstream.script('first', errors(500));
  kiln.upstream.script('second', errors(500));
  const answer = await ask('two');
  expect(answer.status).toBe(500);
  expect(answer.body.error).toMatchObject({ type: 'upstream_error', code: '500' });
  expect(answer.body.error?.message).toContain('two/first: internal, two/second: internal');
  expect(await usageOf(kiln, answer.headers.get('x-request-id'))).toMatchObject({
    status: 'failed',
    chargedMicroUsd: 0,
  });
});

test('429 when every route is at its limit', async () => {
  for (const route of ['left', 'right']) kiln.upstream.script(route, errors(429, {}, { 'retry-after': '30' }));
  const answer = await ask('busy');
  expect(answer.status).toBe(429);
  expect(answer.body.error).toMatchObject({ type: 'rate_limit_exceeded' });
  expect(answer.headers.get('retry-after')).toBe('30');
});

test('503 when none may be tried', async () => {
  await kiln.call('POST', `/admin/routes/${encodeURIComponent('one/only')}/pause`);
  const answer = await ask('one');
  expect(answer.status).toBe(503);
  expect(answer.headers.get('retry-after')).toBe('30');
  expect(kiln.upstream.seen).toEqual([]);
});

const AFTER_THE_FIRST_BYTE: [name: string, behaviour: Behaviour][] = [
  ['a cut', cuts(ROLE, text('abcdefgh'))],
  ['half an event', cuts(ROLE, text('abcdefgh'), 'data: {"id":"up')],
  ['an error event', streams(ROLE, text('abcdefgh'), 'data: {"error":{"message":"secret words","code":500}}\n\n')],
  ['silence', stalls(ROLE, text('abcdefgh'))],
  ['an early end', streams(ROLE, text('abcdefgh'))],
  ['an event that is no JSON', streams(ROLE, text('abcdefgh'), 'data: {oops}\n\n')],
];

test.each(AFTER_THE_FIRST_BYTE)(
  'after the first byte %s ends the stream in an error event',
  async (_name, behaviour) => {
    kiln.upstream.script('first', behaviour);
    const answer = await ask('two', { stream: true });
    const requestId = answer.headers.get('x-request-id');
    expect(answer.status).toBe(200);
    expect(answer.body.text).toContain('abcdefgh');
    expect(answer.body.text).not.toContain('[DONE]');
    expect(answer.body.text).not.toContain('secret words');
    const last = answer.body.text?.trim().split('\n\n').at(-1)?.replace('data: ', '') ?? '';
    const row = await usageOf(kiln, requestId);
    expect(row).toMatchObject({ status: 'partial', route: 'two/first' });
    expect(row?.chargedMicroUsd).toBeGreaterThan(0);
    expect(JSON.parse(last)).toMatchObject({
      error: { type: 'upstream_error', request_id: requestId, charged_micro_usd: row?.chargedMicroUsd },
    });
    expect(routes()).toEqual(['first']);
  },
);

test('a stream that forgets its end after the last chunk is whole', async () => {
  kiln.upstream.script('first', streams(ROLE, text('x'), FINISH, USAGE_CHUNK));
  const answer = await ask('two', { stream: true });
  expect(answer.body.text).toMatch(/data: \[DONE\]\n\n$/);
  expect(await usageOf(kiln, answer.headers.get('x-request-id'))).toMatchObject({ status: 'ok', chargedMicroUsd: 40 });
});

test('bytes that are no UTF-8 do not end a stream', async () => {
  const bad = Buffer.from(text('a?b').replace('?', '\u0001'));
  bad[bad.indexOf(1)] = 0xff;
  kiln.upstream.script('first', streams(ROLE, bad, FINISH, USAGE_CHUNK, DONE));
  const answer = await ask('two', { stream: true });
  expect(answer.body.text).toContain('"content":"a\uFFFDb"');
  expect(answer.body.text).toMatch(/data: \[DONE\]\n\n$/);
});

test('a client that goes away stops the upstream and pays for what was made', async () => {
  kiln.upstream.script('first', stalls(ROLE, text('some words that were made')));
  const hangUp = new AbortController();
  const response = await fetch(`${kiln.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key.secret}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'two', stream: true, messages: [{ role: 'user', content: 'hi' }] }),
    signal: hangUp.signal,
  });
  const reader = response.body?.getReader();
  await reader?.read();
  hangUp.abort();
  await kiln.upstream.seen[0]?.closed;
  const row = await usageOnce(kiln, response.headers.get('x-request-id'));
  expect(row).toMatchObject({ status: 'canceled' });
  expect(row.outputTokens).toBeGreaterThan(2);
  expect(row.chargedMicroUsd).toBeGreaterThan(0);
});

test('the metrics tell ends and failures by route', async () => {
  kiln.upstream.script('first', errors(500));
  await ask('two');
  const { text: page } = (await kiln.call<{ text: string }>('GET', '/metrics')).body;
  expect(page).toMatch(
    /kiln_gateway_requests_total\{endpoint="chat.completions",route="two\/second",status="ok"\} \d+/,
  );
  expect(page).toMatch(/kiln_gateway_route_failures_total\{route="two\/first",kind="internal"\} \d+/);
  expect(page).toMatch(/kiln_gateway_first_byte_seconds_count\{route="two\/second"\} \d+/);
});

test('a client that goes away before the first byte pays nothing', async () => {
  kiln.upstream.script('only', hangs);
  const hangUp = new AbortController();
  const asked = fetch(`${kiln.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key.secret}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'one', messages: [{ role: 'user', content: 'hi' }] }),
    signal: hangUp.signal,
  }).catch(() => undefined);
  while (kiln.upstream.seen.length === 0) await new Promise((resolve) => setImmediate(resolve));
  hangUp.abort();
  await asked;
  await kiln.upstream.seen[0]?.closed;
  expect(kiln.upstream.seen).toHaveLength(1);
});

test('an upstream without usage is counted', async () => {
  kiln.upstream.script('first', answers('four words are here', null));
  const answer = await ask('two');
  const row = await usageOf(kiln, answer.headers.get('x-request-id'));
  expect(row?.inputTokens).toBeGreaterThan(0);
  expect(row?.outputTokens).toBe(4);
});

test('usage is asked for, and kept from a client that did not ask', async () => {
  const silent = await ask('two', { stream: true });
  expect(kiln.upstream.seen[0]?.body).toMatchObject({ stream_options: { include_usage: true } });
  expect(silent.body.text).not.toContain('prompt_tokens');
  const told = await ask('two', { stream: true, stream_options: { include_usage: true } });
  expect(told.body.text).toContain('"prompt_tokens":10');
});

test('an over-long prompt is refused before anything is held', async () => {
  const answer = await ask('two', { messages: [{ role: 'user', content: 'word '.repeat(6000) }] });
  expect(answer.status).toBe(400);
  expect(answer.body.error).toMatchObject({ code: 'context_length_exceeded', param: 'messages' });
  expect(kiln.upstream.seen).toEqual([]);
  expect(await usageOf(kiln, answer.headers.get('x-request-id'))).toBeUndefined();
});

test('an Idempotency-Key gives the first answer again and charges once, streams included', async () => {
  for (const stream of [false, true]) {
    const headers = { 'idempotency-key': `again-${stream}` };
    const first = await ask('two', { stream }, headers);
    const again = await ask('two', { stream }, headers);
    expect(again.status).toBe(200);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(again.body).toEqual(first.body);
    expect((await ask('two', { stream, seed: 1 }, headers)).status).toBe(422);
  }
  expect(kiln.upstream.seen).toHaveLength(2);
});

test('after all of that the books balance and nothing is held', async () => {
  const proof = await proofOf(kiln, key.id);
  expect(proof.balanced).toBe(true);
  expect(proof.counters.heldMicroUsd).toBe(0);
  expect(proof.counters.spentMicroUsd).toBeGreaterThan(0);
  const odd = await queryRows(
    kiln.database,
    sql`SELECT work_id FROM ledger_entry GROUP BY work_id HAVING count(*) <> 2 OR count(*) FILTER (WHERE kind = 'hold') <> 1`,
  );
  expect(odd).toEqual([]);
});
