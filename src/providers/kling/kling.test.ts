import { CannedWire, reference, TOKEN, type CannedAnswer } from '../../../test/support/provider-wire.js';
import type { MediaTask, ProviderContext } from '../contract.js';
import callbackVector from './fixtures/callback.json' with { type: 'json' };
import current from './fixtures/current.json' with { type: 'json' };
import errors from './fixtures/errors.json' with { type: 'json' };
import legacy from './fixtures/legacy.json' with { type: 'json' };
import { kling } from './index.js';
import type { Wire } from './options.js';
import { costOf } from './result.js';

const ENDPOINT = 'https://api-singapore.klingai.com';
const CALLBACK = 'https://kiln.example.com/callbacks/x';
const BY_EXTERNAL = `GET /tasks?external_task_ids=${TOKEN}`;
const TEXT = `GET /v1/videos/text2video/${TOKEN}`;
const IMAGE = `GET /v1/videos/image2video/${TOKEN}`;

const task = (wire: Wire, more: Partial<MediaTask> = {}): MediaTask => ({
  jobId: 'job_1',
  modality: 'video',
  operation: 'text_to_video',
  model: wire === 'current' ? 'kling-3.0' : 'kling-v3',
  input: { prompt: 'A girl sat on the train' },
  references: [],
  options: {},
  settings: { wire },
  ...more,
});
const frames = () => [
  reference('last_image', 'image', Buffer.from('png2')),
  reference('image', 'image', Buffer.from('png')),
];
const submitted = async (one: MediaTask, answer: CannedAnswer, more: Partial<ProviderContext> = {}) => {
  const wire = new CannedWire();
  for (const path of ['/text-to-video/kling-3.0', '/image-to-video/kling-3.0'])
    wire.on(`POST ${path}`, answer).on(`POST /v1/videos/${path.startsWith('/text') ? 'text' : 'image'}2video`, answer);
  return { taskId: (await kling.submit(one, wire.context(ENDPOINT, more))).taskId, call: wire.calls[0] };
};

