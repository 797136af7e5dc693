import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execute, queryRow, queryRows, sql } from '../../src/database/database.js';
import { AdmissionRepository } from '../../src/jobs/admission/admission.repository.js';
import { dropGround, newGround, startKiln, type Ground, type Kiln } from '../support/kiln.js';
import { attemptsOf, expectBooks, image, jobRow, newPrompt, reconcile, settled, until } from './engine-harness.js';

const GPU = '/comfyui/0';
const overlay = (gpu: string) => `
lanes:
  gpu: { per_endpoint: 1 }
  spare: { per_endpoint: 1 }
models:
  flux-dev:
    route_order: [comfyui, spare, fal]
    routes:
      comfyui:
        lane: gpu
        ${gpu}
        sandbox: { paths: [${GPU}], scale_to_zero: { idle_seconds: 600, start_seconds: 20 } }
      spare:
        provider: comfyui
        model: flux1-dev-elsewhere
        endpoints_from: SPARE
        lane: spare
        bridge: true
        settings: { mapping: flux-dev.mapping.json }
        upstream_price: cost-flux-dev
        max_run_seconds: 900
        expected_seconds: 15
        sandbox: { paths: [/comfyui/1] }
`;

let ground: Ground;
let kiln: Kiln;

async function start(gpu = 'spill: never'): Promise<void> {
  ground = await newGround();
  const file = join(ground.dir, 'overlay.yaml');
  await writeFile(file, overlay(gpu));
  kiln = await startKiln({ ground, env: { KILN_CATALOG: file } });
}

const endpoint = (): string => ground.sandbox.url + GPU;
const sleepers = async (): Promise<{ prefix: string; calls: number }[]> =>
  (
    (await (await fetch(`${ground.sandbox.url}/_sandbox/sleep`)).json()) as {
      sleepers: { prefix: string; calls: number }[];
    }
  ).sleepers;
const routesOf = async (id: string): Promise<string[]> =>
  (await attemptsOf(kiln.database, id)).map(({ route }) => route.id.split('/')[1] ?? '');
const isWarm = async (): Promise<unknown> =>
  queryRow(kiln.database, sql`SELECT 1 AS one FROM endpoint_state WHERE id = ${endpoint()} AND ready_at IS NOT NULL`);
const quote = async (more: Record<string, unknown> = {}): Promise<Record<string, unknown>> =>
  (await kiln.call('POST', '/v1/jobs/quote', { ...image('x'), ...more })).body;
const onGpuOnly = { routing: { only: ['comfyui'], allow_fallback: false } };

afterEach(async () => {
  await kiln.close();
  await dropGround(ground);
});

test('cold: the bridge answers at once while the GPU is woken, once; warm: the GPU does', async () => {
  await start();
  await ground.sandbox.sleep(GPU, 'hold', 1000);
  expect(await quote()).toMatchObject({ bridged: true, warm: true, route: { id: 'flux-dev/spare' } });
  // Bound to a provider, the job had no route that sleeps.
  expect(await quote({ provider_options: { fal: {} } })).toMatchObject({ bridged: false, route: { provider: 'fal' } });
  const jobs = await Promise.all([0, 1, 2].map(() => kiln.post(image(newPrompt()))));
  for (const { id } of jobs) {
    const done = await settled(kiln, id);
    expect(done).toMatchObject({ status: 'succeeded', route: { bridged: true, model: 'flux1-dev-elsewhere' } });
    expect(await routesOf(id)).toEqual(['spare']);
    await expectBooks(kiln, id, ['settle']);
  }
  await until('the GPU is warm', async () => {
    await reconcile(kiln);
    return isWarm();
  });
  expect(await sleepers()).toEqual([expect.objectContaining({ prefix: GPU, calls: 1 })]);
  expect(await quote()).toMatchObject({ bridged: false, warm: true, route: { id: 'flux-dev/comfyui' } });
  const { id } = await kiln.post(image(newPrompt()));
  expect(await settled(kiln, id)).toMatchObject({ status: 'succeeded', route: { bridged: false, model: 'flux1-dev' } });
});

test('it went to sleep unseen: the submit that finds out goes to the bridge, and nothing counts as a failure', async () => {
  await start();
  await execute(kiln.database, sql`INSERT INTO endpoint_state (id, ready_at) VALUES (${endpoint()}, now())`);
  await ground.sandbox.sleep(GPU, '503', 60_000);
  const { id } = await kiln.post(image(newPrompt()));
  expect(await settled(kiln, id)).toMatchObject({ status: 'succeeded', route: { bridged: true } });
  expect(await routesOf(id)).toEqual(['comfyui', 'spare']);
  expect((await attemptsOf(kiln.database, id)).map(({ error }) => error?.code)).toEqual(['cold_start', undefined]);
  expect(await queryRows(kiln.database, sql`SELECT id FROM route_state`)).toEqual([]);
  expect(await isWarm()).toBeNull();
  await expectBooks(kiln, id, ['settle']);
});

test('without a bridge the job waits for the start, however the proxy tells that it is not up', async () => {
  await start();
  for (const mode of ['502', '503', '504', 'hold'] as const) {
    await execute(kiln.database, sql`DELETE FROM endpoint_state`);
    await ground.sandbox.sleep(GPU, mode, 400);
    expect((await kiln.call('POST', '/v1/jobs/quote', { ...image('x'), ...onGpuOnly })).body['warm']).toBe(false);
    const { id } = await kiln.post({ ...image(newPrompt()), ...onGpuOnly });
    expect(await settled(kiln, id)).toMatchObject({
      status: 'succeeded',
      route: { model: 'flux1-dev', bridged: false },
    });
    const attempts = await attemptsOf(kiln.database, id);
    expect(attempts.at(-1)?.state).toBe('succeeded');
    expect(attempts.slice(0, -1).every(({ error }) => error?.code === 'cold_start')).toBe(true);
    expect(await queryRows(kiln.database, sql`SELECT id FROM route_state`)).toEqual([]);
    await expectBooks(kiln, id, ['settle']);
  }
});

