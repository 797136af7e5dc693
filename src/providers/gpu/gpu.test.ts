import { CannedWire, reference, TOKEN, type CannedAnswer } from '../../../test/support/provider-wire.js';
import type { MediaTask, TaskShape } from '../contract.js';
import kiln from './fixtures/kiln.json' with { type: 'json' };
import runpod from './fixtures/runpod.json' with { type: 'json' };
import { gpu } from './index.js';

const KILN = 'http://skyreels.internal:8000/base';
const RUNPOD = 'https://api.runpod.ai/v2/skyreels';
const TASK_ID = { dialect: 'kiln', id: TOKEN, kind: 'video', boot_id: 'b-1' };
const RUNPOD_ID = { dialect: 'runpod', id: runpod.started.id, kind: 'video' };
const CALLBACK = 'https://kiln.example.com/callbacks/gpu/secret-token';

const settings = (dialect: string) => ({
  dialect,
  fields: ['prompt', 'duration_seconds', 'resolution', 'seed'],
  roles: ['image'],
});

const task = (dialect: string, more: Partial<MediaTask> = {}): MediaTask => ({
  jobId: 'job_1',
  modality: 'video',
  operation: 'image_to_video',
  model: 'Skywork/SkyReels-V2-DF-14B-720P',
  input: { prompt: 'a kite', duration_seconds: 20, resolution: '720p', seed: 7, fps: null },
  references: [reference('image', 'image', Buffer.from('png'))],
  options: {},
  settings: settings(dialect),
  ...more,
});

const poll = async (answer: CannedAnswer, id: object = TASK_ID) =>
  gpu.poll({ ...id }, new CannedWire().on(`GET /v1/jobs/${TOKEN}`, answer).context(KILN));
const status = async (json: object) =>
  gpu.poll(RUNPOD_ID, new CannedWire().on(`GET /status/${runpod.started.id}`, { json }).context(RUNPOD));

describe('gpu (kiln) submit', () => {
  test('the request in its own words, links for media, the token as id and key', async () => {
    const wire = new CannedWire().on('POST /v1/jobs', { status: 202, json: kiln.queued });
    expect(await gpu.submit(task('kiln'), wire.context(KILN, { callbackUrl: CALLBACK }))).toEqual({ taskId: TASK_ID });
    expect(wire.calls[0]?.body).toEqual(kiln.submitted);
    expect(wire.calls[0]?.headers).toEqual({
      'content-type': 'application/json',
      'idempotency-key': TOKEN,
      authorization: 'Bearer test-key',
    });
  });

  test('without a key no header is sent, without a callback no webhook', async () => {
    const wire = new CannedWire().on('POST /v1/jobs', { json: kiln.running });
    await gpu.submit(task('kiln', { references: [] }), wire.context(KILN, { credential: null }));
    expect(wire.calls[0]?.headers).toEqual({ 'content-type': 'application/json', 'idempotency-key': TOKEN });
    expect(wire.calls[0]?.body).toMatchObject({ input: { references: [] } });
    expect(wire.calls[0]?.body).not.toHaveProperty('webhook');
  });

  test.each([
    ['loading', { status: 503, json: kiln.loading }, 'unavailable', 'rejected', 90_000],
    [
      'loading, with a header',
      { status: 503, headers: { 'retry-after': '20' }, json: kiln.loading },
      'unavailable',
      'rejected',
      20_000,
    ],
    ['a 503 of some proxy', { status: 503, text: 'no healthy upstream' }, 'unavailable', 'rejected', undefined],
    ['a gateway that lost its server', { status: 502, text: '' }, 'unavailable', 'unknown', undefined],
    ['a gateway that waited too long', { status: 504, text: '' }, 'timeout', 'unknown', undefined],
    ['the key with another body', { status: 409, json: kiln.conflict }, 'internal', 'rejected', undefined],
    ['no such path', { status: 404, text: 'not found' }, 'not_found', 'rejected', undefined],
  ])('%s', async (_what, answer, kind, outcome, retryAfterMs) => {
    const wire = new CannedWire().on('POST /v1/jobs', answer);
    const error = await gpu.submit(task('kiln'), wire.context(KILN)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ kind, outcome });
    expect((error as { detail: { retryAfterMs?: number } }).detail.retryAfterMs).toBe(retryAfterMs);
  });

  test('a refused field is named', async () => {
    const wire = new CannedWire().on('POST /v1/jobs', { status: 400, json: kiln.invalid });
    await expect(gpu.submit(task('kiln'), wire.context(KILN))).rejects.toMatchObject({
      message: kiln.invalid.error.message,
      detail: { param: 'duration_seconds' },
    });
  });

  test('a field that the settings do not list is not sent', async () => {
    for (const stray of [
      { input: { prompt: 'x', camera: 'pan' } },
      { references: [reference('video', 'video', Buffer.alloc(1))] },
    ])
      await expect(gpu.submit(task('kiln', stray), new CannedWire().context(KILN))).rejects.toMatchObject({
        kind: 'invalid_input',
      });
  });
});

