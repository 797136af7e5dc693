import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { type GatewayKiln, routeOn, startGateway, textModel, usageOf, usageOnce } from './gateway.js';
import { answers, type Behaviour, DONE, FINISH, json, ROLE, streams, text, USAGE_CHUNK } from './upstream.js';

let kiln: GatewayKiln;
let key: { id: string; secret: string };

beforeAll(async () => {
  kiln = await startGateway((upstream) => ({
    plain: textModel({ only: routeOn(upstream, 'plain') }, { context_tokens: 200_000 }),
    // A second of silence, the least a catalog may say, ends its streams.
    restless: textModel({ only: routeOn(upstream, 'plain', { idle_timeout_ms: 1000 }) }),
    claude: textModel(
      { only: routeOn(upstream, 'claude', { provider: 'anthropic', endpoints: [`${upstream.url}/claude`] }) },
      { context_tokens: 200_000 },
    ),
  }));
  key = await kiln.newKey();
});
afterAll(() => kiln.end());
beforeEach(() => kiln.upstream.reset());

type Json = Record<string, unknown>;
const authorized = () => ({ authorization: `Bearer ${key.secret}` });
const ask = (more: Json = {}, headers: Record<string, string> = {}) =>
  kiln.call<Json & { choices?: { message: { content: string } }[]; text?: string }>(
    'POST',
    '/v1/chat/completions',
    { model: 'plain', messages: [{ role: 'user', content: 'hi' }], ...more },
    { ...authorized(), ...headers },
  );
/** What a stream of chat completions says. */
const contentOf = (sse: string): string =>
  sse
    .split('\n\n')
    .filter((event) => event.startsWith('data: {'))
    .map((event) => JSON.parse(event.slice('data: '.length)) as { choices: { delta?: { content?: string } }[] })
    .map(({ choices }) => choices[0]?.delta?.content ?? '')
    .join('');

/** A stream that is asked for and not read. */
async function unread(body: Json): Promise<IncomingMessage> {
  const { port } = new URL(kiln.url);
  const sending = httpRequest({
    port,
    host: '127.0.0.1',
    method: 'POST',
    path: '/v1/chat/completions',
    headers: { ...authorized(), 'content-type': 'application/json' },
  });
  sending.end(JSON.stringify(body));
  const [answer] = (await once(sending, 'response')) as [IncomingMessage];
  return answer;
}

const PICTURE = Buffer.alloc(23 * 1024 * 1024, 'picture').toString('base64');
const hashOf = (data: string) => createHash('sha256').update(data).digest('hex');
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

describe('a picture of over 30 MB', () => {
  test('reaches a chat server as it was sent', async () => {
    const content = [{ type: 'image_url', image_url: { url: `data:image/png;base64,${PICTURE}` } }];
    const answer = await ask({ messages: [{ role: 'user', content }] });
    expect(answer.status).toBe(200);
    const seen = kiln.upstream.seen[0]?.body as
      | { messages: [{ content: [{ image_url: { url: string } }] }] }
      | undefined;
    expect(hashOf(seen?.messages[0].content[0].image_url.url ?? '')).toBe(hashOf(`data:image/png;base64,${PICTURE}`));
  });

  test.each(['claude', 'plain'])('reaches %s from Anthropic’s API as it was sent', async (model) => {
    kiln.upstream.script('claude', json(200, CLAUDE_ANSWER));
    const source = { type: 'base64', media_type: 'image/png', data: PICTURE };
    const body = { model, max_tokens: 10, messages: [{ role: 'user', content: [{ type: 'image', source }] }] };
    const answer = await kiln.call('POST', '/v1/messages', body, authorized());
    expect(answer.status).toBe(200);
    const seen = JSON.stringify(kiln.upstream.seen[0]?.body);
    expect(seen.includes(PICTURE)).toBe(true);
  });
});

