import { CannedWire, reference, type CannedAnswer } from '../../../test/support/provider-wire.js';
import type { JsonObject } from '../../common/json.js';
import type { MediaTask, ResolvedReference, TaskShape } from '../contract.js';
import errors from './fixtures/errors.json' with { type: 'json' };
import requests from './fixtures/request.json' with { type: 'json' };
import tasks from './fixtures/tasks.json' with { type: 'json' };
import { ark } from './index.js';
import { promptFlag } from '../seedance-flags.js';
import { costOf } from './result.js';

const ENDPOINT = 'https://ark.ap-southeast.bytepluses.com/api/v3';
const CREATE = 'POST /contents/generations/tasks';
const AT = `/contents/generations/tasks/${tasks.created.id}`;
const MODEL = 'dreamina-seedance-2-0-260128';
const TASK_ID = { id: tasks.created.id, micro_usd_per_million_tokens: 7_000_000 };
const PRICES = { '720p': { plain: 7_000_000, with_video: 4_300_000 } };
const MIB = 1024 * 1024;

const task = (more: Partial<MediaTask> = {}): MediaTask => ({
  jobId: 'job_1',
  modality: 'video',
  operation: 'text_to_video',
  model: MODEL,
  input: { prompt: 'A kite over dunes' },
  references: [],
  options: {},
  settings: {},
  ...more,
});

const shape = (input: TaskShape['input'], references: TaskShape['references'] = {}, model = MODEL): TaskShape => ({
  modality: 'video',
  operation: 'text_to_video',
  model,
  input,
  references,
  settings: {},
});

async function submit(one: MediaTask, callbackUrl?: string) {
  const wire = new CannedWire().on(CREATE, { json: tasks.created });
  const submitted = await ark.submit(one, wire.context(ENDPOINT, { callbackUrl }));
  return { submitted, body: wire.calls[0]?.body, headers: wire.calls[0]?.headers };
}
const poll = async (answer: CannedAnswer) =>
  ark.poll(TASK_ID, new CannedWire().on(`GET ${AT}`, answer).context(ENDPOINT));

const image = (role: ResolvedReference['role'], text: string, more: Partial<ResolvedReference> = {}) =>
  reference(role, 'image', Buffer.from(text), more);
const clip = (more: Partial<ResolvedReference> = {}) =>
  reference('reference_videos', 'video', Buffer.from('mp4'), { durationSeconds: 5, ...more });
const sound = (more: Partial<ResolvedReference> = {}) =>
  reference('reference_audios', 'audio', Buffer.from('mp3'), { durationSeconds: 5, ...more });