describe('gpu (kiln) poll', () => {
  test('queued and running', async () => {
    expect(await poll({ json: kiln.queued })).toEqual({ state: 'pending', started: false, progress: 0, position: 2 });
    expect(await poll({ json: kiln.running })).toEqual({ state: 'pending', started: true, progress: 0.4 });
  });

  test('what another process answers for is lost, but not what it finished', async () => {
    const other = { boot_id: 'b-2' };
    expect(await poll({ json: { ...kiln.running, ...other } })).toEqual({ state: 'missing' });
    expect(await poll({ json: { ...kiln.succeeded, ...other } })).toMatchObject({ state: 'succeeded' });
    expect(await poll({ json: { ...kiln.running, boot_id: null } })).toMatchObject({ state: 'pending' });
    expect(await poll({ json: kiln.running }, { ...TASK_ID, boot_id: null })).toMatchObject({ state: 'pending' });
  });

  test('results with their warnings; several are told apart by name, and a log is none', async () => {
    expect(await poll({ json: kiln.succeeded })).toEqual({
      state: 'succeeded',
      artifacts: [{ type: 'video', contentType: 'video/mp4', source: { url: kiln.succeeded.artifacts[0]?.url } }],
      warnings: kiln.succeeded.warnings,
    });
    const artifacts = [{ name: 'vocals.wav' }, { name: 'drums.wav', url: 'files/drums' }, { name: 'run.log' }];
    expect(await poll({ json: { ...kiln.succeeded, artifacts, warnings: [] } })).toEqual({
      state: 'succeeded',
      artifacts: [
        {
          type: 'audio',
          name: 'vocals',
          contentType: 'audio/wav',
          source: { url: `/v1/jobs/${TOKEN}/artifacts/vocals.wav` },
        },
        { type: 'audio', name: 'drums', contentType: 'audio/wav', source: { url: 'files/drums' } },
      ],
    });
    expect(await poll({ json: { ...kiln.succeeded, artifacts: [] } })).toMatchObject({
      state: 'failed',
      error: { kind: 'internal' },
    });
  });

  test.each([
    [kiln.failed, 'internal'],
    [kiln.oom, 'unavailable'],
    [{ ...kiln.failed, error: { code: 'TIMEOUT' } }, 'timeout'],
    [{ ...kiln.failed, error: { code: 'INVALID_INPUT', message: 'too small', param: 'image' } }, 'invalid_input'],
    [{ ...kiln.failed, error: { code: 'SOMETHING', retryable: true } }, 'unavailable'],
    [{ ...kiln.failed, error: null }, 'internal'],
    [kiln.cancelled, 'unavailable'],
    [{ ...kiln.cancelled, status: 'canceled' }, 'unavailable'],
  ])('%j failed as %s', async (json, kind) => {
    expect(await poll({ json })).toMatchObject({ state: 'failed', error: { kind } });
  });

  test('an unknown status says nothing of the run', async () => {
    await expect(poll({ json: { ...kiln.running, status: 'pondering' } })).rejects.toMatchObject({ kind: 'internal' });
  });

  test('while it loads again, the poll comes round later', async () => {
    await expect(poll({ status: 503, json: kiln.loading })).rejects.toMatchObject({
      kind: 'unavailable',
      detail: { retryAfterMs: 90_000 },
    });
  });

  test.each([
    ['/v1/jobs/1/artifacts/a.mp4', `${KILN}/v1/jobs/1/artifacts/a.mp4`, 'endpoint'],
    ['files/a.mp4', `${KILN}/files/a.mp4`, 'endpoint'],
    ['http://skyreels.internal:8000/out/a.mp4', 'http://skyreels.internal:8000/out/a.mp4', 'endpoint'],
    ['//evil.example.com/a.mp4', `${KILN}//evil.example.com/a.mp4`, 'endpoint'],
    ['https://bucket.example.com/a.mp4?sig=1', 'https://bucket.example.com/a.mp4?sig=1', 'foreign'],
  ])('a result at %s is read from %s', async (url, address, trust) => {
    const wire = new CannedWire();
    wire.on(`GET ${address.startsWith(KILN) ? address.slice(KILN.length) : address}`, { bytes: Buffer.from('mp4') });
    await gpu.openArtifact({ type: 'video', source: { url } }, TASK_ID, wire.context(KILN), 0);
    expect(wire.calls[0]).toMatchObject({ url: address, trust });
    expect(wire.calls[0]?.headers['authorization']).toBe(trust === 'endpoint' ? 'Bearer test-key' : undefined);
  });

  test('cancel of a job that is gone comes too late', async () => {
    const wire = new CannedWire().on(`POST /v1/jobs/${TOKEN}/cancel`, { status: 404, json: kiln.notFound });
    expect(await gpu.cancel?.(TASK_ID, wire.context(KILN))).toBe('too_late');
  });
});