test('cold for too long: ops hear of it once, and waking ends', async () => {
  await start();
  await ground.sandbox.sleep(GPU, '503', 3_600_000);
  const { id } = await kiln.post({ ...image(newPrompt()), ...onGpuOnly });
  await until('it is being woken', async () =>
    queryRow(
      kiln.database,
      sql`SELECT 1 AS one FROM endpoint_state WHERE id = ${endpoint()} AND wake_asked_at IS NOT NULL`,
    ),
  );
  const told = async (): Promise<unknown[]> =>
    queryRows(kiln.database, sql`SELECT 1 AS one FROM ops_event WHERE type = 'endpoint.cold'`);
  for (let round = 0; round < 2; round += 1) {
    await execute(
      kiln.database,
      sql`INSERT INTO endpoint_state (id, wake_asked_at) VALUES (${endpoint()}, now() - interval '1 hour')
          ON CONFLICT (id) DO UPDATE SET wake_asked_at = now() - interval '1 hour'`,
    );
    await until('waking was given up', async () => {
      await reconcile(kiln);
      return queryRow(
        kiln.database,
        sql`SELECT 1 AS one FROM endpoint_state WHERE id = ${endpoint()} AND cold_told_at IS NOT NULL
              AND (wake_asked_at IS NULL OR wake_asked_at > now() - interval '1 minute')`,
      );
    });
  }
  expect(await told()).toHaveLength(1);
  expect((await jobRow(kiln.database, id)).status).toBe('running');
  await kiln.call('POST', `/v1/jobs/${id}/cancel`);
});

test('a full lane that may spill sends the next job on, and one that may not keeps it', async () => {
  await start('spill: at_once');
  await execute(kiln.database, sql`INSERT INTO endpoint_state (id, ready_at) VALUES (${endpoint()}, now())`);
  const slow = newPrompt();
  await kiln.sandbox.arm({ provider: 'comfyui', fault: 'never', match: slow });
  const first = await kiln.post({ ...image(slow), ...onGpuOnly });
  await until('the slot is taken', async () => (await jobRow(kiln.database, first.id)).stage === 'generating');
  const stays = await kiln.post({ ...image(newPrompt()), ...onGpuOnly });
  const goes = await kiln.post(image(newPrompt()));
  expect(await settled(kiln, goes.id)).toMatchObject({ status: 'succeeded', route: { bridged: false } });
  expect(await routesOf(goes.id)).toEqual(['spare']);
  expect((await jobRow(kiln.database, stays.id)).stage).toBe('waiting');
  await kiln.call('POST', `/v1/jobs/${first.id}/cancel`);
  expect(await settled(kiln, stays.id)).toMatchObject({ status: 'succeeded' });
  expect(await routesOf(stays.id)).toEqual(['comfyui']);
});

test('no more jobs spill into a lane than it has room for, however much room others have', async () => {
  await start('spill: at_once');
  await execute(kiln.database, sql`INSERT INTO endpoint_state (id, ready_at) VALUES (${endpoint()}, now())`);
  const slow = newPrompt();
  await kiln.sandbox.arm({ provider: 'comfyui', fault: 'never', match: slow, times: 9 });
  const lanes = kiln.app.get(AdmissionRepository);
  const first = await kiln.post({ ...image(slow), ...onGpuOnly });
  await until('the slot is taken', async () => (await jobRow(kiln.database, first.id)).stage === 'generating');
  const others = await Promise.all([0, 1, 2].map(() => kiln.post(image(slow))));
  const waitingIn = async (): Promise<(string | null)[]> => {
    const rows = await Promise.all(others.map(({ id }) => jobRow(kiln.database, id)));
    return rows.filter(({ stage }) => stage === 'waiting').map(({ lane }) => lane);
  };
  await until('one of them spilled', async () => {
    await reconcile(kiln);
    return (await waitingIn()).length === 2;
  });
  expect(await waitingIn()).toEqual(['gpu', 'gpu']);
  expect(await lanes.lanesWithWaiters()).toEqual(['gpu']);
  for (const { id } of [first, ...others]) await kiln.call('POST', `/v1/jobs/${id}/cancel`);
});

test("a route's own capacity holds within a larger lane, and keeps nobody else waiting", async () => {
  await start('capacity: 1');
  await execute(kiln.database, sql`INSERT INTO endpoint_state (id, ready_at) VALUES (${endpoint()}, now())`);
  await execute(kiln.database, sql`UPDATE lane SET capacity = 5 WHERE id = 'spare'`);
  const slow = newPrompt();
  await kiln.sandbox.arm({ provider: 'comfyui', fault: 'never', match: slow });
  const first = await kiln.post({ ...image(slow), ...onGpuOnly });
  await until('it generates', async () => (await jobRow(kiln.database, first.id)).stage === 'generating');
  const second = await kiln.post({ ...image(newPrompt()), ...onGpuOnly });
  await reconcile(kiln);
  expect((await jobRow(kiln.database, second.id)).stage).toBe('waiting');
  await kiln.call('POST', `/v1/jobs/${first.id}/cancel`);
  expect(await settled(kiln, second.id)).toMatchObject({ status: 'succeeded' });
});
