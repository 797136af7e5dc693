import { CannedWire, reference, type CannedAnswer } from '../../../test/support/provider-wire.js';
import type { MediaTask, ProviderContext, ReferenceRole } from '../contract.js';
import queue from './fixtures/queue.json' with { type: 'json' };
import { appOf, taskOf } from './address.js';
import { fal } from './index.js';
import { SPELLINGS, type ExpectedRequest } from './test-request-rows.js';
import { IMAGE_AND_MUSIC_REQUESTS } from './test-requests-image.js';
import { VIDEO_REQUESTS } from './test-requests-video.js';
import { REQUEST, TASK } from './test-subjects.js';

const ENDPOINT = 'https://queue.fal.run';
const EXPECTED_REQUESTS = [...VIDEO_REQUESTS, ...IMAGE_AND_MUSIC_REQUESTS];
const SUBMITTED = { json: queue.submitted };

const kindOf = (role: ReferenceRole) =>
  role.includes('audio') ? ('audio' as const) : role.includes('video') ? ('video' as const) : ('image' as const);
const modalityOf = (operation: string): MediaTask['modality'] =>
  operation.includes('video') || operation === 'first_last_frame'
    ? 'video'
    : operation.includes('image') || operation === 'inpaint'
      ? 'image'
      : 'music';
const referencesOf = (counts: ExpectedRequest['references']) =>
  Object.entries(counts).flatMap(([role, count]) =>
    Array.from({ length: count }, (_, index) =>
      reference(role as ReferenceRole, kindOf(role as ReferenceRole), Buffer.from('png'), { index }),
    ),
  );

function taskOfRow(row: ExpectedRequest): MediaTask {
  return {
    jobId: 'job_1',
    modality: modalityOf(row.operation),
    operation: row.operation,
    model: row.model,
    input: row.input,
    references: referencesOf(row.references),
    options: row.options ?? {},
    settings: { family: row.family, ...row.settings },
  };
}

async function submit(task: MediaTask, answer: CannedAnswer = SUBMITTED, more: Partial<ProviderContext> = {}) {
  const wire = new CannedWire();
  for (const { id } of EXPECTED_REQUESTS) wire.on(`POST /${id}`, answer);
  return { submitted: await fal.submit(task, wire.context(ENDPOINT, more)), call: wire.calls[0], wire };
}

const veoTask = (more: Partial<MediaTask> = {}): MediaTask => ({
  jobId: 'job_1',
  modality: 'video',
  operation: 'text_to_video',
  model: 'fal-ai/veo3.1',
  input: { prompt: 'A kite' },
  references: [],
  options: {},
  settings: { family: 'veo-3.1' },
  ...more,
});

