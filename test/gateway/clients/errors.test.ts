import Anthropic, * as anthropicSdk from '@anthropic-ai/sdk';
import OpenAI, * as openaiSdk from 'openai';
import { type ClientsKiln, startClients } from './clients.js';

let kiln: ClientsKiln;
beforeAll(async () => {
  kiln = await startClients();
});
afterAll(() => kiln.end());

/** As they come out of the box: they repeat what may pass. */
const clientsOf = (secret: string) => ({
  openai: new OpenAI({ apiKey: secret, baseURL: `${kiln.url}/v1` }),
  anthropic: new Anthropic({ apiKey: secret, baseURL: kiln.url }),
});
type Clients = ReturnType<typeof clientsOf>;

const user = (content: string) => [{ role: 'user' as const, content }];
const chat = ({ openai }: Clients, model: string, more: object = {}) =>
  openai.chat.completions.create({ model, messages: user('hi'), ...more }).catch((error: unknown) => error);
const respond = ({ openai }: Clients, model: string, more: object = {}) =>
  openai.responses.create({ model, input: 'hi', ...more }).catch((error: unknown) => error);
const message = ({ anthropic }: Clients, model: string, more: object = {}) =>
  anthropic.messages.create({ model, max_tokens: 10, messages: user('hi'), ...more }).catch((error: unknown) => error);

const CALLS = { chat, respond, message };
const each = Object.entries(CALLS);

test.each(each)('%s: a key that nobody made is 401', async (name, call) => {
  const error = await call(clientsOf('sk-kiln-nobody'), 'gpt-5.4');
  expect(error).toBeInstanceOf(name === 'message' ? anthropicSdk.AuthenticationError : openaiSdk.AuthenticationError);
  expect(error).toMatchObject({ status: 401 });
});

test.each(each)('%s: a model that the key may not call is 403', async (name, call) => {
  const { secret } = await kiln.newKey({ allowed_models: ['gpt-5.4'] });
  const error = await call(clientsOf(secret), 'claude-sonnet');
  expect(error).toBeInstanceOf(
    name === 'message' ? anthropicSdk.PermissionDeniedError : openaiSdk.PermissionDeniedError,
  );
  expect((error as Error).message).toContain("This key may not call model 'claude-sonnet'");
  // Anthropic's envelope has no place for a word of ours.
  expect(error).toMatchObject({ type: name === 'message' ? 'permission_error' : 'key_model_access_denied' });
});

test.each(each)('%s: an alias that is none is 404', async (name, call) => {
  const error = await call(clientsOf(kiln.secret), 'gpt-9');
  expect(error).toBeInstanceOf(name === 'message' ? anthropicSdk.NotFoundError : openaiSdk.NotFoundError);
  expect((error as Error).message).toContain("'gpt-9'");
  if (name !== 'message') expect(error).toMatchObject({ code: 'model_not_found', param: 'model' });
});

test.each(each)('%s: a field of the wrong shape is 400 by name', async (name, call) => {
  const error = await call(clientsOf(kiln.secret), 'claude-sonnet', { temperature: 'warm' });
  expect(error).toBeInstanceOf(name === 'message' ? anthropicSdk.BadRequestError : openaiSdk.BadRequestError);
  expect((error as Error).message).toContain('temperature');
  if (name !== 'message') expect(error).toMatchObject({ param: 'temperature', type: 'invalid_request_error' });
});

describe.each(each)('%s: a day’s budget that is spent', (name, call) => {
  test('is 429 at once: no client waits for tomorrow', async () => {
    const { secret } = await kiln.newKey({ daily_budget_micro_usd: 1 });
    const clients = clientsOf(secret);
    const error = await call(clients, 'claude-sonnet', { stream: false });
    expect(error).toBeInstanceOf(name === 'message' ? anthropicSdk.RateLimitError : openaiSdk.RateLimitError);
    const { headers } = error as { headers: Headers };
    expect(headers.get('x-should-retry')).toBe('false');
    expect((error as Error).message).toContain('Budget has been exceeded!');
    expect(error).toMatchObject({ type: name === 'message' ? 'rate_limit_error' : 'budget_exceeded' });
    expect(await call(clients, 'claude-sonnet', { stream: true })).toMatchObject({ status: 429 });
  });
});

test('a prompt that is too long says so before anything is held', async () => {
  const text = 'word '.repeat(1_500_000);
  const { secret } = await kiln.newKey();
  const asked = await chat(clientsOf(secret), 'open-model', { messages: user(text) });
  expect(asked).toMatchObject({ status: 400, code: 'context_length_exceeded' });
});

describe('Anthropic’s envelope', () => {
  test('has the request’s id, in the body as in the header', async () => {
    const error = (await message(clientsOf(kiln.secret), 'gpt-9')) as InstanceType<typeof anthropicSdk.APIError>;
    expect(error.error).toMatchObject({ type: 'error', error: { type: 'not_found_error' } });
    expect(error.requestID).toMatch(/^req_/);
    expect((error.error as { request_id: string }).request_id).toBe(error.requestID);
  });

  test.each([
    ['an api key in x-api-key', { 'x-api-key': 'nobody' }, 401, 'authentication_error'],
    ['a version of another year', { 'anthropic-version': '2019-01-01' }, 400, 'invalid_request_error'],
  ])('%s', async (_name, headers, status, type) => {
    const own = status === 401 ? {} : { 'x-api-key': kiln.secret };
    const answer = await fetch(`${kiln.url}/v1/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...own, ...headers },
      body: JSON.stringify({ model: 'claude-sonnet', max_tokens: 5, messages: user('hi') }),
    });
    expect(answer.status).toBe(status);
    expect(await answer.json()).toMatchObject({ type: 'error', error: { type } });
  });

  test('of a body that is no JSON', async () => {
    const answer = await fetch(`${kiln.url}/v1/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': kiln.secret },
      body: '{"model": ',
    });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ type: 'error', error: { type: 'invalid_request_error' } });
  });
});

test('OpenAI’s envelope of a body that is no JSON', async () => {
  const answer = await fetch(`${kiln.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${kiln.secret}` },
    body: '[1,',
  });
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ error: { type: 'invalid_request_error', message: expect.any(String) } });
});

describe('a stream that breaks off', () => {
  const broken = user('Tell a story [[sandbox:error-after=3]]');
  test.each(['claude-direct', 'gpt-5.4', 'open-model'])(
    '%s: both clients throw, with what was sent before',
    async (model) => {
      const { openai, anthropic } = clientsOf(kiln.secret);
      let seen = '';
      const reading = (async () => {
        const stream = await openai.chat.completions.create({ model, messages: broken, stream: true });
        for await (const chunk of stream) seen += chunk.choices[0]?.delta.content ?? '';
      })();
      await expect(reading).rejects.toBeInstanceOf(openaiSdk.APIError);
      expect(seen).not.toBe('');

      const stream = anthropic.messages.stream({ model, max_tokens: 100, messages: broken });
      await expect(stream.finalMessage()).rejects.toBeInstanceOf(anthropicSdk.APIError);
    },
  );
});
