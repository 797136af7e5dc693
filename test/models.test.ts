import 'reflect-metadata';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Anthropic from '@anthropic-ai/sdk';
import { Module } from '@nestjs/common';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import OpenAI from 'openai';
import { CatalogModule, catalogFrom } from '../src/catalog/catalog.module.js';
import { KilnError } from '../src/common/errors.js';
import { ModelsController } from '../src/gateway/api/models.controller.js';
import { assertModelAllowed, type AuthKey } from '../src/keys/auth-key.js';
import { KeyGuard } from '../src/keys/key.guard.js';
import { RateLimits } from '../src/keys/rate-limits.js';
import { Keys } from '../src/keys/keys.js';
import { adapters } from '../src/providers/registry.js';

const OVERLAY = `
models:
  acme/loud.colour:
    modality: image
    title: Loud colour
    description: An alias with a slash.
    created: 2026-11-23
    operations: [text_to_image]
    input: { prompt: { required: true, max_length: 10 } }
    price: { unit: image, source: ours, date: 2026-11-23, rates: [{ usd: 0.001 }] }
    routes:
      mine: { provider: comfyui, model: m, endpoints: ["http://gpu:1"], lane: comfyui, settings: { mapping: flux-dev.mapping.json }, upstream_price: cost-flux-dev, max_run_seconds: 60, expected_seconds: 1 }
`;

const base: AuthKey = {
  id: 'key_1',
  name: 'test',
  role: 'app',
  allowedModels: [],
  maxConcurrentJobs: null,
  maxQueuedJobs: null,
  weight: 1,
  dailyBudgetMicroUsd: null,
  requestsPerMinute: null,
  allowedIps: [],
  expiresAt: null,
};
const people = new Map<string, AuthKey>([
  ['sk-all', base],
  ['sk-veo', { ...base, allowedModels: ['veo-3.1*'] }],
  ['sk-open', { ...base, allowedModels: ['openrouter/*', 'tts-1'] }],
]);
// The keys' own tests cover their database; here only who may see what counts.
const keys = { authenticate: async (secret: string) => people.get(secret) ?? null, assertModelAllowed };

@Module({
  providers: [{ provide: Keys, useValue: keys }, { provide: RateLimits, useValue: {} }, KeyGuard],
  exports: [Keys, RateLimits, KeyGuard],
})
class SomeKeys {}

let dir: string;
let app: NestFastifyApplication;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'kiln-models-'));
  writeFileSync(join(dir, 'mine.yaml'), OVERLAY);
  const sources = { catalogFile: join(dir, 'mine.yaml'), credentials: {}, endpoints: {} };
  const catalog = catalogFrom(sources, { url: 'http://127.0.0.1:1', credential: 'x' }, adapters, () => new Date());
  const built = await Test.createTestingModule({
    imports: [CatalogModule.forRoot(catalog), { module: SomeKeys, global: true }],
    controllers: [ModelsController],
  }).compile();
  app = built.createNestApplication<NestFastifyApplication>(new FastifyAdapter(), { logger: false });
  app.useGlobalFilters({
    catch(error: unknown, host) {
      const reply = host.switchToHttp().getResponse<{ status(code: number): { send(body: unknown): void } }>();
      if (error instanceof KilnError) reply.status(error.status).send(error.toBody());
      else reply.status(500).send({ error: String(error) });
    },
  });
  await app.listen(0, '127.0.0.1');
});
afterAll(async () => {
  await app.close();
  rmSync(dir, { recursive: true });
});

const get = async (url: string, secret = 'sk-all') => {
  const response = await app.inject({ method: 'GET', url, headers: { authorization: `Bearer ${secret}` } });
  return { status: response.statusCode, body: response.json<Record<string, unknown>>() };
};

