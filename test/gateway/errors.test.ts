import type { Answer } from '../support/kiln.js';
import { type GatewayKiln, routeOn, startGateway, textModel } from './gateway.js';
import { errors } from './upstream.js';

/** The reference's table of errors, on every endpoint of the gateway, in the envelope of the API that was called. */

let kiln: GatewayKiln;
let keys: { open: string; narrow: string; poor: string };

const PRICED = { source: 'test', date: '2026-11-26' };
const model = (modality: string, kind: string, rates: Record<string, number>) => ({
  modality,
  title: 'Test',
  description: 'A model of a test.',
  created: '2026-11-26',
  kind,
  rates,
});
const MODALITIES = [
  model('embedding', 'embeddings', { input: 1 }),
  model('speech', 'speech', { characters: 1 }),
  model('transcription', 'transcription', { audio_minute: 1 }),
];

beforeAll(async () => {
  kiln = await startGateway((upstream) => ({
    text: textModel({ only: routeOn(upstream, 'failing') }, { deadline_seconds: 5 }),
    ...Object.fromEntries(
      MODALITIES.map(({ kind, rates, ...entry }) => [
        entry.modality,
        {
          ...entry,
          deadline_seconds: 5,
          routes: {
            only: routeOn(upstream, 'failing', { settings: { kinds: [kind] }, price: { ...PRICED, rates } }),
          },
        },
      ]),
    ),
  }));
  const secretOf = async (more: Record<string, unknown>): Promise<string> => (await kiln.newKey(more)).secret;
  keys = {
    open: await secretOf({}),
    narrow: await secretOf({ allowed_models: ['kling-3.0'] }),
    poor: await secretOf({ daily_budget_micro_usd: 0 }),
  };
});
afterAll(() => kiln.end());

const ALIASES = ['text', 'embedding', 'speech', 'transcription'];
beforeEach(async () => {
  kiln.upstream.reset();
  kiln.upstream.script('failing', errors(500));
  for (const alias of ALIASES) await kiln.call('POST', `/admin/routes/${encodeURIComponent(`${alias}/only`)}/resume`);
});

const MESSAGES = [{ role: 'user', content: 'hello' }];

interface Endpoint {
  path: string;
  alias: string;
  body: Record<string, unknown>;
  /** A field with a value that is not allowed there. */
  wrong: [field: string, value: unknown];
}

const ENDPOINTS: Endpoint[] = [
  { path: '/v1/chat/completions', alias: 'text', body: { messages: MESSAGES }, wrong: ['temperature', 'hot'] },
  { path: '/v1/responses', alias: 'text', body: { input: 'hello' }, wrong: ['temperature', 'hot'] },
  { path: '/v1/messages', alias: 'text', body: { messages: MESSAGES, max_tokens: 9 }, wrong: ['temperature', 'hot'] },
  { path: '/v1/messages/count_tokens', alias: 'text', body: { messages: MESSAGES }, wrong: ['messages', 'hot'] },
  { path: '/v1/embeddings', alias: 'embedding', body: { input: 'hello' }, wrong: ['dimensions', 'many'] },
  { path: '/v1/audio/speech', alias: 'speech', body: { input: 'hello', voice: 'alloy' }, wrong: ['speed', 'fast'] },
  {
    path: '/v1/audio/transcriptions',
    alias: 'transcription',
    body: { file: new Blob([new Uint8Array(2000)], { type: 'audio/mpeg' }) },
    wrong: ['temperature', 'hot'],
  },
];
const isForm = ({ path }: Endpoint): boolean => path === '/v1/audio/transcriptions';
/** Counting is free and is answered by Kiln itself where no route can. */
const WORKING = ENDPOINTS.filter(({ path }) => !path.endsWith('count_tokens'));

function bodyOf(endpoint: Endpoint, more: Record<string, unknown> = {}): unknown {
  const fields: Record<string, unknown> = { model: endpoint.alias, ...endpoint.body, ...more };
  if (!isForm(endpoint)) return fields;
  const form = new FormData();
  for (const [name, value] of Object.entries(fields))
    if (value instanceof Blob) form.append(name, value, 'a.mp3');
    else form.append(name, String(value));
  return form;
}