describe('ark submit', () => {
  test('every field as JSON, no flag in the prompt, no watermark', async () => {
    const { submitted, body, headers } = await submit(
      task({
        input: {
          prompt: 'A kite over dunes',
          resolution: '1080p',
          aspect_ratio: '21:9',
          duration_seconds: 7,
          seed: 2_147_483_647,
          generate_audio: false,
          fps: 24,
        },
        options: { safety_identifier: 'u-1' },
        settings: { expires_after_seconds: 7200 },
      }),
      'https://kiln.example.com/callbacks/ark/secret',
    );
    expect(body).toEqual(requests.text);
    expect(headers).toEqual({ 'content-type': 'application/json', authorization: 'Bearer test-key' });
    expect(submitted).toEqual({ taskId: { id: tasks.created.id, micro_usd_per_million_tokens: null } });
  });

  test('frames go inline, and give the clip its shape', async () => {
    const { submitted, body } = await submit(
      task({
        input: { prompt: 'A kite over dunes', aspect_ratio: '16:9', seed: null },
        references: [image('last_image', 'png2'), image('image', 'png')],
      }),
    );
    expect(body).toEqual(requests.frames);
    expect(submitted.warnings).toBeUndefined();
  });

  test('another ratio than that of the first frame is told', async () => {
    const { submitted } = await submit(
      task({
        input: { prompt: 'x', aspect_ratio: '9:16' },
        references: [image('image', 'png', { width: 1000, height: 750 })],
      }),
    );
    expect(submitted.warnings).toEqual(['aspect_ratio 9:16 gave way to the shape of image (1000x750)']);
  });

  test('references: a small picture inline, a large one and everything else by link, in order', async () => {
    const { submitted, body } = await submit(
      task({
        input: { prompt: 'A kite over dunes', aspect_ratio: '9:16', duration_seconds: 5 },
        references: [
          sound(),
          clip(),
          image('reference_images', 'two', { index: 1, bytes: 6 * MIB }),
          image('reference_images', 'one'),
        ],
        settings: { token_prices: PRICES },
      }),
    );
    expect(body).toEqual(requests.references);
    expect(submitted.taskId).toEqual({ id: tasks.created.id, micro_usd_per_million_tokens: 4_300_000 });
  });

  test.each([
    ['image', image('image', 'x', { contentType: 'image/svg+xml' }), /takes image\/jpeg/],
    ['image', image('image', 'x', { bytes: 31 * MIB }), /at most/],
    ['image', image('image', 'x', { width: 299, height: 400 }), /300 to 6000/],
    ['image', image('image', 'x', { width: 1000, height: 399 }), /0.4 to 2.5/],
    ['reference_videos', clip({ contentType: 'video/webm' }), /takes video\/mp4/],
    ['reference_videos', clip({ width: 640, height: 360 }), /407696/],
    ['reference_videos', clip({ durationSeconds: 1 }), /2 to 15 s/],
    ['reference_videos', clip({ durationSeconds: null }), /length/],
    ['reference_audios', sound({ contentType: 'audio/flac' }), /takes audio\/wav/],
    ['reference_audios', sound({ durationSeconds: 16 }), /2 to 15 s/],
  ])('%s that the provider would refuse is refused by name', async (param, given, message) => {
    const references = given.role === 'reference_audios' ? [image('reference_images', 'x'), given] : [given];
    await expect(submit(task({ references }))).rejects.toMatchObject({
      kind: 'invalid_input',
      outcome: 'rejected',
      message: expect.stringMatching(message) as string,
      detail: { param },
    });
  });

  test('three clips of 15 s in all at most; and no more seconds than the price carries', async () => {
    const three = (seconds: number) => [0, 1, 2].map((index) => clip({ index, durationSeconds: seconds }));
    await expect(submit(task({ references: three(5.5) }))).rejects.toThrow(/16.5 s together/);
    const settings = { reference_seconds_per_second: 2 };
    const of = (seconds: number) =>
      task({ input: { prompt: 'x', duration_seconds: seconds }, references: three(5), settings });
    await expect(submit(of(7))).rejects.toMatchObject({
      kind: 'invalid_input',
      message: 'reference_videos are 15 s together; a clip of 7 s takes at most 14 s of them',
    });
    expect((await submit(of(8))).submitted.taskId).toBeDefined();
  });

  test('a prompt that holds a parameter is refused before it is sent, and passes the route over', async () => {
    const prompt = 'a cat --rs 1080p --dur 15';
    await expect(submit(task({ input: { prompt } }))).rejects.toMatchObject({
      kind: 'invalid_input',
      outcome: 'rejected',
      detail: { param: 'prompt' },
    });
    expect(ark.unsupported(shape({ prompt }))).toEqual([
      "prompt holds '--rs', which Seedance reads as a parameter; ask for it by its own field and take it out of the prompt",
    ]);
  });
});

describe('flags in a prompt', () => {
  test.each([
    ['x --rs 1080p', '--rs'],
    ['x --resolution 4k', '--resolution'],
    ['x --DUR 15', '--DUR'],
    ['x--dur=15', '--dur'],
    ['--duration:15 x', '--duration'],
    ['x --rt 21:9', '--rt'],
    ['x\n--ratio adaptive', '--ratio'],
    ['x --frames 289', '--frames'],
    ['x --framespersecond 60', '--framespersecond'],
    ['x --fps 60', '--fps'],
    ['x --seed 1', '--seed'],
    ['x --cf true', '--cf'],
    ['x --camerafixed true', '--camerafixed'],
    ['x --wm true', '--wm'],
    ['x --watermark', '--watermark'],
    ['x --fr 200', '--fr 2'],
    ['x --camera_still true', '--camera_still true'],
  ])('%j', (prompt, flag) => {
    expect(promptFlag(prompt)).toBe(flag);
  });

  test.each([
    'a cat--small and grey--jumps',
    'she waits -- 15 years -- and smiles',
    'the race --rather long-- begins',
    'a sign that reads "-50%"',
    'in the style of the 80s --no text',
    'tempo: 120--ish',
    '',
  ])('prose is none: %j', (prompt) => {
    expect(promptFlag(prompt)).toBeNull();
  });
});