it('lists every model in both shapes at once', async () => {
  const { status, body } = await get('/v1/models');
  expect(status).toBe(200);
  const data = body['data'] as { id: string }[];
  expect(body).toMatchObject({ object: 'list', has_more: false, first_id: data[0]?.id, last_id: 'acme/loud.colour' });
  expect(data.find(({ id }) => id === 'veo-3.1')).toMatchObject({
    id: 'veo-3.1',
    object: 'model',
    type: 'model',
    display_name: 'Veo 3.1',
    created: 1_760_486_400,
    created_at: '2025-10-15T00:00:00.000Z',
    modality: 'video',
    limits: { prompt: { required: true, max_length: 4000 }, duration_seconds: { values: [4, 6, 8], default: 8 } },
    price: { unit: 'second', rates: [{ when: { resolution: ['4k'] }, price_micro_usd: 1_200_000 }, {}, {}] },
    routes: expect.arrayContaining([
      expect.objectContaining({ provider: 'google', model: 'veo-3.1-generate-001', sandbox: true }),
    ]) as unknown,
  });
});

it('lists only what the key may call', async () => {
  const { body } = await get('/v1/models', 'sk-veo');
  expect((body['data'] as { id: string }[]).map(({ id }) => id)).toEqual(['veo-3.1', 'veo-3.1-fast']);
});

it.each(['/v1/models/veo-3.1', '/v1/models/acme/loud.colour', '/v1/models/acme%2Floud.colour'])(
  'finds %s',
  async (url) => {
    const { status, body } = await get(url);
    expect(status).toBe(200);
    expect(body['id']).toBe(decodeURIComponent(url.slice('/v1/models/'.length)));
  },
);

it.each([
  ['/v1/models/nothing', 'sk-all', 404, 'model_not_found'],
  ['/v1/models/wan-2.2', 'sk-veo', 403, '403'],
  ['/v1/models', 'sk-nobody', 401, 'invalid_api_key'],
])('answers %s for %s with %i', async (url, secret, status, code) => {
  const answer = await get(url, secret);
  expect(answer.status).toBe(status);
  expect(answer.body['error']).toMatchObject({ code });
});

describe('a model that answers at once', () => {
  it('says what it takes, costs and runs on', async () => {
    const { status, body } = await get('/v1/models/claude-sonnet');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      id: 'claude-sonnet',
      object: 'model',
      modality: 'text',
      operations: ['chat.completions', 'responses', 'messages'],
      wildcard: false,
      max_input_tokens: 200_000,
      max_tokens: 64_000,
      limits: {
        context_tokens: 200_000,
        max_output_tokens: 64_000,
        features: expect.arrayContaining(['tools', 'vision']) as unknown,
        reasoning_efforts: ['low', 'medium', 'high', 'max'],
        prefill: false,
      },
      price: {
        unit: 'usage',
        rates: [
          { of: 'input_tokens', per: 1_000_000, price_micro_usd: 6_000_000 },
          { of: 'cache_read_tokens', per: 1_000_000, price_micro_usd: 600_000 },
          { of: 'cache_write_tokens', per: 1_000_000, price_micro_usd: 7_500_000 },
          { of: 'cache_write_1h_tokens', per: 1_000_000, price_micro_usd: 12_000_000 },
          { of: 'output_tokens', per: 1_000_000, price_micro_usd: 30_000_000 },
        ],
        date: '2026-11-26',
      },
    });
    expect((body['routes'] as { provider: string; model: string }[]).map(({ provider }) => provider)).toEqual([
      'bedrock',
      'anthropic',
      'openrouter',
    ]);
  });

  it.each([
    ['selfhosted-chat', [false, false, false], [false, true, true]],
    ['selfhosted-reasoner', [false, true, true], [false, true, true]],
    ['tts-1', [false, true], [false, false]],
  ])('shows of %s which routes stand in and which bridge', async (id, substitutes, bridges) => {
    const { body } = await get(`/v1/models/${id}`);
    const routes = body['routes'] as { substitute: boolean; bridge: boolean; sandbox: boolean }[];
    expect(routes.map(({ substitute }) => substitute)).toEqual(substitutes);
    expect(routes.map(({ bridge }) => bridge)).toEqual(bridges);
    expect(routes.every(({ sandbox }) => sandbox)).toBe(true);
  });

  it.each([
    ['whisper-1', { of: 'audio_seconds', per: 60, price_micro_usd: 2000 }],
    ['tts-1', { of: 'characters', per: 1_000_000, price_micro_usd: 30_000_000 }],
    ['text-embedding-3-small', { of: 'input_tokens', per: 1_000_000, price_micro_usd: 40_000 }],
  ])('shows what %s counts', async (id, rate) => {
    const { body } = await get(`/v1/models/${id}`);
    expect(body['price']).toMatchObject({ rates: [rate] });
  });

  it('shows what a longer prompt costs', async () => {
    const { body } = await get('/v1/models/claude-haiku-5-5');
    expect(body['price']).toMatchObject({
      rates: expect.arrayContaining([{ of: 'input_tokens', per: 1_000_000, price_micro_usd: 200_000 }]) as unknown,
      long: {
        above_input_tokens: 100_000,
        rates: expect.arrayContaining([{ of: 'input_tokens', per: 1_000_000, price_micro_usd: 1_000_000 }]) as unknown,
      },
    });
  });
});