describe('a client that reads nothing for a while', () => {
  test('holds the upstream back, and gets all of it later', async () => {
    const piece = 'x'.repeat(64 * 1024);
    const pieces = 1500;
    const stuck = Promise.withResolvers<number>();
    let waits = 0;
    kiln.upstream.script('plain', async (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(ROLE);
      for (let sent = 1; sent <= pieces; sent += 1) {
        if (response.write(text(piece))) continue;
        waits += 1;
        const drained = once(response, 'drain');
        // Sockets on the way hold some megabytes; when nothing drains while others are served, all of them are full.
        const isFree = await Promise.race([drained.then(() => true), ask({ model: 'claude' }).then(() => false)]);
        if (!isFree) stuck.resolve(sent);
        await drained;
      }
      response.end(FINISH + USAGE_CHUNK + DONE);
    });
    kiln.upstream.script('claude', json(200, CLAUDE_ANSWER));
    const answer = await unread({ model: 'plain', stream: true, messages: [{ role: 'user', content: 'hi' }] });
    const sentBeforeReading = await stuck.promise;
    expect(sentBeforeReading).toBeLessThan(pieces / 2);
    let bytes = 0;
    for await (const chunk of answer) bytes += (chunk as Buffer).length;
    expect(bytes).toBeGreaterThan(pieces * piece.length);
    expect(waits).toBeGreaterThan(0);
    expect(await usageOnce(kiln, String(answer.headers['x-request-id']))).toMatchObject({
      status: 'ok',
      outputTokens: 5,
    });
  });
});

test('a stream of 10,000 pieces is whole', async () => {
  const pieces = Array.from({ length: 10_000 }, (_, at) => `${at} `);
  kiln.upstream.script('plain', streams(ROLE, ...pieces.map((piece) => text(piece)), FINISH, USAGE_CHUNK, DONE));
  const answer = await ask({ stream: true });
  expect(contentOf(answer.body.text ?? '')).toBe(pieces.join(''));
});

test('comments and pings keep a silent stream alive', async () => {
  kiln.upstream.script('plain', async (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(ROLE + text('a'));
    for (let at = 0; at < 8; at += 1) {
      await new Promise((resolve) => setTimeout(resolve, 250));
      response.write(at % 2 === 0 ? ': keep-alive\n\n' : 'event: ping\ndata: {}\n\n');
    }
    response.end(text('b') + FINISH + USAGE_CHUNK + DONE);
  });
  const answer = await ask({ model: 'restless', stream: true });
  expect(contentOf(answer.body.text ?? '')).toBe('ab');
  expect(answer.body.text).toMatch(/data: \[DONE\]\n\n$/);
});