describe('fal submit', () => {
  test.each(EXPECTED_REQUESTS.map((row) => [row.id, row.operation, row] as const))(
    '%s (%s): the body is what the client types, and the route takes it',
    async (id, _operation, row) => {
      const task = taskOfRow(row);
      expect(fal.settings.parse(task.settings)).toEqual(task.settings);
      expect(fal.options.parse(task.options)).toEqual(task.options);
      expect(fal.unsupported({ ...task, references: row.references })).toEqual([]);
      const { call, submitted } = await submit(task);
      expect(call?.url).toBe(`${ENDPOINT}/${id}`);
      expect(call?.body).toEqual(row.body);
      expect(submitted.warnings).toEqual(row.warnings);
    },
  );

  test('every table has a request here', () => {
    expect(Object.keys(SPELLINGS)).toHaveLength(8);
    expect(new Set(EXPECTED_REQUESTS.map(({ family }) => family)).size).toBe(14);
  });

  test('the key, how long results are kept, and no logs', async () => {
    const { call, submitted } = await submit(veoTask());
    expect(call?.headers).toEqual({
      accept: 'application/json',
      'content-type': 'application/json',
      authorization: 'Key test-key',
      'x-fal-object-lifecycle-preference': '{"expiration_duration_seconds":86400}',
    });
    expect(submitted).toEqual({ taskId: TASK });
  });

  test('addresses that lead elsewhere are not followed', () => {
    const built = `${ENDPOINT}/fal-ai/veo3.1/requests/r1`;
    const answer = {
      request_id: 'r1',
      status_url: 'https://queue.fal.run.evil.example/status',
      response_url: 'http://queue.fal.run/fal-ai/veo3.1/requests/r1',
      cancel_url: 'not a url',
    };
    expect(taskOf(answer, 'fal-ai/veo3.1/fast/image-to-video', ENDPOINT)).toEqual({
      model: 'fal-ai/veo3.1/fast/image-to-video',
      request_id: 'r1',
      status_url: `${built}/status`,
      response_url: built,
      cancel_url: `${built}/cancel`,
    });
    // An endpoint with a path of its own: what lies beside it is elsewhere too.
    const beside = { request_id: 'r1', status_url: 'http://gw:1/other/status' };
    expect(taskOf(beside, 'a/b', 'http://gw:1/fal').status_url).toBe('http://gw:1/fal/a/b/requests/r1/status');
  });

  test.each([
    ['fal-ai/kling-video/v3/pro/text-to-video', 'fal-ai/kling-video'],
    ['bytedance/seedance-2.0/fast/text-to-video', 'bytedance/seedance-2.0'],
    ['workflows/me/flow', 'workflows/me/flow'],
    ['comfy/me/flow/run', 'comfy/me/flow'],
  ])('status and result of %s are at %s', (model, app) => expect(appOf(model)).toBe(app));

  test('large pictures go by their link', async () => {
    const image = reference('image', 'image', Buffer.from('png'), { bytes: 5 * 1024 * 1024 });
    const { call } = await submit(
      veoTask({ model: 'fal-ai/veo3.1/fast', operation: 'image_to_video', references: [image] }),
    );
    expect(call?.body).toMatchObject({ image_url: 'https://files.example.com/reference' });
  });

  test('an option of another endpoint is refused, not dropped', async () => {
    await expect(submit(veoTask({ options: { shift: 2 } }))).rejects.toMatchObject({
      kind: 'invalid_input',
      outcome: 'rejected',
      detail: { param: 'provider_options.fal.shift' },
    });
  });

  test.each<[string, CannedAnswer, object]>([
    ['no money', { status: 403, json: queue.exhausted }, { kind: 'quota', outcome: 'rejected' }],
    ['no key', { status: 401, json: queue.unauthorized }, { kind: 'auth', outcome: 'rejected' }],
    ['no such model', { status: 404, json: { detail: 'Application not found' } }, { kind: 'not_found' }],
    ['a bad picture', { status: 422, json: queue.modelInvalid }, { kind: 'invalid_input', detail: { param: 'image' } }],
    ['a broken gateway', { status: 503, text: 'no' }, { kind: 'unavailable', outcome: 'unknown' }],
    ['a crash', { status: 500, json: queue.modelInternal }, { kind: 'internal', outcome: 'unknown' }],
  ])('%s', async (_what, answer, error) => {
    await expect(submit(veoTask(), answer)).rejects.toMatchObject(error);
  });
});

async function poll(status: CannedAnswer, result: CannedAnswer = { json: queue.video }) {
  const wire = new CannedWire().on(`GET ${REQUEST}/status`, status).on(`GET ${REQUEST}`, result);
  return fal.poll(TASK, wire.context(ENDPOINT));
}
const COMPLETED = { json: queue.completed };

