import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { attemptsOf, expectBooks, newPrompt, reconcile, settled, until } from '../jobs/engine-harness.js';
import { dropGround, newGround, startKiln, type Ground, type Kiln } from '../support/kiln.js';

interface Wire {
  model: string;
  route: string;
  /** As the sandbox names it. */
  name: string;
  input: Record<string, unknown>;
  /** Where the submit names the address. */
  address: (body: Record<string, unknown>) => unknown;
  signed: boolean;
}

const at =
  (...path: string[]) =>
  (body: Record<string, unknown>): unknown =>
    path.reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], body);

const WIRES: readonly Wire[] = [
  {
    model: 'kling-3.0',
    route: 'current',
    name: 'kling',
    input: { duration_seconds: 3 },
    address: at('options', 'callback_url'),
    signed: true,
  },
  {
    model: 'kling-3.0',
    route: 'legacy',
    name: 'kling',
    input: { duration_seconds: 3 },
    address: at('callback_url'),
    signed: true,
  },
  { model: 'flux-dev', route: 'replicate', name: 'replicate', input: {}, address: at('webhook'), signed: true },
  {
    model: 'seedance-2',
    route: 'byteplus',
    name: 'ark',
    input: { duration_seconds: 4, resolution: '480p' },
    address: at('callback_url'),
    signed: false,
  },
  {
    model: 'skyreels-v2',
    route: 'gpu',
    name: 'gpu',
    input: { duration_seconds: 2 },
    address: at('webhook'),
    // A wire of our own: where no secret is agreed on, the token in the address is all there is.
    signed: false,
  },
];
/** Nothing is polled before its callback rings. */
const slowPolls = (wires: readonly Wire[]): string =>
  JSON.stringify({
    models: Object.fromEntries(
      [...new Set(wires.map(({ model }) => model))].map((model) => [
        model,
        {
          routes: Object.fromEntries(
            wires
              .filter((wire) => wire.model === model)
              .map(({ route }) => [route, { sandbox: { poll_interval_ms: 60_000, expected_seconds: 3600 } }]),
          ),
        },
      ]),
    ),
  });

let ground: Ground;
let kiln: Kiln;
beforeAll(async () => {
  ground = await newGround();
  const file = join(ground.dir, 'slow.yaml');
  await writeFile(file, slowPolls(WIRES));
  kiln = await startKiln({ ground, env: { KILN_CATALOG: file } });
});
afterAll(async () => {
  await kiln.close();
  await dropGround(ground);
});
afterEach(async () => kiln.sandbox.clearFaults());

const post = async ({ model, route, input }: Wire, prompt: string): Promise<string> =>
  (await kiln.post({ model, input: { prompt, ...input }, routing: { only: [route], allow_fallback: false } })).id;

async function addressOf(wire: Wire, prompt: string): Promise<string> {
  return until('the submit names its address', async () => {
    const request = (await kiln.sandbox.requests(wire.name)).find(({ body }) => JSON.stringify(body).includes(prompt));
    return request && (wire.address(request.body) as string | undefined);
  });
}
const rungAt = async (id: string): Promise<Date | null> => (await attemptsOf(kiln.database, id))[0]?.rungAt ?? null;
const ring = (address: string, body: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(address, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body });
const signedBy = (secret: string, body: string, when = new Date()): Record<string, string> => ({
  'webhook-id': 'msg_1',
  'webhook-timestamp': String(Math.floor(when.getTime() / 1000)),
  'webhook-signature': new Webhook(secret).sign('msg_1', when, body),
});

describe.each(WIRES)('$model/$route', (wire) => {
  it('ends when the provider rings, without a poll before', async () => {
    const prompt = newPrompt();
    await kiln.sandbox.arm({ provider: wire.name, fault: 'duplicate-callbacks', match: prompt });
    const id = await post(wire, prompt);
    const done = await settled(kiln, id);
    expect(done).toMatchObject({ status: 'succeeded', error: null });
    const [attempt] = await attemptsOf(kiln.database, id);
    expect(attempt?.rungAt).toBeInstanceOf(Date);
    await expectBooks(kiln, id, ['settle']);
    // Late and again: heard, and nothing happens.
    const address = await addressOf(wire, prompt);
    if (!wire.signed) expect((await ring(address, '{"status":"failed"}')).status).toBe(200);
    expect(await kiln.get(id)).toMatchObject({ status: 'succeeded' });
  });

  it('is not moved by what is forged', async () => {
    const prompt = newPrompt();
    await kiln.sandbox.arm({ provider: wire.name, fault: 'never', match: prompt });
    const id = await post(wire, prompt);
    const address = await addressOf(wire, prompt);
    const { origin, pathname } = new URL(address);
    const [, , provider, token = ''] = pathname.split('/');
    const swapped = token.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'));
    const body = '{"status":"succeeded"}';
    for (const wrong of [
      `${origin}/callbacks/${provider}/${swapped}`,
      `${origin}/callbacks/fal/${token}`,
      `${origin}/callbacks/${provider}/x`,
    ])
      expect((await ring(wrong, body)).status).toBe(404);
    if (wire.signed) {
      const other = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;
      expect((await ring(address, body)).status).toBe(401);
      expect((await ring(address, body, signedBy(other, body))).status).toBe(401);
    }
    expect((await ring(address, JSON.stringify('x'.repeat(300_000)))).status).toBe(413);
    // Ark and Kling ring for every step of a task by themselves.
    if (wire.name !== 'ark' && wire.name !== 'kling') expect(await rungAt(id)).toBeNull();
    await kiln.call('POST', `/v1/jobs/${id}/cancel`);
  });
});

const ark = WIRES.find(({ name }) => name === 'ark') as Wire;

it('many rings in a second are few polls', async () => {
  const prompt = newPrompt();
  await kiln.sandbox.arm({ provider: 'ark', fault: 'never', match: prompt });
  const id = await post(ark, prompt);
  const address = await addressOf(ark, prompt);
  await until('it generates', async () => (await kiln.get(id)).stage === 'generating');
  const before = (await attemptsOf(kiln.database, id))[0]?.polls ?? 0;
  const answers = await Promise.all(Array.from({ length: 20 }, () => ring(address, '{}')));
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
  await until('a ring is answered', async () => ((await attemptsOf(kiln.database, id))[0]?.polls ?? 0) > before);
  expect((await attemptsOf(kiln.database, id))[0]?.polls).toBeLessThanOrEqual(before + 2);
  await kiln.call('POST', `/v1/jobs/${id}/cancel`);
});

it('a replayed message of long ago is not believed, and one that is fresh is', async () => {
  const wire = WIRES.find(({ name }) => name === 'kling') as Wire;
  const prompt = newPrompt();
  await kiln.sandbox.arm({ provider: 'kling', fault: 'never', match: prompt });
  const id = await post(wire, prompt);
  const address = await addressOf(wire, prompt);
  const secret = `whsec_${Buffer.from('sandbox-callback-secret-0001').toString('base64')}`;
  const body = '{"status":"succeeded"}';
  expect((await ring(address, body, signedBy(secret, body, new Date(Date.now() - 3_600_000)))).status).toBe(401);
  expect(await rungAt(id)).toBeNull();
  expect((await ring(address, body, signedBy(secret, body))).status).toBe(200);
  expect(await rungAt(id)).toBeInstanceOf(Date);
  await reconcile(kiln);
  expect((await kiln.get(id)).status).toBe('running');
  await kiln.call('POST', `/v1/jobs/${id}/cancel`);
});