const WHOLE = ROLE + text('grüße 😀 ') + text('你好') + FINISH + USAGE_CHUNK + DONE;
const bytewise =
  (sse: string): Behaviour =>
  async (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.socket?.setNoDelay(true);
    for (const byte of Buffer.from(sse)) {
      response.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    response.end();
  };
const WAYS: [name: string, behaviour: Behaviour][] = [
  ['one byte at a time', bytewise(WHOLE)],
  ['with CRLF', streams(WHOLE.replaceAll('\n', '\r\n'))],
  ['with CRLF, one byte at a time', bytewise(WHOLE.replaceAll('\n', '\r\n'))],
  ['with CR alone', streams(WHOLE.replaceAll('\n', '\r'))],
  ['without the space', streams(WHOLE.replaceAll('data: ', 'data:'))],
  ['with a byte order mark', streams(`\uFEFF${WHOLE}`)],
  ['in several data lines', streams(WHOLE.replaceAll(',"object"', ',\ndata: "object"'))],
  [
    'with ids, names and retries',
    streams(`retry: 10\n\n${WHOLE.replaceAll('data: {', 'id: 7\nevent: message\ndata: {')}`),
  ],
  ['all at once', streams(WHOLE)],
];
describe.each(WAYS)('an upstream that sends its events %s', (_name, behaviour) => {
  test('is understood by a client of the same API', async () => {
    kiln.upstream.script('plain', behaviour);
    const answer = await ask({ stream: true });
    const lines = (answer.body.text ?? '').split('\n').filter((line) => line !== '' && line !== 'data: [DONE]');
    expect(lines.filter((line) => line.startsWith('data: ')).length).toBeGreaterThan(0);
    expect((answer.body.text ?? '').replaceAll('\ndata: ', '')).toContain('grüße 😀 ');
    expect(answer.body.text).toContain('你好');
    expect(answer.body.text).toMatch(/data: \[DONE\]\n\n$/);
    expect(await usageOf(kiln, answer.headers.get('x-request-id'))).toMatchObject({ status: 'ok', outputTokens: 5 });
  });

  test('is translated', async () => {
    kiln.upstream.script('plain', behaviour);
    const body = { model: 'plain', max_tokens: 10, stream: true, messages: [{ role: 'user', content: 'hi' }] };
    const answer = await kiln.call<{ text: string }>('POST', '/v1/messages', body, authorized());
    expect(answer.body.text).toContain('"text":"grüße 😀 "');
    expect(answer.body.text).toContain('event: message_stop');
  });
});

test('200 requests at once with keys of their own are not mixed up', async () => {
  kiln.upstream.script('plain', (request, response, body) => {
    const { messages } = JSON.parse(body.toString('utf8')) as { messages: [{ content: string }] };
    return answers(`for ${messages[0].content}`)(request, response, body);
  });
  const keys = await Promise.all(Array.from({ length: 20 }, () => kiln.newKey()));
  const told = await Promise.all(
    Array.from({ length: 200 }, async (_, at) => {
      const { secret } = keys[at % keys.length]!;
      const messages = [{ role: 'user', content: `number ${at}` }];
      const answer = await ask({ messages, stream: at % 2 === 0 }, { authorization: `Bearer ${secret}` });
      return at % 2 === 0 ? contentOf(answer.body.text ?? '') : answer.body.choices?.[0]?.message.content;
    }),
  );
  expect(told).toEqual(told.map((_said, at) => `for number ${at}`));
});

describe.each([
  '/v1/chat/completions',
  '/v1/responses',
  '/v1/embeddings',
  '/v1/audio/speech',
  '/v1/audio/transcriptions',
])('GET %s', (path) => {
  test('is refused in OpenAI’s envelope', async () => {
    const answer = await kiln.call('GET', path, undefined, authorized());
    expect([404, 405]).toContain(answer.status);
    expect(answer.body).toMatchObject({ error: { message: expect.any(String), type: expect.any(String) } });
    expect((await kiln.call('HEAD', path, undefined, authorized())).status).toBe(answer.status);
  });
});

test.each(['/v1/messages', '/v1/messages/count_tokens'])('GET %s is refused in Anthropic’s envelope', async (path) => {
  const answer = await kiln.call('GET', path, undefined, authorized());
  expect([404, 405]).toContain(answer.status);
  expect(answer.body).toMatchObject({
    type: 'error',
    error: { message: expect.any(String) },
    request_id: expect.any(String),
  });
});

describe('a field that Kiln does not know', () => {
  test('goes to a server of the same API as it came', async () => {
    const extra = { min_p: 0.1, provider: { order: ['a'], nested: [1, null, { x: 'ü' }] } };
    expect((await ask(extra)).status).toBe(200);
    expect(kiln.upstream.seen[0]?.body).toMatchObject(extra);
  });

  test('goes to Anthropic as it came, with the betas', async () => {
    kiln.upstream.script('claude', json(200, CLAUDE_ANSWER));
    const extra = { container: { id: 'c' }, context_management: { edits: [] } };
    const body = { model: 'claude', max_tokens: 5, messages: [{ role: 'user', content: 'hi' }], ...extra };
    const answer = await kiln.call('POST', '/v1/messages?beta=true', body, {
      ...authorized(),
      'anthropic-version': '2023-06-01',
      'anthropic-beta': 'one-2026-01-01,two-2026-02-02',
    });
    expect(answer.status).toBe(200);
    expect(kiln.upstream.seen[0]?.body).toMatchObject(extra);
    expect(kiln.upstream.seen[0]?.headers['anthropic-beta']).toBe('one-2026-01-01,two-2026-02-02');
  });

  test.each([
    ['chat completions', '/v1/chat/completions', 'claude'],
    ['messages', '/v1/messages', 'plain'],
  ])('is refused by name where %s are translated', async (_name, path, model) => {
    const body = { model, max_tokens: 5, messages: [{ role: 'user', content: 'hi' }], my_own_field: 1 };
    const answer = await kiln.call('POST', path, body, authorized());
    expect(answer.status).toBe(400);
    expect(JSON.stringify(answer.body)).toContain('my_own_field');
    expect(kiln.upstream.seen).toEqual([]);
  });
});

test('a client that goes away while a whole answer is made stops the upstream', async () => {
  const asked = Promise.withResolvers<void>();
  kiln.upstream.script('plain', () => asked.resolve());
  const gone = new AbortController();
  const asking = fetch(`${kiln.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { ...authorized(), 'content-type': 'application/json', 'x-request-id': 'mine' },
    body: JSON.stringify({ model: 'plain', messages: [{ role: 'user', content: 'hi' }] }),
    signal: gone.signal,
  }).catch((error: unknown) => error);
  await asked.promise;
  gone.abort();
  await kiln.upstream.seen[0]?.closed;
  expect(await asking).toMatchObject({ name: 'AbortError' });
  expect(kiln.upstream.seen).toHaveLength(1);
});
