import { encode } from 'gpt-tokenizer/encoding/cl100k_base';
import { type Sandbox, startSandbox } from '../server.js';
import { call, unanswered } from '../test-client.js';

const KEY = 'test-key';
const AUTH = { authorization: `Bearer ${KEY}` };
const OPENAI = '/openai/v1';

interface Embeddings {
  object: string;
  data: { object: string; index: number; embedding: number[] | string }[];
  model: string;
  usage: { prompt_tokens: number; total_tokens: number };
  error: { message: string; param: string | null; code: string | null };
}

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await startSandbox({ speed: 0, key: KEY, comfyInstances: 1 });
});
afterEach(() => sandbox.clearFaults());
afterAll(() => sandbox.close());

const post = (json: object, prefix = OPENAI) =>
  call<Embeddings>(`${sandbox.url}${prefix}/embeddings`, { headers: AUTH, json });
const small = (input: unknown, more: object = {}) => post({ model: 'text-embedding-3-small', input, ...more });
const vectorOf = (body: Embeddings, index = 0): number[] => {
  const embedding = body.data[index]?.embedding;
  if (typeof embedding !== 'object') throw new Error('it is no list of numbers');
  return embedding;
};

describe('embeddings', () => {
  it('answers one text', async () => {
    const { status, body } = await small('The quick brown fox', { user: 'someone' });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      object: 'list',
      model: 'text-embedding-3-small',
      data: [{ object: 'embedding', index: 0 }],
      usage: { prompt_tokens: 4, total_tokens: 4 },
    });
    expect(vectorOf(body)).toHaveLength(1536);
  });

  it('answers many in their order, each as it would be alone', async () => {
    const { body } = await small(['one', 'two', 'three']);
    expect(body.data.map(({ index }) => index)).toEqual([0, 1, 2]);
    expect(vectorOf(body, 1)).toEqual(vectorOf((await small('two')).body));
    expect(body.usage.prompt_tokens).toBe(3);
  });

  it('reads token ids as the text they spell', async () => {
    const text = 'The quick brown fox, again';
    const asText = vectorOf((await small(text)).body);
    const ids = encode(text);
    const { body } = await small(ids);
    expect(vectorOf(body)).toEqual(asText);
    expect(body.usage.prompt_tokens).toBe(ids.length);
    const { body: two } = await small([encode('another'), ids]);
    expect(vectorOf(two, 1)).toEqual(asText);
  });

  it('says the same in base64, and fewer numbers on request', async () => {
    const { body } = await small('a fox', { encoding_format: 'base64', dimensions: 256 });
    const bytes = Buffer.from(String(body.data[0]?.embedding), 'base64');
    const numbers = Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readFloatLE(index * 4));
    expect(numbers).toHaveLength(256);
    expect(numbers).toEqual(vectorOf((await small('a fox', { encoding_format: 'float', dimensions: 256 })).body));
    expect(vectorOf((await post({ model: 'text-embedding-3-large', input: 'a fox' })).body)).toHaveLength(3072);
  });

  it.each([
    ['no key', {}, 401, null],
    ['a wrong key', { authorization: 'Bearer nobody' }, 401, 'invalid_api_key'],
  ])('refuses %s', async (_title, headers, status, code) => {
    const answer = await call<Embeddings>(`${sandbox.url}${OPENAI}/embeddings`, { headers, json: { input: 'a' } });
    expect(answer.status).toBe(status);
    expect(answer.body.error.code).toBe(code);
  });

  it.each<[string, unknown, object, number, string | null, string | null, RegExp]>([
    ['an unknown field', 'a', { size: 3 }, 400, 'size', 'unknown_parameter', /Unknown parameter/],
    ['an unknown model', 'a', { model: 'text-embedding-9' }, 404, 'model', 'model_not_found', /does not exist/],
    ['no input', undefined, {}, 400, 'input', 'missing_required_parameter', /Missing/],
    ['an empty text', '', {}, 400, 'input', 'invalid_value', /empty string/],
    ['an empty text among others', ['a', ''], {}, 400, 'input[1]', 'invalid_value', /empty string/],
    ['an empty list', [], {}, 400, 'input', 'invalid_value', /empty array/],
    ['a mixed list', ['a', 1], {}, 400, 'input[1]', 'invalid_type', /a string, but got an integer/],
    ['text among token ids', [[1], 'a'], {}, 400, 'input[1]', 'invalid_type', /array of integers/],
    ['an id that is no token', [99_999_999], {}, 400, 'input', 'invalid_value', /no token/],
    ['an object', { a: 1 }, {}, 400, 'input', 'invalid_type', /an object/],
    ['too many', Array(2049).fill('a'), {}, 400, 'input', 'array_above_max_length', /2049/],
    ['a long text', 'word '.repeat(8200), {}, 400, null, null, /maximum context length is 8192 tokens/],
    ['too much text', Array(60).fill('word '.repeat(5100)), {}, 400, null, 'max_tokens_per_request', /300000/],
    ['too many numbers', 'a', { dimensions: 1537 }, 400, 'dimensions', 'invalid_value', /less than or equal to 1536/],
    ['numbers as text', 'a', { dimensions: '256' }, 400, 'dimensions', 'invalid_type', /an integer/],
    ['another format', 'a', { encoding_format: 'hex' }, 400, 'encoding_format', 'invalid_value', /'base64'/],
    [
      'shortening an old model',
      'a',
      { model: 'text-embedding-ada-002', dimensions: 256 },
      400,
      null,
      null,
      /does not support specifying dimensions/,
    ],
  ])('refuses %s', async (_title, input, more, status, param, code, message) => {
    const answer = await small(input, more);
    expect(answer.status).toBe(status);
    expect(answer.body.error).toMatchObject({ param, code });
    expect(answer.body.error.message).toMatch(message);
  });
});

