import { type GatewayKiln, routeOn, startGateway, textModel, usageOf } from './gateway.js';
import { answers, type Behaviour, errors, json } from './upstream.js';

let kiln: GatewayKiln;
let key: { id: string; secret: string };

const SLEEPS = { scale_to_zero: { idle_seconds: 3600, start_seconds: 60 } };
const NAMES = ['first', 'herd', 'relapse', 'alone', 'never'] as const;

beforeAll(async () => {
  kiln = await startGateway((upstream) => {
    const bridged = (name: string) =>
      textModel({
        gpu: routeOn(upstream, `${name}-gpu`, SLEEPS),
        bridge: routeOn(upstream, `${name}-bridge`, { bridge: true }),
      });
    return {
      first: bridged('first'),
      herd: bridged('herd'),
      relapse: bridged('relapse'),
      alone: textModel({ gpu: routeOn(upstream, 'alone-gpu', SLEEPS) }, { deadline_seconds: 20 }),
      never: textModel({ gpu: routeOn(upstream, 'never-gpu', SLEEPS) }, { deadline_seconds: 5 }),
    };
  });
  key = await kiln.newKey();
});
afterAll(() => kiln.end());
beforeEach(() => kiln.upstream.reset());

const ask = (model: (typeof NAMES)[number], more: Record<string, unknown> = {}) =>
  kiln.call<{ error?: { type: string }; text?: string }>(
    'POST',
    '/v1/chat/completions',
    { model, messages: [{ role: 'user', content: 'hi' }], ...more },
    { authorization: `Bearer ${key.secret}` },
  );
const routeOf = (answer: { headers: Headers }) => answer.headers.get('x-kiln-route');
/** Asks until another route answers: there is nothing else that a client could see of a server that has woken. */
async function servedBy(model: (typeof NAMES)[number], route: string): Promise<void> {
  while (routeOf(await ask(model)) !== route) await new Promise((resolve) => setImmediate(resolve));
}
const probesOf = (route: string) =>
  kiln.upstream.seen.filter((request) => request.route === route && request.path.endsWith('/models'));

/** A server behind an autoscaler: 503 until it is told to be up. */
function sleeper(): { behaviour: Behaviour; wake(): void; mostAtOnce(): number; asked: Promise<void> } {
  let isUp = false;
  let atOnce = 0;
  let most = 0;
  const asked = Promise.withResolvers<void>();
  return {
    wake: () => (isUp = true),
    mostAtOnce: () => most,
    asked: asked.promise,
    behaviour: async (request, response, body) => {
      const isProbe = request.url?.endsWith('/models') === true;
      if (isProbe) {
        asked.resolve();
        atOnce += 1;
        most = Math.max(most, atOnce);
        await new Promise((resolve) => setTimeout(resolve, 20));
        atOnce -= 1;
      }
      if (!isUp) return errors(503)(request, response, body);
      return isProbe
        ? json(200, { object: 'list', data: [] })(request, response, body)
        : answers('gpu')(request, response, body);
    },
  };
}

test('the bridge answers the first request, the GPU those after it is up', async () => {
  const gpu = sleeper();
  kiln.upstream.script('first-gpu', gpu.behaviour);
  const answer = await ask('first');
  expect([answer.status, routeOf(answer)]).toEqual([200, 'first/bridge']);
  expect(answer.headers.get('x-kiln-bridged')).toBe('true');
  expect(answer.headers.get('x-kiln-attempts')).toBe('1');
  await gpu.asked;
  expect(routeOf(await ask('first', { stream: true }))).toBe('first/bridge');
  gpu.wake();
  await servedBy('first', 'first/gpu');
  const after = await ask('first');
  expect(routeOf(after)).toBe('first/gpu');
  expect(after.headers.get('x-kiln-bridged')).toBeNull();
  // Only the probes woke it: no request of a client waited for a server that slept.
  const chats = kiln.upstream.seen.filter(({ route, path }) => route === 'first-gpu' && path.endsWith('/completions'));
  expect(chats.length).toBeGreaterThan(0);
  expect(await usageOf(kiln, answer.headers.get('x-request-id'))).toMatchObject({
    status: 'ok',
    route: 'first/bridge',
    // (10 × 1 + 5 × 2) × 2
    chargedMicroUsd: 40,
  });
});

test('20 requests at once wake it once', async () => {
  const gpu = sleeper();
  kiln.upstream.script('herd-gpu', gpu.behaviour);
  const all = await Promise.all(Array.from({ length: 20 }, () => ask('herd')));
  expect(new Set(all.map(routeOf))).toEqual(new Set(['herd/bridge']));
  await gpu.asked;
  gpu.wake();
  await servedBy('herd', 'herd/gpu');
  expect(gpu.mostAtOnce()).toBe(1);
  expect(probesOf('herd-gpu').length).toBeLessThan(20);
});

test.each([502, 503, 504])(
  'a %i of a server that was warm means asleep: the bridge answers, the route stays open',
  async (status) => {
    const gpu = sleeper();
    gpu.wake();
    kiln.upstream.script('relapse-gpu', gpu.behaviour);
    await servedBy('relapse', 'relapse/gpu');
    kiln.upstream.script('relapse-gpu', errors(status), gpu.behaviour);
    const answer = await ask('relapse');
    expect([answer.status, routeOf(answer)]).toEqual([200, 'relapse/bridge']);
    expect(answer.headers.get('x-kiln-attempts')).toBe('2');
    const states = await kiln.call<{ data: { id: string; state: string; cooldown_until: string | null }[] }>(
      'GET',
      '/admin/routes',
    );
    const route = states.body.data.find(({ id }) => id === 'relapse/gpu');
    expect(route).toMatchObject({ state: 'open' });
    expect(route?.cooldown_until ?? null).toBeNull();
    await servedBy('relapse', 'relapse/gpu');
  },
);

test.each([{ stream: false }, { stream: true }])(
  'without a bridge the server is asked and waited for, stream $stream',
  async ({ stream }) => {
    kiln.upstream.script('alone-gpu', errors(503), errors(503), answers('awake'));
    const answer = await ask('alone', { stream });
    expect([answer.status, routeOf(answer)]).toEqual([200, 'alone/gpu']);
  },
);

test('without a bridge a server that does not wake fails the request, and nothing is charged', async () => {
  kiln.upstream.script('never-gpu', errors(503));
  const answer = await ask('never');
  expect(answer.status).toBe(500);
  expect(answer.body.error).toMatchObject({ type: 'upstream_error' });
  expect(await usageOf(kiln, answer.headers.get('x-request-id'))).toMatchObject({
    status: 'failed',
    chargedMicroUsd: 0,
  });
});
