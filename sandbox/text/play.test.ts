import { call, unanswered, until } from '../test-client.js';
import { AUTH, chunksIn, type Completion, eventsIn, openText, textIn } from './test-text.js';

/** Faults of an answer in text, on the wire that has the plainest frames. */
let wire: Awaited<ReturnType<typeof openText>>;
beforeAll(async () => {
  wire = await openText();
});
afterEach(() => wire.sandbox.clearFaults());
afterAll(() => wire.sandbox.close());

const BASE = '/deepinfra/v1/openai';
const MODEL = 'Qwen/Qwen3-30B-A3B';
const SAID = 'one two three four';
const ask = (fault: string, more: object = {}) => wire.ask(BASE, MODEL, `${SAID} [[sandbox:${fault}]]`, more);
const stream = (fault: string, more: object = {}) => wire.stream(BASE, MODEL, `${SAID} [[sandbox:${fault}]]`, more);
const raw = (fault: string, more: object = {}) => wire.raw(BASE, MODEL, `${SAID} [[sandbox:${fault}]]`, more);
const init = (fault: string, more: object = {}) => ({
  method: 'POST',
  headers: { ...AUTH, 'content-type': 'application/json' },
  body: JSON.stringify(wire.body(MODEL, `${SAID} [[sandbox:${fault}]]`, more)),
});
const url = () => `${wire.sandbox.url}${BASE}/chat/completions`;

describe('a stream', () => {
  it.each(['error-event', 'error-after=0'])('fails before any content: %s', async (fault) => {
    const chunks = chunksIn(await stream(fault));
    expect(textIn(chunks.slice(0, -1))).toBe('');
    expect(chunks.at(-1)?.error).toMatchObject({ type: 'server_error' });
  });

  it('fails after as many chunks, and says nothing more', async () => {
    const events = eventsIn(await stream('error-after=3'));
    expect(textIn(chunksIn(await stream('error-after=3')).slice(0, -1))).toBe('You said: one');
    expect(events.at(-1)).toHaveProperty('error');
  });

  it('is cut inside an event', async () => {
    const response = await raw('cut-after=2', { stream: true });
    const pieces: Buffer[] = [];
    const reading = (async () => {
      for await (const piece of response.body ?? []) pieces.push(Buffer.from(piece as Uint8Array));
    })();
    await expect(reading).rejects.toThrow('terminated');
    const events = Buffer.concat(pieces).toString().split('\n\n');
    expect(events.slice(0, -1)).toHaveLength(3);
    expect(events.at(-1)).toMatch(/^data: \{.*[^}]$/);
  });

  it('ends without its end', async () => {
    const text = await stream('end-after=2');
    expect(textIn(chunksIn(text))).toBe('You said:');
    expect(text).not.toMatch(/\[DONE\]|"finish_reason":"/);
  });

  it.each(['no-events', 'empty-body'])('is silent: %s', async (fault) => {
    const response = await raw(fault, { stream: true });
    const type = fault === 'no-events' ? 'text/event-stream; charset=utf-8' : null;
    expect([response.status, response.headers.get('content-type'), await response.text()]).toEqual([200, type, '']);
  });

  it('stalls until the client has had enough, which is counted', async () => {
    const reader = (await raw('stall-after=1', { stream: true })).body?.getReader();
    await reader?.read();
    expect(wire.sandbox.counts('deepinfra')['hangups']).toBeUndefined();
    await reader?.cancel();
    expect(await until(async () => wire.sandbox.counts('deepinfra')['hangups'])).toBe(1);
  });

  it('is as long as asked', async () => {
    const chunks = chunksIn(await stream('chunks=300'));
    expect(chunks.filter(({ choices }) => typeof choices[0]?.delta['content'] === 'string')).toHaveLength(301);
  });

  it('has bytes that are no UTF-8', async () => {
    const bytes = Buffer.from(await (await raw('invalid-utf8', { stream: true })).arrayBuffer());
    expect(bytes.includes(Buffer.from([0xff, 0xfe, 0xff]))).toBe(true);
    expect(eventsIn(bytes.toString()).at(-1)).toBe('[DONE]');
  });

  it('comes late, after its headers', async () => {
    const response = await raw('first-token=60000', { stream: true });
    const reader = response.body?.getReader();
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toContain('"role":"assistant"');
    await reader?.cancel();
  });

  it('has no usage, or an error for a body', async () => {
    const asked = { stream_options: { include_usage: true } };
    expect(chunksIn(await stream('chunks=2', asked)).at(-1)?.usage).toBeDefined();
    expect(chunksIn(await stream('no-usage', asked)).at(-1)?.usage).toBeUndefined();
    expect(await call(url(), init('error-body', { stream: true }))).toMatchObject({ status: 200, body: { error: {} } });
  });
});

describe('one JSON', () => {
  it.each([
    ['error-event', 500],
    ['error-after=1', 500],
    ['error-body', 200],
  ])('%s', async (fault, status) => {
    expect(await ask(fault)).toMatchObject({ status, body: { error: { type: 'server_error' } } });
  });

  it.each(['no-events', 'empty-body'])('is empty: %s', async (fault) => {
    expect(await ask(fault)).toMatchObject({ status: 200, body: '' });
  });

  it('is half of one', async () => {
    expect(typeof (await ask('end-after=1')).body).toBe('string');
    expect(typeof (await ask('malformed-submit')).body).toBe('string');
    await expect(ask('cut-after=1')).rejects.toThrow('terminated');
  });

  it('has no usage', async () => {
    expect((await ask('no-usage')).body.usage).toBeUndefined();
    expect((await ask('chunks=3')).body.usage).toBeDefined();
  });

  it.each(['hang', 'stall-after=1', 'first-token=60000', 'latency=60000', 'slow=60000', 'never'])(
    'does not come: %s',
    async (fault) => {
      expect(await unanswered(url(), init(fault))).toBe('hang');
    },
  );

  it('is not waited for when the client goes', async () => {
    const before = wire.sandbox.counts('deepinfra')['hangups'] ?? 0;
    await unanswered(url(), init('first-token=60000'));
    expect(await until(async () => (wire.sandbox.counts('deepinfra')['hangups'] ?? 0) > before)).toBe(true);
  });
});

it('takes its faults from the admin API too, by provider and prompt, each once', async () => {
  const arm = (json: object) => call(`${wire.sandbox.url}/_sandbox/faults`, { json });
  expect((await arm({ provider: 'deepinfra', fault: 'error-after' })).status).toBe(400);
  await arm({ provider: 'deepinfra', fault: 'error-after', value: 1, match: 'fox' });
  await arm({ provider: 'deepinfra', fault: '429', value: 7 });
  const limited = await call<Completion>(url(), init('chunks=2'));
  expect([limited.status, limited.headers.get('retry-after')]).toEqual([429, '7']);
  expect((await wire.ask(BASE, MODEL, 'a hen')).status).toBe(200);
  expect((await wire.ask(BASE, MODEL, 'a fox')).status).toBe(500);
  expect((await wire.ask(BASE, MODEL, 'a fox')).status).toBe(200);
});