describe('embeddings of other hosts', () => {
  it.each([
    ['/google/v1beta/openai', 'gemini-embedding-001', 3072],
    ['/google/v1beta/openai', 'models/gemini-embedding-001', 3072],
    ['/deepinfra/v1/openai', 'BAAI/bge-m3', 1024],
    ['/vllm/v1', 'Qwen/Qwen3-Embedding-0.6B', 1024],
  ])('%s serves %s', async (prefix, model, dimensions) => {
    const { status, body } = await post({ model, input: ['a fox', 'a dog'] }, prefix);
    expect(status).toBe(200);
    expect(vectorOf(body, 1)).toHaveLength(dimensions);
    expect(body.usage.prompt_tokens).toBe(4);
  });

  it('DeepInfra ignores what it does not know, takes no token ids, and pads', async () => {
    const prefix = '/deepinfra/v1/openai';
    const model = 'BAAI/bge-m3';
    const { status, body } = await post({ model, input: 'a fox', dimensions: 1100, colour: 'red' }, prefix);
    expect(status).toBe(200);
    expect(vectorOf(body).slice(1024)).toEqual(Array(76).fill(0));
    expect((await post({ model, input: [9906] }, prefix)).status).toBe(400);
  });

  it('vLLM numbers its answers', async () => {
    const { body } = await post({ model: 'BAAI/bge-m3', input: [9906] }, '/vllm/v1');
    expect(body).toMatchObject({ id: expect.stringMatching(/^embd-/) as string, usage: { completion_tokens: 0 } });
  });
});

describe('errors of other hosts', () => {
  const refused = async (prefix: string, model: string) => {
    const { status, body } = await call(`${sandbox.url}${prefix}/embeddings`, {
      headers: AUTH,
      json: { model, input: '' },
    });
    return [status, body];
  };
  const text = expect.any(String) as string;

  it.each<[string, string, number, unknown]>([
    [
      '/google/v1beta/openai',
      'gemini-embedding-001',
      400,
      [{ error: { code: 400, message: text, status: 'INVALID_ARGUMENT' } }],
    ],
    ['/google/v1beta/openai', 'none', 404, [{ error: { code: 404, message: text, status: 'NOT_FOUND' } }]],
    [
      '/deepinfra/v1/openai',
      'BAAI/bge-m3',
      400,
      { error: { message: text, type: 'invalid_request_error', param: 'input', code: null } },
    ],
    ['/vllm/v1', 'none', 404, { error: { message: text, type: 'NotFoundError', param: 'model', code: 404 } }],
  ])('%s in its own words of %s', async (prefix, model, status, body) => {
    expect(await refused(prefix, model)).toEqual([status, body]);
  });

  it('names its embedding models among its others', async () => {
    const { body } = await call<{ data: { id: string }[] }>(`${sandbox.url}/openai/v1/models`, { headers: AUTH });
    expect(body.data.map(({ id }) => id)).toEqual(
      expect.arrayContaining(['text-embedding-3-small', 'whisper-1', 'gpt-4o-mini-tts', 'gpt-4o']),
    );
  });
});

describe('faults of embeddings', () => {
  it.each([
    ['429', 429],
    ['500', 500],
    ['503', 503],
  ])('%s, once', async (name, status) => {
    const input = ['fine', `x [[sandbox:${name}=1]]`];
    expect((await small(input)).status).toBe(status);
    expect((await small(input)).status).toBe(200);
  });

  it('is too long whenever that is asked for', async () => {
    const { status, body } = await small('x [[sandbox:context-length]]');
    expect([status, body.error.message]).toEqual([400, expect.stringContaining('maximum context length is 8192')]);
  });

  it('a marker is no part of what is embedded', async () => {
    const { body } = await small('a fox [[sandbox:429=0]]');
    expect(vectorOf(body)).toEqual(vectorOf((await small('a fox')).body));
    expect((await small('a fox [[sandbox:42]]')).body.error.message).toMatch(/unknown sandbox marker '42'/);
  });

  it('200 with an error, without a body, without usage', async () => {
    expect((await small('x [[sandbox:error-body]]')).body.error.message).toMatch(/had an error/);
    expect((await small('x [[sandbox:empty-body]]')).body).toBe('');
    expect((await small('x [[sandbox:no-usage]]')).body).not.toHaveProperty('usage');
  });

  it.each([
    ['hang', 'hang'],
    ['drop', 'drop'],
    ['cut-after=1', 'drop'],
  ])('%s: no whole answer', async (name, how) => {
    const init = {
      method: 'POST',
      headers: { ...AUTH, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'text-embedding-3-small', input: `x [[sandbox:${name}]]` }),
    };
    const read = async () => {
      try {
        const response = await fetch(`${sandbox.url}${OPENAI}/embeddings`, init);
        return await response.text();
      } catch {
        return 'drop';
      }
    };
    expect(how === 'hang' ? await unanswered(`${sandbox.url}${OPENAI}/embeddings`, init) : await read()).toBe(how);
  });

  it('is armed for one host, and recorded', async () => {
    sandbox.arm({ provider: 'deepinfra', fault: '503' });
    expect((await small('x')).status).toBe(200);
    expect((await post({ model: 'BAAI/bge-m3', input: 'armed' }, '/deepinfra/v1/openai')).status).toBe(503);
    expect(sandbox.requests({ provider: 'deepinfra', contains: 'armed' })).toMatchObject([
      { outcome: 'refused', fault: '503', path: '/deepinfra/v1/openai/embeddings' },
    ]);
  });
});