describe('kling submit', () => {
  test('current: text, with every field it has', async () => {
    const input = {
      prompt: 'A girl sat on the train',
      duration_seconds: 10,
      resolution: '1080p',
      aspect_ratio: '9:16',
      generate_audio: true,
      negative_prompt: null,
    };
    const { taskId, call } = await submitted(
      task('current', { input }),
      { json: current.created },
      { callbackUrl: CALLBACK },
    );
    expect(call).toMatchObject({ url: `${ENDPOINT}/text-to-video/kling-3.0`, body: current.textRequest });
    expect(call?.headers).toEqual({ authorization: 'Bearer test-key', 'content-type': 'application/json' });
    expect(taskId).toEqual({ wire: 'current', id: '893605946402811985' });
  });

  test('current: first and last frame as bare base64, several shots where an option asks', async () => {
    const input = { prompt: 'she smiles', duration_seconds: 5, resolution: '4k', generate_audio: false };
    const { call } = await submitted(task('current', { input, references: frames(), options: { multi_shot: true } }), {
      json: current.created,
    });
    expect(call).toMatchObject({ url: `${ENDPOINT}/image-to-video/kling-3.0`, body: current.imageRequest });
  });

  test('legacy: text, with every field it has', async () => {
    const input = {
      prompt: 'A girl sat on the train',
      negative_prompt: 'blur',
      guidance: 0.7,
      duration_seconds: 10,
      resolution: '1080p',
      aspect_ratio: '9:16',
      generate_audio: true,
      camera: { move: 'zoom', amount: -4 },
    };
    const { taskId, call } = await submitted(
      task('legacy', { input }),
      { json: legacy.created },
      { callbackUrl: CALLBACK },
    );
    expect(call).toMatchObject({ url: `${ENDPOINT}/v1/videos/text2video`, body: legacy.textRequest });
    expect(call?.body).toEqual(legacy.textRequest);
    expect(taskId).toEqual({ wire: 'legacy', path: '/v1/videos/text2video', id: 'CmYlSGiVf6AAAAAAAjB1Qw' });
  });

  test('legacy: frames, on the path that the task is asked for later', async () => {
    const input = { prompt: 'she smiles', duration_seconds: 5, resolution: '720p', generate_audio: false };
    const { taskId, call } = await submitted(task('legacy', { input, references: frames() }), { json: legacy.created });
    expect(call?.body).toEqual(legacy.imageRequest);
    expect(taskId).toMatchObject({ path: '/v1/videos/image2video' });
  });

  test.each([
    ['720p', 'std'],
    ['1080p', 'pro'],
    ['4k', '4k'],
  ])('legacy: %s is mode %s', async (resolution, mode) => {
    const input = { prompt: 'x', resolution };
    expect((await submitted(task('legacy', { input }), { json: legacy.created })).call?.body).toMatchObject({ mode });
  });

  test('legacy: whole movements, and shots', async () => {
    const moving = { prompt: 'x', camera: { move: 'down_back' } };
    const { call } = await submitted(task('legacy', { input: moving, options: { multi_shot: true } }), {
      json: legacy.created,
    });
    expect(call?.body).toMatchObject({
      camera_control: { type: 'down_back' },
      multi_shot: true,
      shot_type: 'intelligence',
    });
    await expect(
      submitted(task('legacy', { references: frames(), options: { multi_shot: true } }), { json: legacy.created }),
    ).rejects.toMatchObject({ kind: 'invalid_input', detail: { param: 'provider_options.kling.multi_shot' } });
  });

  test('a large picture goes by link where the wire takes one', async () => {
    const large = reference('image', 'image', Buffer.from('png'), { bytes: 12_000_000 });
    const { call } = await submitted(task('current', { references: [large] }), { json: current.created });
    expect(call?.body).toMatchObject({
      contents: [{ type: 'prompt' }, { type: 'first_frame', url: 'https://files.example.com/reference' }],
    });
    await expect(submitted(task('legacy', { references: [large] }), { json: legacy.created })).rejects.toMatchObject({
      kind: 'invalid_input',
      outcome: 'rejected',
      detail: { param: 'image' },
    });
  });

  test.each([
    ['a small side', { width: 299, height: 400 }],
    ['a long shape', { width: 2000, height: 700 }],
    ['another type', { contentType: 'image/webp' }],
    ['too many bytes', { bytes: 60 * 1024 * 1024 }],
  ])('a picture with %s is refused before anything is bought', async (_what, more) => {
    const wrong = reference('image', 'image', Buffer.from('png'), more);
    await expect(submitted(task('current', { references: [wrong] }), { json: current.created })).rejects.toMatchObject({
      kind: 'invalid_input',
      outcome: 'rejected',
      detail: { param: 'image' },
    });
  });

  test.each<[string, number, object, string, string]>([
    ['no money', 429, errors.noBalance, 'quota', 'rejected'],
    ['an account locked', 429, { code: 1100, message: 'x' }, 'quota', 'rejected'],
    ['no right to the model', 403, { code: 1103, message: 'x' }, 'quota', 'rejected'],
    ['too many requests', 429, { code: 1302, message: 'x' }, 'rate_limited', 'rejected'],
    ['parallel tasks', 429, errors.parallel, 'rate_limited', 'rejected'],
    ['parallel tasks with HTTP 200', 200, errors.parallel, 'rate_limited', 'rejected'],
    ['an address not on the list', 429, { code: 1304, message: 'x' }, 'auth', 'rejected'],
    ['a wrong key', 401, { code: 1002, message: 'x' }, 'auth', 'rejected'],
    ['a wrong parameter', 400, { code: 1200, message: 'x' }, 'invalid_input', 'rejected'],
    ['platform policy', 400, { code: 1300, message: 'x' }, 'content_policy', 'rejected'],
    ['an unknown model', 404, errors.noResource, 'not_found', 'rejected'],
    ['an internal error', 500, { code: 5000, message: 'x' }, 'internal', 'unknown'],
    ['maintenance', 503, { code: 5001, message: 'x' }, 'unavailable', 'unknown'],
    ['an internal timeout', 504, { code: 5002, message: 'x' }, 'timeout', 'unknown'],
    ["a gateway's own 502", 502, {}, 'unavailable', 'unknown'],
    ['a code of tomorrow', 200, { code: 9999, message: 'x' }, 'internal', 'unknown'],
    ['a code of tomorrow with 400', 400, { code: 1299, message: 'x' }, 'invalid_input', 'rejected'],
  ])('%s', async (_what, status, json, kind, outcome) => {
    await expect(submitted(task('current'), { status, json })).rejects.toMatchObject({ kind, outcome });
  });

  test('a token that was used before leads to its task', async () => {
    const wire = new CannedWire()
      .on('POST /text-to-video/kling-3.0', { status: 400, json: errors.taken })
      .on(BY_EXTERNAL, { json: current.submitted });
    expect((await kling.submit(task('current'), wire.context(ENDPOINT))).taskId).toEqual({
      wire: 'current',
      id: '893605946402811985',
    });
    const nowhere = new CannedWire()
      .on('POST /text-to-video/kling-3.0', { status: 400, json: errors.taken })
      .on(BY_EXTERNAL, { json: current.unknown })
      .on(TEXT, { status: 400, json: errors.noTask })
      .on(IMAGE, { status: 400, json: errors.noTask });
    await expect(kling.submit(task('current'), nowhere.context(ENDPOINT))).rejects.toMatchObject({
      outcome: 'unknown',
    });
  });
});