describe('ark poll', () => {
  test('queued, running, and spellings of others', async () => {
    expect(await poll({ json: tasks.queued })).toEqual({ state: 'pending', started: false });
    expect(await poll({ json: tasks.running })).toEqual({ state: 'pending', started: true });
    expect(await poll({ json: { status: 'pending' } })).toEqual({ state: 'pending', started: false });
    expect(await poll({ json: { status: 'processing' } })).toEqual({ state: 'pending', started: true });
    expect(await poll({ json: { status: 'something_new' } })).toEqual({ state: 'pending', started: true });
  });

  test('succeeded: the link, and tokens × price, exactly', async () => {
    expect(await poll({ json: tasks.succeeded })).toEqual({
      state: 'succeeded',
      artifacts: [{ type: 'video', contentType: 'video/mp4', source: { uri: tasks.succeeded.content.video_url } }],
      // 108,900 tokens at 7 USD a million.
      upstreamCostMicroUsd: 762_300,
    });
    expect(costOf(2_969_800, 7_700_000)).toBe(22_867_460);
    expect(costOf(1, 4_300_000)).toBe(5);
    const ctx = new CannedWire().on(`GET ${AT}`, { json: tasks.succeeded }).context(ENDPOINT);
    expect(await ark.poll({ ...TASK_ID, micro_usd_per_million_tokens: null }, ctx)).not.toHaveProperty(
      'upstreamCostMicroUsd',
    );
  });

  test.each([
    ['succeeded without a video', tasks.withoutVideo, 'internal', 'unknown'],
    ['expired', { status: 'expired' }, 'timeout', 'rejected'],
    ['cancelled', { status: 'cancelled' }, 'internal', 'rejected'],
    ['canceled', { status: 'canceled' }, 'internal', 'rejected'],
    ['failed without a reason', { status: 'failed', error: null }, 'internal', 'rejected'],
    ['an output filter', tasks.blocked, 'content_policy', 'rejected'],
    [
      'an input filter',
      { status: 'failed', error: { code: 'InputVideoSensitiveContentDetected' } },
      'content_policy',
      'rejected',
    ],
    [
      'a wrong task type',
      { status: 'failed', error: { code: 'InvalidParameter.TaskTypeConstraint' } },
      'invalid_input',
      'rejected',
    ],
    ['overload', { status: 'failed', error: { code: 'ServerOverloaded' } }, 'unavailable', 'rejected'],
  ])('%s', async (_what, json, kind, outcome) => {
    expect(await poll({ json })).toMatchObject({ state: 'failed', error: { kind, outcome } });
  });
});

describe('ark errors by code', () => {
  test.each([
    [401, 'AuthenticationError', 'auth'],
    [403, 'AccessDenied', 'auth'],
    [404, 'ModelNotOpen', 'not_found'],
    [404, 'InvalidEndpointOrModel.NotFound', 'not_found'],
    [404, 'InvalidEndpoint.NotFound', 'not_found'],
    [403, 'AccountOverdueError', 'quota'],
    [429, 'SetLimitExceeded', 'quota'],
    [429, 'QuotaExceeded', 'quota'],
    [400, 'MissingParameter', 'invalid_input'],
    [400, 'InvalidParameter.UnsupportedParameter', 'invalid_input'],
    [400, 'InvalidImageURL.InvalidFormat', 'invalid_input'],
    [400, 'InputImageSensitiveContentDetected.PolicyViolation', 'content_policy'],
    [400, 'InputAudioSensitiveContentDetected', 'content_policy'],
    [429, 'RateLimitExceeded.EndpointRPMExceeded', 'rate_limited'],
    [429, 'ModelAccountRpmRateLimitExceeded', 'rate_limited'],
    [429, 'RequestBurstTooFast', 'rate_limited'],
    [429, 'InflightBatchsizeExceeded', 'rate_limited'],
    [429, 'ServerOverloaded', 'unavailable'],
    [429, 'ModelLoadingError', 'unavailable'],
    [429, 'SomethingNew', 'rate_limited'],
    [500, 'InternalServiceError', 'internal'],
  ])('%i %s is %s', async (status, code, kind) => {
    const wire = new CannedWire().on(CREATE, { status, json: { error: { code, message: 'm', type: 't' } } });
    await expect(ark.submit(task(), wire.context(ENDPOINT))).rejects.toMatchObject({
      kind,
      outcome: status < 500 ? 'rejected' : 'unknown',
      message: `${code}: m`,
    });
  });

  test('the flat form; a proxy without a code', async () => {
    const submitTo = async (answer: CannedAnswer) =>
      ark.submit(task(), new CannedWire().on(CREATE, answer).context(ENDPOINT));
    await expect(submitTo({ status: 403, json: errors.flat })).rejects.toMatchObject({ kind: 'quota' });
    await expect(submitTo({ status: 502, text: '<html>' })).rejects.toMatchObject({
      kind: 'unavailable',
      outcome: 'unknown',
    });
  });
});

