import { call } from '../test-client.js';
import { AUTH, type Bench, body, KEY, MODEL, openBench, type Refusal, text } from './test-bench.js';

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench.close());

describe('strictness', () => {
  const nine = () => Array.from({ length: 10 }, () => bench.image('reference_image'));
  const refused: [string, () => object, string, RegExp][] = [
    ['no model', () => ({ content: [text('x')] }), 'MissingParameter', /`model`/],
    ['no content', () => ({ model: MODEL }), 'MissingParameter', /`content`/],
    ['an unknown field', () => body([text('x')], { fps: 24 }), 'InvalidParameter', /`fps`/],
    ['an unknown item field', () => body([{ ...text('x'), role: 'user' }]), 'InvalidParameter', /content\[0\]\.role/],
    [
      'a URL as a string',
      () => body([{ type: 'image_url', image_url: bench.picture }]),
      'InvalidParameter',
      /image_url/,
    ],
    ['an unknown type', () => body([{ type: 'image', image: {} }]), 'InvalidParameter', /supported values are/],
    ['an unknown role', () => body([text('x'), bench.image('subject')]), 'InvalidParameter', /invalid role/],
    [
      'a video without a role',
      () => body([{ ...bench.video('clip.mp4'), role: undefined }]),
      'InvalidParameter',
      /reference_video/,
    ],
    [
      'two images without roles',
      () => body([bench.image(undefined), bench.image(undefined)]),
      'InvalidParameter',
      /must be specified/,
    ],
    [
      'two first frames',
      () => body([bench.image('first_frame'), bench.image('first_frame')]),
      'InvalidParameter',
      /at most one first/,
    ],
    ['a last frame alone', () => body([bench.image('last_frame')]), 'InvalidParameter', /requires a first frame/],
    [
      'frames and references',
      () => body([bench.image('first_frame'), bench.image('reference_image')]),
      'InvalidParameter',
      /mixed/,
    ],
    [
      'frames and a sound',
      () => body([bench.image('first_frame'), bench.audio('sound.mp3')]),
      'InvalidParameter',
      /mixed/,
    ],
    ['ten references', () => body(nine()), 'InvalidParameter', /at most 9/],
    [
      'four videos',
      () => body(Array.from({ length: 4 }, () => bench.video('clip.mp4'))),
      'InvalidParameter',
      /at most 3/,
    ],
    ['a sound alone', () => body([text('x'), bench.audio('sound.mp3')]), 'InvalidParameter', /only reference/],
    [
      'videos beyond 15 s',
      () => body([bench.video('long.mp4'), bench.video('long.mp4')]),
      'InvalidParameter',
      /15 s in total/,
    ],
    ['a video as data', () => body([bench.video('data:video/mp4;base64,AAAA')]), 'InvalidParameter', /web URL/],
    ['a small video', () => body([bench.video('small.mp4')]), 'InvalidParameter', /407696/],
    ['twelve frames a second', () => body([bench.video('slow.mp4')]), 'InvalidParameter', /frame rate/],
    ['a sound as a video', () => body([bench.video('sound.mp3')]), 'InvalidParameter', /mp4 or mov/],
    [
      'a second of sound',
      () => body([bench.image('reference_image'), bench.audio('short.mp3')]),
      'InvalidParameter',
      /2 to 15/,
    ],
    ['FLAC', () => body([bench.image('reference_image'), bench.audio('sound.flac')]), 'InvalidParameter', /wav or mp3/],
    [
      'a dead link',
      () => body([bench.image(undefined, 'http://127.0.0.1:1/x.png')]),
      'InvalidParameter',
      /download failed/,
    ],
    [
      'capitals in a data URI',
      () => body([bench.image(undefined, bench.picture.replace('png', 'PNG'))]),
      'InvalidParameter',
      /lowercase/,
    ],
    [
      'text as an image',
      () => body([bench.image(undefined, 'data:image/png;base64,aGVsbG8=')]),
      'InvalidParameter',
      /can't be read/,
    ],
    ['no text and no media', () => body([text(' ')]), 'MissingParameter', /content\.text/],
    ['2k', () => body([text('x')], { resolution: '2k' }), 'InvalidParameter', /480p, 720p, 1080p, 4k/],
    [
      '1080p on fast',
      () => body([text('x')], { model: 'dreamina-seedance-2-0-fast-260128', resolution: '1080p' }),
      'InvalidParameter',
      /480p, 720p/,
    ],
    ['16:10', () => body([text('x')], { ratio: '16:10' }), 'InvalidParameter', /`ratio`/],
    [
      'a ratio beside a first frame',
      () => body([bench.image('first_frame')], { ratio: '16:9' }),
      'InvalidParameter',
      /follows the first-frame/,
    ],
    ['three seconds', () => body([text('x')], { duration: 3 }), 'InvalidParameter', /4 to 15/],
    ['seconds as text', () => body([text('x')], { duration: '5' }), 'InvalidParameter', /integer/],
    ['frames', () => body([text('x')], { frames: 97 }), 'InvalidParameter', /not supported/],
    ['camera_fixed', () => body([text('x')], { camera_fixed: false }), 'InvalidParameter', /not supported/],
    ['a seed of 2^31', () => body([text('x')], { seed: 2 ** 31 }), 'InvalidParameter', /-1 to/],
    ['flex', () => body([text('x')], { service_tier: 'flex' }), 'InvalidParameter.UnsupportedParameter', /flex/],
    ['a short expiry', () => body([text('x')], { execution_expires_after: 60 }), 'InvalidParameter', /3600/],
    ['a callback to nowhere', () => body([text('x')], { callback_url: 'kiln' }), 'InvalidParameter', /http/],
    ['sound as text', () => body([text('x')], { generate_audio: 'yes' }), 'InvalidParameter', /boolean/],
    ['a draft', () => body([text('x')], { draft: true }), 'InvalidParameter', /draft/],
    ['an unknown marker', () => body([text('x [[sandbox:polcy]]')]), 'InvalidParameter', /unknown sandbox marker/],
  ];
  it.each(refused)('refuses %s', async (_what, json, code, message) => {
    expect(await call<Refusal>(bench.api, { headers: AUTH, json: json() })).toMatchObject({
      status: 400,
      body: { error: { code, type: 'BadRequest', message: expect.stringMatching(message) as string } },
    });
  });

  it('refuses a wrong key, an unknown and a closed model, and broken JSON', async () => {
    const submit = (json: object, headers: Record<string, string> = AUTH) =>
      call<Refusal>(bench.api, { headers, json });
    for (const headers of [{}, { authorization: 'Bearer no' }, { 'x-api-key': KEY }] as Record<string, string>[])
      expect(await submit(body([text('x')]), headers)).toMatchObject({
        status: 401,
        body: { error: { code: 'AuthenticationError' } },
      });
    expect(await submit(body([text('x')], { model: 'seedance-9' }))).toMatchObject({
      status: 404,
      body: { error: { code: 'InvalidEndpointOrModel.NotFound' } },
    });
    expect(await submit(body([text('x')], { model: 'dreamina-seedance-2-5-260628' }))).toMatchObject({
      status: 404,
      body: { error: { code: 'ModelNotOpen' } },
    });
    const broken = await call<Refusal>(bench.api, {
      method: 'POST',
      headers: { ...AUTH, 'content-type': 'application/json' },
      body: '{',
    });
    expect(broken).toMatchObject({ status: 400, body: { error: { code: 'InvalidParameter' } } });
    expect((await bench.get('cgt-none')).body.error.code).toBe('ResourceNotFound');
  });
});