describe('gpu (runpod)', () => {
  test('submit: times in milliseconds, and no key that it would not honour', async () => {
    const wire = new CannedWire().on('POST /run', { json: runpod.started });
    expect(await gpu.submit(task('runpod'), wire.context(RUNPOD, { callbackUrl: CALLBACK }))).toEqual({
      taskId: RUNPOD_ID,
    });
    expect(wire.calls[0]?.body).toEqual(runpod.submitted);
    expect(wire.calls[0]?.headers).toEqual({
      'content-type': 'application/json',
      authorization: 'Bearer test-key',
    });
  });

  test('money: nothing proves that a 5xx bought nothing', async () => {
    expect(gpu.can(settings('runpod'))).toMatchObject({ idempotencyKey: false, resubmitSafe: false });
    expect(gpu.can(settings('kiln'))).toMatchObject({ idempotencyKey: true, resubmitSafe: true });
    for (const code of [500, 502, 503])
      await expect(
        gpu.submit(task('runpod'), new CannedWire().on('POST /run', { status: code, json: {} }).context(RUNPOD)),
      ).rejects.toMatchObject({ outcome: 'unknown' });
  });

  test('in the queue, running with progress, running with words', async () => {
    expect(await status(runpod.inQueue)).toEqual({ state: 'pending', started: false });
    expect(await status(runpod.inProgress)).toEqual({ state: 'pending', started: true, progress: 0.4 });
    expect(await status(runpod.saysInWords)).toEqual({ state: 'pending', started: true });
  });

  const link = 'https://bucket.example.com/a.mp4';
  test.each([
    [runpod.completed.output, 'video', 'https://bucket.example.com/out.mp4?sig=1'],
    [{ video_url: link, image_url: 'https://bucket.example.com/poster.png' }, 'video', link],
    [{ url: link }, 'video', link],
    [{ videos: [{ url: link }] }, 'video', link],
    [link, 'video', link],
    [[{ image: 'https://image.url/1', seed: 46578 }], 'image', 'https://image.url/1'],
    [{ images: ['https://bucket.example.com/1.png'] }, 'image', 'https://bucket.example.com/1.png'],
  ])('output %j', async (output, type, url) => {
    expect(await status({ ...runpod.completed, output })).toMatchObject({
      state: 'succeeded',
      artifacts: [{ type, source: { url } }],
    });
  });

  test.each([[null], ['done'], [{ images: ['iVBORw0KGgo='] }], [{ artifacts: [{ name: 'out.mp4' }] }]])(
    'output %j holds no result',
    async (output) => {
      expect(await status({ ...runpod.completed, output })).toMatchObject({ state: 'failed' });
    },
  );

  test.each([
    [runpod.failed, 'internal', 'unknown', 'NaN in the latents'],
    [runpod.blocked, 'content_policy', 'rejected', 'the result was withheld'],
    [{ ...runpod.failed, error: { code: 'INVALID_INPUT', message: 'no' } }, 'invalid_input', 'rejected', 'no'],
    [{ ...runpod.failed, error: 'CUDA out of memory' }, 'unavailable', 'unknown', 'CUDA out of memory'],
    [{ ...runpod.failed, error: undefined }, 'internal', 'unknown', 'the worker failed'],
    [runpod.cancelled, 'unavailable', 'unknown', 'the run was canceled at the endpoint'],
    [runpod.timedOut, 'timeout', 'unknown', 'RunPod gave the run up: it waited or ran too long'],
  ])('%j', async (json, kind, outcome, message) => {
    expect(await status(json)).toMatchObject({ state: 'failed', error: { kind, outcome, message } });
  });
});