describe('kling poll', () => {
  const id = { wire: 'current', id: '893605946402811985' };
  const poll = async (answer: CannedAnswer) =>
    kling.poll(id, new CannedWire().on(`GET /tasks?task_ids=${id.id}`, answer).context(ENDPOINT));
  const withTask = (more: object) => ({ json: { code: 0, message: '', data: [{ id: id.id, ...more }] } });

  test('the price in dollars, where that is what was taken', async () => {
    expect(await poll({ json: current.succeeded })).toMatchObject({ upstreamCostMicroUsd: 420_000 });
    expect(await poll({ json: current.succeededByUnits })).not.toHaveProperty('upstreamCostMicroUsd');
  });

  test.each([
    ['0.42', 420_000],
    ['12', 12_000_000],
    ['0.000001', 1],
    ['0.1000000', 100_000],
    ['0.0000001', undefined],
    ['1e3', undefined],
    ['-1', undefined],
    ['', undefined],
  ])('%j dollars are %s micro-USD', (amount, micro) => {
    expect(costOf([{ charge_type: 'cash', currency: 'USD', amount }])).toBe(micro);
  });

  test('several amounts are added; one that is not exact leaves the whole out', () => {
    const cash = { charge_type: 'cash', currency: 'USD', amount: '0.1' };
    expect(costOf([cash, { ...cash, amount: '0.2' }])).toBe(300_000);
    expect(costOf([cash, { charge_type: 'unit', amount: '2' }])).toBeUndefined();
    expect(costOf([cash, { ...cash, currency: 'CNY' }])).toBeUndefined();
    expect(costOf(null)).toBeUndefined();
  });

  test('waiting is not running', async () => {
    expect(await poll({ json: current.submitted })).toEqual({ state: 'pending', started: false });
    expect(await poll({ json: current.processing })).toEqual({ state: 'pending', started: true });
  });

  test.each(['canceled', 'cancelled', 'expired', 'FAILED'])('%s ends the task', async (status) => {
    expect(await poll(withTask({ status }))).toMatchObject({ state: 'failed', error: { kind: 'internal' } });
  });

  test.each([
    'Failure to pass the risk control system',
    'The content violates the community guidelines',
    'Sensitive words in the prompt',
    '内容触发平台风控',
  ])('%s is the content policy', async (message) => {
    expect(await poll(withTask({ status: 'failed', message }))).toMatchObject({
      state: 'failed',
      error: { kind: 'content_policy', outcome: 'rejected', message },
    });
  });

  test('a failed task costs what it says that it took', async () => {
    const billing = [{ charge_type: 'cash', currency: 'USD', amount: '0.21' }];
    const message = 'Sensitive words in the prompt';
    const cost = async (more: object) => {
      const state = await poll(withTask({ status: 'failed', message, ...more }));
      return state.state === 'failed' ? state.error.detail.upstreamCostMicroUsd : 'not failed';
    };
    expect(await cost({ billing })).toBe(210_000);
    expect(await cost({})).toBeUndefined();
  });

  test("a word of tomorrow is the poll's error, not the task's end", async () => {
    await expect(poll(withTask({ status: 'postprocessing' }))).rejects.toMatchObject({ kind: 'internal' });
  });

  test('done without a video is a failure; other outputs are none of ours', async () => {
    expect(await poll(withTask({ status: 'succeeded', outputs: [] }))).toMatchObject({ state: 'failed' });
    const audio = { type: 'audio', url: 'https://x/a.mp3' };
    expect(await poll(withTask({ status: 'succeeded', outputs: [audio] }))).toMatchObject({ state: 'failed' });
  });

  test('not found by code is missing, a bare 404 is not', async () => {
    expect(await poll({ status: 404, json: errors.noResource })).toEqual({ state: 'missing' });
    await expect(poll({ status: 404, text: 'nginx' })).rejects.toMatchObject({ kind: 'not_found' });
    await expect(poll({ status: 400, json: errors.invalid })).rejects.toMatchObject({ kind: 'invalid_input' });
  });
});