describe('ark cancel', () => {
  const cancel = async (json: JsonObject | null, answer: CannedAnswer = { json: {} }) => {
    const wire = new CannedWire()
      .on(`GET ${AT}`, json === null ? { status: 404, json: errors.notFound } : { json })
      .on(`DELETE ${AT}`, answer);
    const ended = await ark.cancel?.(TASK_ID, wire.context(ENDPOINT));
    return { ended, methods: wire.calls.map(({ method }) => method) };
  };

  test('a queued task is deleted', async () => {
    expect(await cancel(tasks.queued)).toEqual({ ended: 'canceled', methods: ['GET', 'DELETE'] });
  });

  test.each([
    ['running', 'too_late'],
    ['succeeded', 'too_late'],
    ['failed', 'too_late'],
    ['expired', 'too_late'],
    ['cancelled', 'canceled'],
    ['canceled', 'canceled'],
    ['something_new', 'too_late'],
  ])('nothing is deleted that is %s', async (status, ended) => {
    expect(await cancel({ status })).toEqual({ ended, methods: ['GET'] });
  });

  test('nor what the provider does not know; and one that left the queue in between runs on', async () => {
    expect(await cancel(null)).toEqual({ ended: 'too_late', methods: ['GET'] });
    expect((await cancel(tasks.queued, { status: 409, json: errors.runningDeletion })).ended).toBe('too_late');
    await expect(cancel(tasks.queued, { status: 429, json: errors.rateLimited })).rejects.toMatchObject({
      kind: 'rate_limited',
    });
  });
});

describe('ark: what a route can not do', () => {
  test.each([
    [{ prompt: 'p', duration_seconds: 15, resolution: '4k', aspect_ratio: '3:4', seed: 0, fps: 24 }, {}, []],
    [{ prompt: 'p' }, { image: 1, last_image: 1 }, []],
    [{ prompt: 'p' }, { reference_images: 9, reference_videos: 3, reference_audios: 3 }, []],
    [{}, { image: 1 }, []],
    [{}, {}, ['prompt or a reference is needed']],
    [{ prompt: 'p' }, { last_image: 1 }, ['last_image needs image']],
    [{ prompt: 'p' }, { image: 1, reference_images: 1 }, ['image and reference_images exclude each other']],
    [{ prompt: 'p' }, { reference_audios: 1 }, ['reference_audios need reference_images or reference_videos']],
    [{ prompt: 'p' }, { reference_images: 10 }, ['reference_images takes at most 9 files']],
    [{ prompt: 'p' }, { video: 1 }, ['video is not taken by Seedance']],
    [
      { prompt: 'p', negative_prompt: 'n', camera: { move: 'pan', amount: 1 } },
      {},
      ['negative_prompt is not taken by Seedance', 'camera is not taken by Seedance'],
    ],
    [
      { prompt: 'p', duration_seconds: 3, seed: 2 ** 31, aspect_ratio: '2:1', fps: 30 },
      {},
      [
        'duration_seconds must be a whole number from 4 to 15',
        'aspect_ratio "2:1" is not one of 21:9, 16:9, 4:3, 1:1, 3:4, 9:16',
        'fps 30 is not one of 24',
        'seed must be a whole number from 0 to 2147483647',
      ],
    ],
  ] as [JsonObject, TaskShape['references'], string[]][])('%j %j', (input, references, expected) => {
    expect(ark.unsupported(shape(input, references))).toEqual(expected);
  });

  test('fast and mini models stop at 720p', () => {
    for (const model of ['dreamina-seedance-2-0-fast-260128', 'doubao-seedance-2-0-mini-260615'])
      expect(ark.unsupported(shape({ prompt: 'p', resolution: '1080p' }, {}, model))).toEqual([
        'resolution "1080p" is not one of 480p, 720p',
      ]);
  });

  test('options can not change the price or name a destination', () => {
    for (const refused of [{ frames: 289 }, { tools: [] }, { callback_url: 'https://x.example' }, { priority: 9 }])
      expect(ark.options.safeParse(refused).success).toBe(false);
  });

  test('settings are strict', () => {
    expect(ark.settings.safeParse({ token_prices: PRICES, expires_after_seconds: 7200 }).success).toBe(true);
    for (const refused of [{ expires_after_seconds: 60 }, { token_prices: { '2k': PRICES['720p'] } }, { nonsense: 1 }])
      expect(ark.settings.safeParse(refused).success).toBe(false);
  });
});