test('load is what waits and what runs, in either dialect', async () => {
  const ready = new CannedWire().on('GET /readyz', { json: kiln.ready });
  expect(await gpu.load?.(ready.context(KILN))).toBe(3);
  const cold = new CannedWire().on('GET /readyz', { status: 503, json: kiln.loading });
  await expect(gpu.load?.(cold.context(KILN))).rejects.toMatchObject({ kind: 'unavailable' });
  const other = new CannedWire().on('GET /readyz', { status: 404 }).on('GET /health', { json: runpod.health });
  expect(await gpu.load?.(other.context(RUNPOD))).toBe(3);
});

test('a callback is believed unsigned where no secret is set', async () => {
  const ring = { headers: {}, body: Buffer.from('{}') };
  expect(await gpu.verifyCallback?.(ring, new CannedWire().context(KILN))).toBeNull();
});

test('what a route can not do', () => {
  const shape = (input: TaskShape['input'], references: TaskShape['references']): TaskShape => ({
    ...task('kiln'),
    input,
    references,
  });
  expect(gpu.unsupported(shape({ prompt: 'p', seed: 1, fps: null }, { image: 1 }))).toEqual([]);
  expect(gpu.unsupported(shape({ prompt: 'p', camera: 'pan' }, { image: 1, video: 1 }))).toEqual([
    'camera is not taken by this endpoint',
    'video is not taken by this endpoint',
  ]);
});

test.each([
  [{ dialect: 'kiln', fields: [] }],
  [{ dialect: 'modal', fields: ['prompt'] }],
  [{ dialect: 'kiln', fields: ['prompt'], roles: ['poster'] }],
  [{ dialect: 'kiln', fields: ['prompt'], url: 'http://x' }],
  [{ dialect: 'runpod', fields: ['prompt'], timeout_seconds: 3600, ttl_seconds: 600 }],
])('settings %j stop the start', (raw) => {
  expect(gpu.settings.safeParse(raw).success).toBe(false);
});
