import { until } from '../../sandbox/test-client.js';
import { queryRow, sql } from '../../src/database/database.js';
import type { JobView } from '../../src/jobs/view/job-view.js';
import { type Kiln, startKiln } from '../support/kiln.js';
import { type AliasRun, sample, testAliases } from '../support/run-alias.js';

let kiln: Kiln;
beforeAll(async () => {
  kiln = await startKiln();
});
afterAll(async () => kiln.drop());

const WIRES = ['current', 'legacy'] as const;
type Expected = Partial<AliasRun['expect']>;

const row = (
  only: (typeof WIRES)[number],
  operation: string,
  input: Record<string, unknown>,
  expected: Expected,
  more: Partial<AliasRun> = {},
): AliasRun => ({
  model: 'kling-3.0',
  only,
  operation,
  input: { prompt: 'a kite over dunes', duration_seconds: 3, ...input },
  expect: {
    type: 'video',
    width: 1280,
    height: 720,
    seconds: 3,
    sound: true,
    upstreamModel: only === 'current' ? 'kling-3.0' : 'kling-v3',
    ...expected,
  },
  ...more,
});

/** What both generations do. */
const shared = WIRES.flatMap((wire) => [
  row(wire, 'text_to_video', { aspect_ratio: '1:1' }, { width: 720, height: 720 }),
  row(wire, 'image_to_video', {}, {}, { files: { image: 'image' } }),
  row(wire, 'first_last_frame', {}, {}, { files: { image: 'image', last_image: 'square' } }),
]);

const currentOnly = [
  row('current', 'text_to_video', { duration_seconds: 10, generate_audio: false }, { seconds: 10, sound: false }),
  row('current', 'text_to_video', { resolution: '1080p', aspect_ratio: '9:16' }, { width: 1080, height: 1920 }),
  row('current', 'text_to_video', {}, {}, { providerOptions: { kling: { multi_shot: true } } }),
  row(
    'current',
    'text_to_video',
    { resolution: '4k', generate_audio: false },
    { width: 3840, height: 2160, sound: false },
  ),
];

const legacyOnly = [
  row('legacy', 'text_to_video', { negative_prompt: 'blur', guidance: 0.7 }, {}),
  row('legacy', 'text_to_video', { camera: { move: 'zoom', amount: -4 } }, {}),
  row('legacy', 'image_to_video', { camera: { move: 'forward_up' } }, {}, { files: { image: 'image' } }),
];

const rows = [...shared, ...currentOnly, ...legacyOnly];

describe('every wire makes what was asked for', () => {
  testAliases(rows, () => kiln);
});

const job = (prompt: string, more: Record<string, unknown> = {}, only?: string): Record<string, unknown> => ({
  model: 'kling-3.0',
  input: { prompt, duration_seconds: 3, ...more },
  ...(only ? { routing: { only: [only], allow_fallback: false } } : {}),
});
const run = async (body: Record<string, unknown>): Promise<JobView> => kiln.finished((await kiln.post(body)).id);
const accepted = async (): Promise<number> => (await kiln.sandbox.counts('kling'))['submits_accepted'] ?? 0;

describe('what it costs', () => {
  const costOf = async ({ id }: JobView) =>
    queryRow<{ cost: bigint | null }>(
      kiln.database,
      sql`SELECT upstream_cost_micro_usd AS cost FROM attempt WHERE job_id = ${id}`,
    );

  test.each([
    [{}, 126_000],
    [{ generate_audio: false }, 84_000],
    [{ resolution: '1080p' }, 168_000],
    [{ resolution: '1080p', generate_audio: false }, 112_000],
    [{ resolution: '4k' }, 420_000],
    [{ resolution: '4k', generate_audio: false }, 420_000],
  ])('%j: the client pays twice the list price', async (input, microUsdPerSecond) => {
    const { body } = await kiln.call('POST', '/v1/jobs/quote', job('a kite', input));
    expect(body).toMatchObject({ price_micro_usd: 2 * 3 * microUsdPerSecond, route: { provider: 'kling' } });
  });

  test('the dollars that the current API names are kept as our cost', async () => {
    const done = await run(job('a kite', { generate_audio: false }, 'current'));
    expect(done).toMatchObject({ status: 'succeeded', cost: { charged_micro_usd: 504_000 } });
    expect(Number((await costOf(done))?.cost)).toBe(252_000);
  });

  test('units of a package, as the legacy API counts, are no dollars', async () => {
    const done = await run(job('a kite', {}, 'legacy'));
    expect(done).toMatchObject({ status: 'succeeded', cost: { charged_micro_usd: 756_000 } });
    expect((await costOf(done))?.cost).toBeNull();
  });
});

