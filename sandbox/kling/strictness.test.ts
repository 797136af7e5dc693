import { type Sandbox, startSandbox } from '../server.js';
import { KEY, KlingClient, pictureOf } from './test-helpers.js';

let sandbox: Sandbox;
let kling: KlingClient;
const pictures: Record<string, string> = {};

beforeAll(async () => {
  sandbox = await startSandbox({ speed: 0, key: KEY });
  kling = new KlingClient(`${sandbox.url}/kling`);
  pictures['good'] = await pictureOf();
  pictures['small'] = await pictureOf(299, 400);
  pictures['long'] = await pictureOf(1300, 500);
  pictures['webp'] = await pictureOf(640, 360, 'webp');
});
afterAll(() => sandbox.close());

/** Names of pictures in a body become their base64. */
const filled = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value).replaceAll(/"\$(\w+)"/g, (_all, name: string) => `"${pictures[name] ?? ''}"`));

const PROMPT = { type: 'prompt', text: 'x' };
const FIRST = { type: 'first_frame', url: '$good' };

describe('the current generation refuses', () => {
  it.each<[string, object, RegExp]>([
    ['an unknown field', { prompt: 'x', seed: 1 }, /seed is not supported/],
    ['a negative prompt', { prompt: 'x', negative_prompt: 'y' }, /negative_prompt/],
    ['camera control', { prompt: 'x', settings: { camera_control: { type: 'simple' } } }, /camera_control/],
    ['a model in the body', { prompt: 'x', model_name: 'kling-v3' }, /model_name/],
    ['no prompt', { settings: {} }, /prompt is required/],
    ['a prompt that is too long', { prompt: 'x'.repeat(3073) }, /3072/],
    ['the length as text', { prompt: 'x', settings: { duration: '5' } }, /must be an integer/],
    ['a fraction of a second', { prompt: 'x', settings: { duration: 5.5 } }, /must be an integer/],
    ['a length out of range', { prompt: 'x', settings: { duration: 16 } }, /duration value 16/],
    ['sound as the other generation says it', { prompt: 'x', settings: { audio: 'on' } }, /native, off/],
    ['sound as a flag', { prompt: 'x', settings: { audio: true } }, /native, off/],
    ['an unknown resolution', { prompt: 'x', settings: { resolution: '480p' } }, /720p, 1080p, 4k/],
    ['an unknown shape', { prompt: 'x', settings: { aspect_ratio: '4:3' } }, /16:9, 9:16, 1:1/],
    ['shots that are no flag', { prompt: 'x', settings: { multi_shot: 'true' } }, /multi_shot must be a boolean/],
    ['an unknown option', { prompt: 'x', options: { notify: 'x' } }, /options\.notify/],
    ['a callback that is no URL', { prompt: 'x', options: { callback_url: 'soon' } }, /callback_url/],
    ['an id that is no text', { prompt: 'x', options: { external_task_id: 7 } }, /external_task_id must be a string/],
    ['a watermark', { prompt: 'x', options: { watermark_info: { enabled: true } } }, /watermark/],
    ['an unknown marker', { prompt: '[[sandbox:nope]]' }, /unknown sandbox marker/],
    ['a list', [], /must be an object/],
  ])('%s (text)', async (_what, body, message) => {
    const answer = await kling.post('/text-to-video/kling-3.0', body);
    expect([answer.status, answer.body.code]).toEqual([400, 1201]);
    expect(answer.body.message).toMatch(message);
  });

  it.each<[string, object, RegExp]>([
    ['a prompt beside the contents', { prompt: 'x', contents: [FIRST] }, /prompt is not supported/],
    ['no contents', { contents: [] }, /contents is required/],
    ['no first frame', { contents: [PROMPT] }, /first_frame/],
    ['a last frame alone', { contents: [PROMPT, { ...FIRST, type: 'last_frame' }] }, /first_frame/],
    ['a shape', { contents: [FIRST], settings: { aspect_ratio: '1:1' } }, /aspect_ratio is not supported/],
    ['an unknown kind', { contents: [FIRST, { type: 'refer_image', url: '$good' }] }, /refer_image/],
    ['two first frames', { contents: [FIRST, FIRST] }, /more than one first_frame/],
    ['a prompt without text', { contents: [FIRST, { type: 'prompt' }] }, /text is required/],
    ['an unknown field of a frame', { contents: [{ ...FIRST, role: 'x' }] }, /role/],
    ['a data URI', { contents: [{ ...FIRST, url: 'data:image/png;base64,$good' }] }, /valid base64/],
    ['what is no base64', { contents: [{ ...FIRST, url: '!!!' }] }, /valid base64/],
    ['what is no picture', { contents: [{ ...FIRST, url: 'aGVsbG8=' }] }, /first_frame/],
    ['a small picture', { contents: [{ ...FIRST, url: '$small' }] }, /pixel/],
    ['a long picture', { contents: [{ ...FIRST, url: '$long' }] }, /ratio/],
    ['a WebP', { contents: [{ ...FIRST, url: '$webp' }] }, /jpg, jpeg or png/],
  ])('%s (image)', async (_what, body, message) => {
    const answer = await kling.post('/image-to-video/kling-3.0', filled(body) as object);
    expect([answer.status, answer.body.code]).toEqual([400, 1201]);
    expect(answer.body.message).toMatch(message);
  });

  it('a model it does not have', async () => {
    for (const model of ['kling-v3', 'kling-3', 'kling-9'])
      expect(await kling.post(`/text-to-video/${model}`, { prompt: 'x' })).toMatchObject({
        status: 404,
        body: { code: 1203 },
      });
  });

  it('queries by both ids, by none, or of too many tasks', async () => {
    const many = Array.from({ length: 21 }, (_, index) => index).join(',');
    for (const query of ['', '?task_ids=1&external_task_ids=2', `?task_ids=${many}`, '?ids=1'])
      expect(await kling.get(`/tasks${query}`)).toMatchObject({ status: 400, body: { code: 1201 } });
  });

  it('what is no JSON', async () => {
    const response = await fetch(`${kling.base}/text-to-video/kling-3.0`, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
      body: '{',
    });
    expect([response.status, await response.json()]).toMatchObject([400, { code: 1200 }]);
  });
});