describe('kling callbacks', () => {
  const { id, timestamp, body, signature, secret } = callbackVector;
  const verify = async (
    more: { signature?: string; body?: string; seconds?: number; secret?: string | null; headers?: object } = {},
  ) =>
    kling.verifyCallback?.(
      {
        headers: {
          'webhook-id': id,
          'webhook-timestamp': timestamp,
          'webhook-signature': more.signature ?? signature,
          ...more.headers,
        },
        body: Buffer.from(more.body ?? body),
      },
      new CannedWire().context(ENDPOINT, {
        now: () => (Number(timestamp) + (more.seconds ?? 0)) * 1000,
        ...(more.secret === null ? {} : { callbackSecret: more.secret ?? secret }),
      }),
    );

  test('the published vector', async () => {
    expect(await verify()).toBeNull();
    expect(await verify({ secret: secret.replace('whsec_', '') })).toBeNull();
    expect(await verify({ body: body.replace('5', '6') })).toBe('no signature fits');
    expect(await verify({ secret: `whsec_${Buffer.from('another').toString('base64')}` })).toEqual(expect.any(String));
  });

  test('five minutes each way', async () => {
    for (const seconds of [-300, 0, 300]) expect(await verify({ seconds })).toBeNull();
    for (const seconds of [-301, 301]) expect(await verify({ seconds })).toEqual(expect.any(String));
  });

  test('one good signature of several is enough', async () => {
    const other = `v1,${Buffer.alloc(32).toString('base64')}`;
    expect(await verify({ signature: `${other} ${signature}` })).toBeNull();
    for (const wrong of [other, `v2,${signature.slice(3)}`, signature.slice(3), ''])
      expect(await verify({ signature: wrong })).toEqual(expect.any(String));
  });

  test('where no secret is set, Kling signs nothing', async () => {
    const bare = { 'webhook-id': undefined, 'webhook-timestamp': undefined, 'webhook-signature': undefined };
    expect(await verify({ secret: null, headers: bare })).toBeNull();
    expect(await verify({ headers: bare })).toEqual(expect.any(String));
  });
});
