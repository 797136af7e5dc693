import { Catalog } from '../../src/catalog/catalog.service.js';
import { loadCatalog } from '../../src/catalog/load-catalog.js';
import type { SyncModality, SyncRoute } from '../../src/catalog/sync-schema.js';
import { adapters } from '../../src/providers/registry.js';
import { startKiln, type Kiln } from '../support/kiln.js';

/** What stands for the star of a wildcard, and is served by every route of it. */
const BY_WILDCARD: Readonly<Record<string, string>> = {
  'deepseek/*': 'deepseek/deepseek-v4-pro',
  'gemini/*': 'gemini/gemini-2.5-flash',
  'openrouter/*': 'openrouter/qwen/qwen3-coder',
};
/** More than any route is tried. */
const MANY = 50;

const shipped = loadCatalog({
  overlayPath: null,
  sandbox: { url: 'http://127.0.0.1:1', credential: 'x' },
  adapters,
  hasCredential: () => false,
  endpointsFrom: () => [],
  now: () => new Date(),
});
const ALIASES = shipped.syncs().map(({ id }) => id);

let kiln: Kiln;
let sound: Blob;

beforeAll(async () => {
  kiln = await startKiln({ workers: false });
  const spoken = await request('tts-1', 'speech');
  sound = await spoken.blob();
});
afterAll(async () => kiln.drop());
afterEach(async () => kiln.sandbox.clearFaults());

async function request(model: string, modality: SyncModality): Promise<Response> {
  const post = async (path: string, body: FormData | string): Promise<Response> =>
    fetch(`${kiln.url}/v1/${path}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${kiln.secret}`,
        ...(typeof body === 'string' ? { 'content-type': 'application/json' } : {}),
      },
      body,
    });
  if (modality === 'text')
    return post(
      'chat/completions',
      JSON.stringify({ model, max_tokens: 64, messages: [{ role: 'user', content: 'Say hello.' }] }),
    );
  if (modality === 'embedding') return post('embeddings', JSON.stringify({ model, input: 'A quick brown fox.' }));
  if (modality === 'speech') {
    const voice = model.startsWith('hexgrad/') ? 'af_bella' : 'alloy';
    return post('audio/speech', JSON.stringify({ model, voice, input: 'Hello.', response_format: 'wav' }));
  }
  const form = new FormData();
  form.append('model', model);
  form.append('file', new File([sound], 'hello.wav', { type: 'audio/wav' }));
  return post('audio/transcriptions', form);
}

/** The provider's name in the sandbox: a self-hosted server's is its path's. */
const emulatorOf = (route: SyncRoute): string =>
  route.provider === 'openai_compatible'
    ? (new URL(route.endpoints[0] ?? '').pathname.split('/')[1] ?? '')
    : route.provider;

async function answeredBy(
  alias: string,
): Promise<{ route: string | null; status: number; length: number; error?: string }> {
  const model = kiln.app.get(Catalog).listedSync(alias);
  const response = await request(BY_WILDCARD[alias] ?? alias, model?.modality ?? 'text');
  const bytes = Buffer.from(await response.arrayBuffer());
  const route = response.headers.get('x-kiln-route');
  return {
    status: response.status,
    route: route === null ? null : decodeURI(route),
    length: bytes.byteLength,
    ...(response.ok ? {} : { error: bytes.toString() }),
  };
}

const routesOf = (alias: string): SyncRoute[] => kiln.app.get(Catalog).listedSync(alias)?.routes ?? [];

it.each(ALIASES)('%s is answered by the first of its routes', async (alias) => {
  const answer = await answeredBy(alias);
  expect(answer).toEqual({ status: 200, route: routesOf(alias)[0]?.id, length: expect.any(Number) as number });
  expect(answer.length).toBeGreaterThan(0);
});

const CHAINS = shipped.syncs().filter(({ routes }) => routes.length > 1);

it.each(CHAINS.map(({ id }) => id))('%s is answered by its second route while the first is broken', async (alias) => {
  const [first, second] = routesOf(alias);
  await kiln.sandbox.arm({ provider: emulatorOf(first as SyncRoute), fault: '500', times: MANY });
  expect(await answeredBy(alias)).toEqual({ status: 200, route: second?.id, length: expect.any(Number) as number });
});

it('only what the provider itself must answer has no second route', () => {
  const single = shipped.syncs().filter(({ routes }) => routes.length === 1);
  expect(single.map(({ id }) => id).toSorted()).toEqual([
    'gpt-4o-mini-transcribe',
    'gpt-4o-transcribe',
    'openrouter/*',
  ]);
});