describe('the legacy generation refuses', () => {
  it.each<[string, object, RegExp]>([
    ['a misspelt model', { prompt: 'x', model: 'kling-v3' }, /model is not supported/],
    ['the body of the other generation', { prompt: 'x', settings: {} }, /settings/],
    ['no prompt', {}, /prompt is required/],
    ['a prompt that is too long', { prompt: 'x'.repeat(2501) }, /2500/],
    ['a negative prompt that is too long', { prompt: 'x', negative_prompt: 'x'.repeat(2501) }, /2500/],
    ['the length as a number', { prompt: 'x', duration: 5 }, /duration must be a string/],
    ['a length out of range', { prompt: 'x', duration: '16' }, /duration value '16'/],
    ['an unknown mode', { prompt: 'x', mode: '720p' }, /std, pro, 4k/],
    ['sound as the other generation says it', { prompt: 'x', sound: 'native' }, /on, off/],
    ['an unknown shape', { prompt: 'x', aspect_ratio: '4:3' }, /16:9, 9:16, 1:1/],
    ['a scale out of range', { prompt: 'x', cfg_scale: 1.5 }, /cfg_scale/],
    ['a scale as text', { prompt: 'x', cfg_scale: '0.5' }, /cfg_scale/],
    ['a movement without a type', { prompt: 'x', camera_control: { config: { pan: 1 } } }, /type is required/],
    ['an unknown movement', { prompt: 'x', camera_control: { type: 'spin' } }, /type/],
    ['two axes', { prompt: 'x', camera_control: { type: 'simple', config: { pan: 1, zoom: 1 } } }, /exactly one/],
    ['no axis', { prompt: 'x', camera_control: { type: 'simple', config: { pan: 0 } } }, /exactly one/],
    ['an axis too far', { prompt: 'x', camera_control: { type: 'simple', config: { pan: 11 } } }, /-10 to 10/],
    ['an unknown axis', { prompt: 'x', camera_control: { type: 'simple', config: { dolly: 1 } } }, /dolly/],
    ['an amount of a whole movement', { prompt: 'x', camera_control: { type: 'down_back', config: {} } }, /empty/],
    ['an image for text', { prompt: 'x', image: '$good' }, /image is not supported/],
    ['shots without their kind', { prompt: 'x', multi_shot: true }, /shot_type/],
    ['masks', { prompt: 'x', static_mask: '$good' }, /not emulated/],
  ])('%s (text)', async (_what, body, message) => {
    const answer = await kling.legacy('text2video', filled(body) as object);
    expect([answer.status, answer.body.code]).toEqual([400, 1201]);
    expect(answer.body.message).toMatch(message);
  });

  it.each<[string, object, RegExp]>([
    ['no image', { prompt: 'x' }, /image or image_tail/],
    ['a shape', { image: '$good', aspect_ratio: '1:1' }, /aspect_ratio/],
    ['a data URI', { image: 'data:image/png;base64,$good' }, /valid base64/],
    ['a small picture', { image: '$small' }, /pixel/],
    [
      'a last frame and a camera',
      { image: '$good', image_tail: '$good', camera_control: { type: 'down_back' } },
      /together/,
    ],
    [
      'a last frame and shots',
      { image: '$good', image_tail: '$good', multi_shot: true, shot_type: 'intelligence' },
      /multi_shot/,
    ],
  ])('%s (image)', async (_what, body, message) => {
    const answer = await kling.legacy('image2video', filled(body) as object);
    expect([answer.status, answer.body.code]).toEqual([400, 1201]);
    expect(answer.body.message).toMatch(message);
  });

  it('a model it does not have, and none', async () => {
    const wrong = { model_name: 'kling-3.0', prompt: 'x' };
    expect(await kling.legacy('text2video', wrong)).toMatchObject({ status: 404, body: { code: 1203 } });
    const none = { prompt: 'x', duration: '5' };
    expect(await kling.post('/v1/videos/text2video', none)).toMatchObject({ status: 400, body: { code: 1201 } });
  });
});