describe('fal poll', () => {
  test('the place in the queue', async () => {
    expect(await poll({ status: 202, json: queue.queued })).toEqual({ state: 'pending', started: false, position: 2 });
  });

  test('the file, by a public link', async () => {
    expect(await poll(COMPLETED)).toEqual({
      state: 'succeeded',
      artifacts: [{ type: 'video', contentType: 'video/mp4', source: { url: queue.video.video.url } }],
    });
    expect(await poll(COMPLETED, { json: queue.audio })).toMatchObject({ artifacts: [{ type: 'audio' }] });
  });

  test('a picture that the safety checker blackened is no result', async () => {
    expect(await poll(COMPLETED, { json: queue.images })).toEqual({
      state: 'succeeded',
      artifacts: [{ type: 'image', contentType: 'image/png', source: { url: 'https://v3.fal.media/files/a/1.png' } }],
      warnings: ['1 of 2 pictures were withheld by the safety checker'],
    });
    expect(await poll(COMPLETED, { json: { ...queue.images, has_nsfw_concepts: [true, true] } })).toMatchObject({
      state: 'failed',
      error: { kind: 'content_policy' },
    });
  });

  test.each<[string, CannedAnswer, CannedAnswer, object]>([
    [
      'a refusal in place of the result',
      COMPLETED,
      { status: 422, headers: { 'x-fal-retryable': 'false' }, json: queue.modelPolicy },
      { kind: 'content_policy', outcome: 'rejected' },
    ],
    [
      'a picture that does not do',
      COMPLETED,
      { status: 422, json: queue.modelInvalid },
      {
        kind: 'invalid_input',
        message: expect.stringMatching(/^image_url: The image is too small/),
        detail: { param: 'image' },
      },
    ],
    [
      'a model that broke',
      COMPLETED,
      { status: 500, headers: { 'x-fal-retryable': 'true' }, json: queue.modelInternal },
      { kind: 'internal', outcome: 'rejected' },
    ],
    [
      'a 422 that may be tried again',
      COMPLETED,
      { status: 422, headers: { 'x-fal-retryable': 'true' }, json: { detail: 'busy' } },
      { kind: 'unavailable' },
    ],
    [
      'a 422 with text only',
      COMPLETED,
      { status: 422, json: { detail: 'bad prompt' } },
      { kind: 'invalid_input', message: 'bad prompt' },
    ],
    [
      'no runner in time',
      { json: { ...queue.completed, error: 'timeout', error_type: 'startup_timeout' } },
      { status: 504, headers: { 'x-fal-error-type': 'startup_timeout' }, json: queue.platformTimeout },
      { kind: 'timeout', outcome: 'rejected' },
    ],
    [
      'a status with an error',
      { json: queue.completedWithError },
      { text: '<html>', status: 502 },
      { kind: 'unavailable' },
    ],
    [
      'a cancelled request',
      { json: queue.cancelled },
      { status: 499, json: { detail: 'cancelled' } },
      { kind: 'internal' },
    ],
    ['a word fal does not say', { json: { status: 'CANCELED' } }, { json: {} }, { kind: 'internal' }],
    ['no file', COMPLETED, { json: { video: null, seed: 1 } }, { kind: 'internal', outcome: 'unknown' }],
    ['a result that is gone', COMPLETED, { status: 404, json: queue.notFound }, { kind: 'not_found' }],
  ])('%s', async (_what, status, result, error) => {
    expect(await poll(status, result)).toMatchObject({ state: 'failed', error });
  });

  test('a result that is not there yet, and trouble on the way to it, leave the run alone', async () => {
    expect(await poll(COMPLETED, { status: 400, json: queue.stillRunning })).toMatchObject({ state: 'pending' });
    await expect(poll(COMPLETED, { status: 502, text: '<html>' })).rejects.toMatchObject({ kind: 'unavailable' });
    await expect(poll(COMPLETED, { status: 429, json: queue.rateLimited })).rejects.toMatchObject({
      kind: 'rate_limited',
    });
    await expect(poll(COMPLETED, { text: '<html>' })).rejects.toMatchObject({ kind: 'internal' });
  });
});

describe('fal cancel', () => {
  const cancel = async (answer: CannedAnswer, status: CannedAnswer) =>
    fal.cancel?.(
      TASK,
      new CannedWire().on(`PUT ${REQUEST}/cancel`, answer).on(`GET ${REQUEST}/status`, status).context(ENDPOINT),
    );
  const REQUESTED = { status: 202, json: queue.cancellationRequested };

  test.each<[string, CannedAnswer, CannedAnswer, string]>([
    ['taken out of the queue', { json: { status: 'OK' } }, new Error('not asked'), 'canceled'],
    ['still waiting: it is removed', REQUESTED, { status: 202, json: queue.queued }, 'canceled'],
    ['ended as cancelled', REQUESTED, { json: queue.cancelled }, 'canceled'],
    ['gone', REQUESTED, { status: 404, json: queue.notFound }, 'canceled'],
    ['only signalled: it runs on and may be billed', REQUESTED, { status: 202, json: queue.running }, 'too_late'],
    ['ended well meanwhile', REQUESTED, { json: queue.completed }, 'too_late'],
    ['had ended', { status: 409, json: queue.alreadyCompleted }, new Error('not asked'), 'too_late'],
    ['unknown', { status: 404, json: { status: 'NOT_FOUND' } }, new Error('not asked'), 'too_late'],
  ])('%s', async (_what, answer, status, outcome) => expect(await cancel(answer, status)).toBe(outcome));

  test('a cancel that was not taken is an error', async () => {
    await expect(cancel({ status: 500, text: 'no' }, COMPLETED)).rejects.toMatchObject({ kind: 'internal' });
  });
});