describe('routes', () => {
  test('what only the legacy API has goes there', async () => {
    expect((await run(job('a kite', { negative_prompt: 'rain' }))).route?.model).toBe('kling-v3');
    expect((await run(job('a kite'))).route?.model).toBe('kling-3.0');
  });

  test('the current API alone refuses it, and says which', async () => {
    const answer = await kiln.call('POST', '/v1/jobs', job('x', { camera: { move: 'pan', amount: 2 } }, 'current'));
    expect(answer.status).toBe(400);
    expect(JSON.stringify(answer.body)).toContain('camera');
  });

  test('too many parallel tasks on one lead to the other', async () => {
    const done = await run(job('x [[sandbox:429=1]]'));
    expect(done).toMatchObject({ status: 'succeeded', route: { model: 'kling-v3' } });
  });

  test.each([
    [{ camera: { move: 'pan', amount: 0 } }, 'camera'],
    [{ guidance: 1.5 }, 'guidance'],
    [{ duration_seconds: 11 }, 'duration_seconds'],
    [{ seed: 1 }, 'seed'],
  ])('%j is refused', async (input, says) => {
    const answer = await kiln.call('POST', '/v1/jobs', job('x', input));
    expect(answer.status).toBe(400);
    expect(JSON.stringify(answer.body)).toContain(says);
  });

  test.each([
    [{ aspect_ratio: '1:1' }, ['image'], /first frame/],
    [{}, ['last_image'], /first frame to a last/],
    [{ camera: { move: 'zoom', amount: 1 } }, ['image', 'last_image'], /camera movement/],
  ])('%j with %j is refused', async (input, fields, because) => {
    const picture = await sample('image');
    const files = Object.fromEntries(fields.map((field) => [field, picture]));
    const answer = await kiln.call('POST', '/v1/jobs', job('x', { ...input, ...files }));
    expect(answer.status).toBe(400);
    expect(JSON.stringify(answer.body)).toMatch(because);
  });
});

describe.each(WIRES)('what goes wrong on the %s wire', (wire) => {
  test.each(['policy-submit', 'policy'])('%s: the content policy ends the job, unpaid', async (fault) => {
    const done = await run(job(`x [[sandbox:${fault}]]`, {}, wire));
    expect(done).toMatchObject({
      status: 'failed',
      error: { code: 'content_policy', retryable: false },
      cost: { charged_micro_usd: 0 },
    });
  });

  test.each(['drop-after', 'malformed-submit'])('%s: the task is found by its token and bought once', async (fault) => {
    const before = await accepted();
    const done = await run(job(`x [[sandbox:${fault}]]`, {}, wire));
    expect(done).toMatchObject({ status: 'succeeded', error: null });
    expect(await accepted()).toBe(before + 1);
  });

  test.each([
    ['off-origin', 'invalid_result'],
    ['expired', 'result_expired'],
    ['zero-bytes', 'invalid_result'],
    ['not-media', 'invalid_result'],
  ])('%s: the job ends as %s, unpaid', async (fault, code) => {
    const done = await run(job(`x [[sandbox:${fault}]]`, {}, wire));
    expect(done).toMatchObject({ status: 'failed', outputs: [], error: { code }, cost: { charged_micro_usd: 0 } });
  });

  test.each(['truncate', '503-poll=2', 'malformed'])('%s: the job goes on', async (fault) => {
    expect(await run(job(`x [[sandbox:${fault}]]`, {}, wire))).toMatchObject({ status: 'succeeded', error: null });
  });

  test('a job that is canceled is canceled, whatever Kling still makes', async () => {
    const { id } = await kiln.post(job('x [[sandbox:latency=1500]]', {}, wire));
    expect((await kiln.call('POST', `/v1/jobs/${id}/cancel`)).status).toBeLessThan(300);
    // Kling takes nothing back: what it was asked for before the cancel is paid once it is made, and else nothing is.
    const paid = async (): Promise<number | null> => (await kiln.get(id)).cost.charged_micro_usd;
    await until(async () => (await paid()) !== null);
    const { status, cost, attempts } = await kiln.get(id);
    const isMade = attempts.some(({ state }) => state === 'succeeded');
    expect({ status, charged: cost.charged_micro_usd }).toEqual({
      status: 'canceled',
      charged: isMade ? cost.held_micro_usd : 0,
    });
  });
});
