import sharp from 'sharp';
import { startSandbox } from '../server.js';
import { call, download, probe } from '../test-client.js';
import {
  AUTH,
  type FalSandbox,
  get,
  KEY,
  openFalSandbox,
  type Result,
  type Status,
  type Submitted,
} from './test-fal.js';

let sandbox: FalSandbox['sandbox'];
let base: string;
let picture: string;
let post: FalSandbox['post'];
let start: FalSandbox['start'];
let finished: FalSandbox['finished'];
let veo: FalSandbox['veo'];

beforeAll(async () => {
  ({ sandbox, base, picture, post, start, finished, veo } = await openFalSandbox());
});
afterEach(() => sandbox.clearFaults());
afterAll(() => sandbox.close());

describe('what fal makes', () => {
  it.each<[string, object, [number, number], number, boolean]>([
    ['fal-ai/veo3.1', { prompt: 'x', duration: '4s', aspect_ratio: '9:16' }, [720, 1280], 4, true],
    ['fal-ai/veo3.1/fast', { prompt: 'x', duration: '4s', generate_audio: false }, [1280, 720], 4, false],
    ['fal-ai/sora-2/text-to-video', { prompt: 'x' }, [1280, 720], 4, true],
    [
      'fal-ai/kling-video/v3/pro/text-to-video',
      { prompt: 'x', duration: '3', aspect_ratio: '1:1' },
      [1080, 1080],
      3,
      true,
    ],
    [
      'bytedance/seedance-2.0/fast/text-to-video',
      { prompt: 'x', duration: '4', resolution: '480p' },
      [854, 480],
      4,
      true,
    ],
    ['fal-ai/wan/v2.2-5b/text-to-video', { prompt: 'x', num_frames: 25 }, [1280, 720], 25 / 24, false],
  ])('a clip by %s', async (id, json, [width, height], seconds, sound) => {
    const { video } = await finished(id, json);
    expect(video?.content_type).toBe('video/mp4');
    const read = probe(await download(video?.url ?? ''), 'mp4');
    expect(read.streams[0]).toMatchObject({ codec_name: 'h264', width, height });
    expect(read.streams).toHaveLength(sound ? 2 : 1);
    expect(Math.abs(read.seconds - seconds)).toBeLessThan(0.2);
  });

  it('clips from pictures, of their shape or the asked one', async () => {
    const fromKling = await finished('fal-ai/kling-video/v3/standard/image-to-video', {
      prompt: 'x',
      duration: '3',
      start_image_url: picture,
      end_image_url: picture,
    });
    expect(probe(await download(fromKling.video?.url ?? ''), 'mp4').streams[0]).toMatchObject({
      width: 1280,
      height: 720,
    });
    const fromPack = await finished('fal-ai/framepack', { prompt: 'x', num_frames: 30, image_url: picture });
    expect(probe(await download(fromPack.video?.url ?? ''), 'mp4').streams[0]).toMatchObject({ nb_read_frames: '30' });
  });

  it.each<[string, object, [number, number], string, number]>([
    ['fal-ai/flux/dev', { prompt: 'x', image_size: { width: 512, height: 256 }, num_images: 2 }, [512, 256], 'jpeg', 2],
    ['fal-ai/flux/dev', { prompt: 'x', image_size: 'square', output_format: 'png' }, [512, 512], 'png', 1],
    ['fal-ai/gpt-image-1.5', { prompt: 'x', image_size: '1024x1536', output_format: 'webp' }, [1024, 1536], 'webp', 1],
    ['fal-ai/nano-banana-2', { prompt: 'x', aspect_ratio: '1:1', resolution: '0.5K' }, [512, 512], 'png', 1],
  ])('pictures by %s', async (id, json, [width, height], format, count) => {
    const { images = [] } = await finished(id, json);
    expect(images).toHaveLength(count);
    for (const { url, content_type } of images) {
      expect(content_type).toBe(`image/${format}`);
      expect(await sharp(await download(url)).metadata()).toMatchObject({ width, height, format });
    }
  });

  it('music', async () => {
    const { audio } = await finished('fal-ai/ace-step', { tags: 'lo-fi', duration: 5, seed: 1 });
    const { streams, seconds } = probe(await download(audio?.url ?? ''), 'wav');
    expect(streams[0]).toMatchObject({ codec_type: 'audio' });
    expect(seconds).toBeCloseTo(5, 0);
  });

  it('the result at once, by a direct call', async () => {
    const { status, headers, body } = await call<Result>(`${base}/direct/fal-ai/flux/dev`, {
      headers: AUTH,
      json: { prompt: 'x', image_size: 'square' },
    });
    expect([status, body.images?.length]).toEqual([200, 1]);
    expect(headers.get('x-fal-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('the queue', () => {
  it('waits, runs, ends; status is 202 until then, and logs come when asked', async () => {
    const { status, body } = await post<Submitted>('fal-ai/veo3.1', { prompt: 'slow [[sandbox:latency=600000]]' });
    expect([status, body.status_url]).toEqual([200, `${base}/fal-ai/veo3.1/requests/${body.request_id}/status`]);
    const running = await get<Status>(body.status_url);
    expect([running.status, running.body.status, running.body.logs]).toEqual([202, 'IN_PROGRESS', undefined]);
    expect((await get<Status>(`${body.status_url}?logs=1`)).body.logs).toEqual([]);
    const early = await get<Result>(body.response_url);
    expect([early.status, early.body.detail]).toEqual([400, 'Request is still in progress']);
    const done = await veo('quick');
    const ended = await get<Status>(done.status_url);
    expect([ended.status, ended.body.status, ended.body.error]).toEqual([200, 'COMPLETED', undefined]);
  });

  it('tells the place while requests wait', async () => {
    const slow = await startSandbox({ speed: 1000, key: KEY });
    try {
      const ask = () => call<Submitted>(`${slow.url}/fal/fal-ai/veo3.1`, { headers: AUTH, json: { prompt: 'x' } });
      const [first, second] = [await ask(), await ask()];
      expect([first.body.queue_position, second.body.queue_position]).toEqual([0, 1]);
      const waiting = await get<Status>(second.body.status_url);
      expect([waiting.status, waiting.body]).toEqual([
        202,
        expect.objectContaining({ status: 'IN_QUEUE', queue_position: 1 }),
      ]);
      // A waiting request is removed, whoever runs it.
      const cancel = await call(first.body.cancel_url, { method: 'PUT', headers: AUTH });
      expect([cancel.status, cancel.body]).toEqual([202, { status: 'CANCELLATION_REQUESTED' }]);
      expect((await get<Status>(first.body.status_url)).body).toMatchObject({
        status: 'COMPLETED',
        error_type: 'client_cancelled',
      });
      expect((await get<Result>(first.body.response_url)).status).toBe(499);
    } finally {
      await slow.close();
    }
  });

  it('knows a request by owner and app only', async () => {
    const { request_id: id } = await start('fal-ai/veo3.1/fast', { prompt: 'x', duration: '4s' });
    expect((await get(`${base}/fal-ai/veo3.1/requests/${id}/status`)).status).toBe(200);
    expect((await get(`${base}/fal-ai/veo3.1/fast/requests/${id}/status`)).status).toBe(404);
    expect((await get(`${base}/fal-ai/wan/requests/${id}/status`)).status).toBe(404);
  });

  it('a partner model does not hear a cancel, an open one does', async () => {
    const cancel = async (task: Submitted) => (await call(task.cancel_url, { method: 'PUT', headers: AUTH })).status;
    const partner = await veo('x [[sandbox:latency=600000]]');
    expect(await cancel(partner)).toBe(202);
    expect((await get<Status>(partner.status_url)).body.status).toBe('IN_PROGRESS');
    const open = await start('fal-ai/flux/dev', { prompt: 'x [[sandbox:latency=600000]]' });
    expect(await cancel(open)).toBe(202);
    expect((await get<Status>(open.status_url)).body).toMatchObject({
      status: 'COMPLETED',
      error_type: 'client_cancelled',
    });
    expect(await cancel(await veo('done'))).toBe(400);
    expect(
      (await call(`${base}/fal-ai/veo3.1/requests/${crypto.randomUUID()}/cancel`, { method: 'PUT', headers: AUTH }))
        .body,
    ).toEqual({
      status: 'NOT_FOUND',
    });
  });
});

describe('strictness', () => {
  const image = () => ({ prompt: 'x', image_url: picture });
  it.each<[string, string, () => object, string, RegExp]>([
    ['an unknown parameter', 'fal-ai/veo3.1', () => ({ prompt: 'x', fps: 24 }), 'extra_forbidden', /not permitted/],
    ['a number for a duration', 'fal-ai/veo3.1', () => ({ prompt: 'x', duration: 8 }), 'literal_error', /'8s'/],
    ['4k from text', 'fal-ai/veo3.1', () => ({ prompt: 'x', resolution: '4k' }), 'literal_error', /'720p'/],
    ['no prompt', 'fal-ai/veo3.1', () => ({}), 'missing', /Field required/],
    ['no picture', 'fal-ai/veo3.1/image-to-video', () => ({ prompt: 'x' }), 'missing', /Field required/],
    [
      'a picture that is none',
      'fal-ai/veo3.1/image-to-video',
      () => ({ prompt: 'x', image_url: 'data:image/png;base64,AAAA' }),
      'image_load_error',
      /Failed to load/,
    ],
    [
      'a path for a picture',
      'fal-ai/framepack',
      () => ({ prompt: 'x', image_url: '/tmp/a.png' }),
      'image_load_error',
      /neither/,
    ],
    [
      'a seed for Sora',
      'fal-ai/sora-2/text-to-video',
      () => ({ prompt: 'x', seed: 1 }),
      'extra_forbidden',
      /not permitted/,
    ],
    [
      'aspect for Kling from a picture',
      'fal-ai/kling-video/v3/pro/image-to-video',
      () => ({ prompt: 'x', start_image_url: picture, aspect_ratio: '16:9' }),
      'extra_forbidden',
      /not permitted/,
    ],
    [
      'too many frames',
      'fal-ai/wan/v2.2-5b/text-to-video',
      () => ({ prompt: 'x', num_frames: 162 }),
      'less_than_equal',
      /161/,
    ],
    ['half a frame', 'fal-ai/framepack', () => ({ ...image(), num_frames: 30.5 }), 'int_from_float', /integer/],
    ['a long prompt', 'fal-ai/framepack', () => ({ ...image(), prompt: 'x'.repeat(501) }), 'string_too_long', /500/],
    [
      'size for flux from a picture',
      'fal-ai/flux/dev/image-to-image',
      () => ({ ...image(), image_size: 'square' }),
      'extra_forbidden',
      /not permitted/,
    ],
    [
      'a size without a side',
      'fal-ai/flux/dev',
      () => ({ prompt: 'x', image_size: { width: 10 } }),
      'value_error',
      /Sides/,
    ],
    [
      'weights without a path',
      'fal-ai/flux-lora',
      () => ({ prompt: 'x', loras: [{ scale: 1 }] }),
      'value_error',
      /path/,
    ],
    [
      'a mask for GPT Image 1',
      'fal-ai/gpt-image-1/edit-image',
      () => ({ prompt: 'x', image_urls: [picture], mask_image_url: picture }),
      'extra_forbidden',
      /not permitted/,
    ],
    [
      'one picture for a list',
      'fal-ai/nano-banana-2/edit',
      () => ({ prompt: 'x', image_urls: picture }),
      'list_type',
      /list/,
    ],
    [
      '1080p for fast Seedance',
      'bytedance/seedance-2.0/fast/text-to-video',
      () => ({ prompt: 'x', resolution: '1080p' }),
      'literal_error',
      /'480p'/,
    ],
    [
      'no tags of the original',
      'fal-ai/ace-step/audio-to-audio',
      () => ({ tags: 'x', audio_url: 'https://a.example/a.mp3' }),
      'missing',
      /required/,
    ],
    [
      'text for a flag',
      'fal-ai/ltx-2/text-to-video',
      () => ({ prompt: 'x', generate_audio: 'yes' }),
      'bool_type',
      /boolean/,
    ],
    [
      'a marker that does not exist',
      'fal-ai/veo3.1',
      () => ({ prompt: 'x [[sandbox:nope]]' }),
      'value_error',
      /unknown sandbox marker/,
    ],
  ])('refuses %s', async (_what, id, body, type, message) => {
    const { status, body: answer, headers } = await post(id, body());
    expect([status, headers.get('x-fal-retryable')]).toEqual([422, 'false']);
    expect(answer.detail).toContainEqual(expect.objectContaining({ type, msg: expect.stringMatching(message) }));
  });

  it('refuses what is not there, and who has no key', async () => {
    expect((await post('fal-ai/nothing', { prompt: 'x' })).status).toBe(404);
    expect((await post('fal-ai/kling-video/v3/4k/text-to-video', { prompt: 'x' })).status).toBe(404);
    for (const headers of [{}, { authorization: `Bearer ${KEY}` }, { authorization: 'Key wrong' }])
      expect((await call(`${base}/fal-ai/veo3.1`, { headers, json: { prompt: 'x' } })).status).toBe(401);
    expect((await post('fal-ai/veo3.1', { prompt: 'x' }, '?webhook=https://a.example')).status).toBe(400);
    expect((await post('fal-ai/veo3.1', { prompt: 'x' }, '?fal_webhook=nowhere')).status).toBe(400);
    const lifecycle = { ...AUTH, 'x-fal-object-lifecycle-preference': '{"expiration_duration_seconds":"1d"}' };
    expect((await call(`${base}/fal-ai/veo3.1`, { headers: lifecycle, json: { prompt: 'x' } })).status).toBe(400);
  });
});