const ask = (endpoint: Endpoint, more: Record<string, unknown> = {}, secret = keys.open): Promise<Answer> =>
  kiln.call('POST', endpoint.path, bodyOf(endpoint, more), { authorization: `Bearer ${secret}` });

async function sent(path: string, body: string, headers: Record<string, string>): Promise<Answer> {
  const response = await fetch(kiln.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${keys.open}`, ...headers },
    body,
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: JSON.parse(text) as Record<string, unknown> };
}

interface Expected {
  status: number;
  type: string;
  /** Anthropic's word for it. */
  anthropic: string;
  code?: string;
  param?: string | null;
  says: RegExp;
  shouldRetry?: 'false';
  /** More fields of `error`. */
  fields?: Record<string, unknown>;
}

/** The envelope, whole, and what stands in the headers of every answer. */
function expectRefused(path: string, answer: Answer, expected: Expected): void {
  const { status, type, anthropic, code = String(status), param = null, says, shouldRetry, fields } = expected;
  const message = expect.stringMatching(says) as unknown;
  const id = answer.headers.get('x-request-id');
  const body = path.startsWith('/v1/messages')
    ? { type: 'error', error: { type: anthropic, message, ...fields }, request_id: id }
    : { error: { message, type, code, param, ...fields } };
  expect({ path, status: answer.status, body: answer.body }).toEqual({ path, status, body });
  expect(id).toMatch(/^req_/);
  expect([answer.headers.get('request-id'), answer.headers.get('x-kiln-request-id')]).toEqual([id, id]);
  expect([path, answer.headers.get('x-should-retry')]).toEqual([path, shouldRetry ?? null]);
}

describe.each(ENDPOINTS)('$path', (endpoint) => {
  const { path } = endpoint;

  test('400 for a body that can not be read', async () => {
    const answer = isForm(endpoint)
      ? await sent(path, '--x\r\nnonsense', { 'content-type': 'multipart/form-data; boundary=x' })
      : await sent(path, '{"model": ', { 'content-type': 'application/json' });
    expectRefused(path, answer, {
      status: 400,
      type: 'invalid_request_error',
      anthropic: 'invalid_request_error',
      says: isForm(endpoint) ? /form/ : /JSON/,
    });
  });

  test('400 that names a field with a wrong value', async () => {
    const [field, value] = endpoint.wrong;
    expectRefused(path, await ask(endpoint, { [field]: value }), {
      status: 400,
      type: 'invalid_request_error',
      anthropic: 'invalid_request_error',
      param: field,
      says: new RegExp(`'${field}'.*${String(value)}`),
    });
  });

  test('400 where no model is named', async () => {
    const { alias: _alias, ...rest } = endpoint;
    const answer = await ask({ ...rest, alias: '' });
    expectRefused(path, answer, {
      status: 400,
      type: 'invalid_request_error',
      anthropic: 'invalid_request_error',
      param: 'model',
      says: /'model' must be/,
    });
  });

  test('401 without a key, and with a wrong one', async () => {
    const refused = {
      status: 401,
      type: 'authentication_error',
      anthropic: 'authentication_error',
      code: 'invalid_api_key',
      says: /API key/,
    };
    expectRefused(path, await kiln.call('POST', path, bodyOf(endpoint), { authorization: '' }), refused);
    expectRefused(path, await ask(endpoint, {}, 'sk-nobody'), refused);
  });

  test('403 for a model that is not the key’s', async () => {
    expectRefused(path, await ask(endpoint, {}, keys.narrow), {
      status: 403,
      type: 'key_model_access_denied',
      anthropic: 'permission_error',
      param: 'model',
      says: /may not call model .*kling-3\.0/,
    });
  });

  test('404 for an alias that does not exist', async () => {
    expectRefused(path, await ask(endpoint, { model: 'nobody' }), {
      status: 404,
      type: 'not_found',
      anthropic: 'not_found_error',
      code: 'model_not_found',
      param: 'model',
      says: /'nobody'/,
      shouldRetry: 'false',
    });
  });

  test('400 for a model that makes something else', async () => {
    expectRefused(path, await ask(endpoint, { model: 'kling-3.0' }), {
      status: 400,
      type: 'invalid_request_error',
      anthropic: 'invalid_request_error',
      param: 'model',
      says: /'kling-3\.0', which makes video/,
    });
  });

  test('415 for another content type', async () => {
    const type = isForm(endpoint) ? 'application/json' : 'text/csv';
    expectRefused(path, await sent(path, '{}', { 'content-type': type }), {
      status: 415,
      type: 'unsupported_media_type',
      anthropic: 'invalid_request_error',
      param: 'Content-Type',
      says: /application\/json|multipart\/form-data/,
    });
  });
});

describe('a body that is too large', () => {
  const refused = { status: 413, type: 'payload_too_large', anthropic: 'request_too_large', says: /larger than \d+/ };

  test.each(ENDPOINTS.filter((endpoint) => !isForm(endpoint)))('$path: 413', async ({ path }) => {
    const body = `{"model": "${'x'.repeat(kiln.config.http.maxBodyBytes)}"}`;
    expectRefused(path, await sent(path, body, { 'content-type': 'application/json' }), refused);
  });

  test('/v1/audio/transcriptions: 413 for its file', async () => {
    const [endpoint] = ENDPOINTS.filter(isForm);
    const file = new Blob([new Uint8Array(25 * 1024 * 1024 + 1)], { type: 'audio/mpeg' });
    const answer = endpoint && (await ask(endpoint, { file }));
    if (answer) expectRefused(endpoint.path, answer, { ...refused, param: 'file' });
    expect(answer?.status).toBe(413);
  });
});

describe.each(WORKING)('$path', (endpoint) => {
  const { path } = endpoint;

  test('429 in the reference’s words where the budget is spent', async () => {
    const answer = await ask(endpoint, {}, keys.poor);
    expectRefused(path, answer, {
      status: 429,
      type: 'budget_exceeded',
      anthropic: 'rate_limit_error',
      says: /^Budget has been exceeded! Current cost: 0\.0, Max budget: 0\.0, /,
      shouldRetry: 'false',
      fields: {
        budget: {
          limit_micro_usd: 0,
          spent_micro_usd: 0,
          held_micro_usd: 0,
          left_micro_usd: 0,
          request_micro_usd: expect.any(Number),
          affordable: {},
          resets_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT00:00:00Z$/),
        },
      },
    });
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(kiln.upstream.seen).toEqual([]);
  });

  test('500 after every route has failed', async () => {
    expectRefused(path, await ask(endpoint), {
      status: 500,
      type: 'upstream_error',
      anthropic: 'api_error',
      says: /Every route of .* failed .*nothing was charged/,
    });
    expect(kiln.upstream.seen.length).toBeGreaterThan(0);
  });

  test('429 with when to come again where every route is at its limit', async () => {
    kiln.upstream.script('failing', errors(429, {}, { 'retry-after': '20' }));
    const answer = await ask(endpoint);
    expectRefused(path, answer, {
      status: 429,
      type: 'rate_limit_exceeded',
      anthropic: 'rate_limit_error',
      says: /at its limit/,
    });
    expect(answer.headers.get('retry-after')).toBe('20');
  });

  test('400 with the provider’s word on the request', async () => {
    const said = { message: 'that is not spoken here', type: 'invalid_request_error', param: 'input' };
    kiln.upstream.script('failing', errors(400, said));
    expectRefused(path, await ask(endpoint), {
      status: 400,
      type: 'invalid_request_error',
      anthropic: 'invalid_request_error',
      param: 'input',
      says: /that is not spoken here/,
    });
  });

  test('503 with when to come again while ops have closed the only route', async () => {
    await kiln.call('POST', `/admin/routes/${encodeURIComponent(`${endpoint.alias}/only`)}/pause`);
    const answer = await ask(endpoint);
    expectRefused(path, answer, {
      status: 503,
      type: 'route_unavailable',
      anthropic: 'overloaded_error',
      says: /only: paused/,
    });
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(kiln.upstream.seen).toEqual([]);
  });
});