describe('a wildcard', () => {
  it('is listed as such, with its prices by the beginnings of ids', async () => {
    const { body } = await get('/v1/models/deepseek/*');
    expect(body).toMatchObject({ id: 'deepseek/*', wildcard: true, price: null });
    expect(body['routes']).toMatchObject([
      {
        provider: 'deepseek',
        model: '*',
        prices: {
          'deepseek-v4-pro': { rates: expect.arrayContaining([expect.objectContaining({ of: 'output_tokens' })]) },
        },
      },
      { provider: 'openrouter', model: 'deepseek/*', price: null, price_list_multiplier: 2 },
    ]);
  });

  it.each(['/v1/models/openrouter/foo/bar', '/v1/models/openrouter%2Ffoo%2Fbar'])('answers %s', async (url) => {
    const { status, body } = await get(url, 'sk-open');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      id: 'openrouter/foo/bar',
      wildcard: false,
      routes: [{ provider: 'openrouter', model: 'foo/bar', price_list_multiplier: 2 }],
    });
  });

  it('gives way to an alias of its own, and prices an id by its longest beginning', async () => {
    expect((await get('/v1/models/deepseek/deepseek-chat')).body).toMatchObject({
      routes: [{ model: 'deepseek-flash' }, { model: 'deepseek/deepseek-v4-flash' }, {}],
    });
    const lite = await get('/v1/models/gemini/gemini-3.1-flash-lite-preview');
    expect(lite.body).toMatchObject({
      price: { rates: [{ of: 'input_tokens', price_micro_usd: 500_000 }, {}, {}, {}] },
    });
  });
});

describe('official clients', () => {
  const base = async () => (await app.getUrl()).replace('[::1]', '127.0.0.1');

  it('OpenAI lists and retrieves', async () => {
    const client = new OpenAI({ apiKey: 'sk-open', baseURL: `${await base()}/v1`, maxRetries: 0 });
    const ids: string[] = [];
    for await (const model of client.models.list()) ids.push(model.id);
    expect(ids.toSorted()).toEqual(['openrouter/*', 'tts-1']);
    expect(await client.models.retrieve('openrouter/foo/bar')).toMatchObject({ id: 'openrouter/foo/bar' });
    await expect(client.models.retrieve('gpt-5.4')).rejects.toMatchObject({ status: 403 });
    await expect(client.models.retrieve('nothing')).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
  });

  it('Anthropic lists and retrieves', async () => {
    const client = new Anthropic({ apiKey: 'sk-all', baseURL: await base(), maxRetries: 0 });
    const ids: string[] = [];
    for await (const model of client.models.list()) ids.push(model.id);
    expect(ids).toEqual(expect.arrayContaining(['claude-opus', 'claude-opus-4-6', 'openrouter/*', 'veo-3.1']));
    expect(await client.models.retrieve('claude-opus-4-6')).toMatchObject({
      display_name: 'Claude Opus 4.6',
      max_input_tokens: 1_000_000,
      max_tokens: 128_000,
      lifecycle: 'active',
    });
  });
});
