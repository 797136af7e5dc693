import 'reflect-metadata';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Module } from '@nestjs/common';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { CatalogModule, catalogFrom } from '../src/catalog/catalog.module.js';
import { KilnError } from '../src/common/errors.js';
import { ModelsController } from '../src/gateway/api/models.controller.js';
import { assertModelAllowed, type AuthKey } from '../src/keys/auth-key.js';
import { KeyGuard } from '../src/keys/key.guard.js';
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
};
const people = new Map<string, AuthKey>([
  ['sk-all', base],
  ['sk-veo', { ...base, allowedModels: ['veo-3.1*'] }],
]);
// The keys' own tests cover their database; here only who may see what counts.
const keys = { authenticate: async (secret: string) => people.get(secret) ?? null, assertModelAllowed };

@Module({ providers: [{ provide: Keys, useValue: keys }, KeyGuard], exports: [Keys, KeyGuard] })
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
  await app.init();
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

it('shows what is answered at once with its endpoints, lengths and prices', async () => {
  const { status, body } = await get('/v1/models/claude-sonnet');
  expect(status).toBe(200);
  expect(body).toMatchObject({
    id: 'claude-sonnet',
    object: 'model',
    type: 'model',
    modality: 'text',
    operations: ['chat.completions', 'responses', 'messages'],
    limits: { context_tokens: 200_000, max_output_tokens: 64_000 },
    max_input_tokens: 200_000,
    features: expect.arrayContaining(['tools', 'vision']) as unknown,
    price: {
      unit: 'usage',
      // Twice the list price: 3, 0.30 and 15 dollars a million.
      micro_usd_per_million: { input_tokens: 6_000_000, cache_read_tokens: 600_000, output_tokens: 30_000_000 },
    },
  });
  expect((body['routes'] as { provider: string }[]).map(({ provider }) => provider)).toEqual([
    'bedrock',
    'anthropic',
    'openrouter',
  ]);
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
