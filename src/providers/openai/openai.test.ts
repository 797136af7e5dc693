import type { ImageEditParamsNonStreaming, ImageGenerateParamsNonStreaming } from 'openai/resources/images';
import type { VideoCreateParams } from 'openai/resources/videos';
import sharp from 'sharp';
import { CannedWire, reference, type CannedAnswer } from '../../../test/support/provider-wire.js';
import { EgressError } from '../../egress/egress.js';
import type { MediaTask, ProviderContext, ResolvedReference, TaskShape } from '../contract.js';
import images from './fixtures/images.json' with { type: 'json' };
import videos from './fixtures/videos.json' with { type: 'json' };
import { imageFields, type ImageFields } from './image-request.js';
import { openai } from './index.js';
import { videoFields } from './video-request.js';

const ENDPOINT = 'https://gateway.example.com/v1';

const task = (wire: 'videos' | 'images', more: Partial<MediaTask> = {}): MediaTask => ({
  jobId: 'job_1',
  modality: wire === 'videos' ? 'video' : 'image',
  operation: wire === 'videos' ? 'text_to_video' : 'text_to_image',
  model: wire === 'videos' ? 'sora-2' : 'gpt-image-1',
  input: { prompt: 'A kite over dunes' },
  references: [],
  options: {},
  settings: { wire },
  ...more,
});
const shape = (
  wire: 'videos' | 'images',
  input: TaskShape['input'],
  more: Partial<TaskShape> & { sizes?: string } = {},
): TaskShape => {
  const { sizes, ...rest } = more;
  const { modality, operation, model } = task(wire);
  const settings = { wire, ...(sizes ? { sizes } : {}) };
  return { modality, operation, model, input: { prompt: 'a kite', ...input }, references: {}, settings, ...rest };
};

async function submit(made: MediaTask, answer: CannedAnswer, more: Partial<ProviderContext> = {}) {
  const at =
    made.modality === 'video' ? '/videos' : made.references.length > 0 ? '/images/edits' : '/images/generations';
  const wire = new CannedWire().on(`POST ${at}`, answer);
  const submitted = await openai.submit(made, wire.context(ENDPOINT, more));
  return { submitted, wire };
}
const formOf = (wire: CannedWire): FormData => wire.calls[0]?.body as FormData;
const textsOf = (form: FormData): Record<string, string> =>
  Object.fromEntries([...form.entries()].filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
const filesOf = (form: FormData): [string, string, string][] =>
  [...form.entries()].flatMap(([name, value]) =>
    typeof value === 'string' ? [] : [[name, value.name, value.type] as [string, string, string]],
  );

/** A PNG of these sides, with an alpha channel or without. */
const png = (width: number, height: number, channels: 3 | 4): Promise<Buffer> =>
  sharp({ create: { width, height, channels, background: { r: 9, g: 9, b: 9, alpha: 0 } } })
    .png()
    .toBuffer();
const picture = async (
  role: 'images' | 'mask' | 'image',
  more: Partial<ResolvedReference> & { channels?: 3 | 4 } = {},
): Promise<ResolvedReference> => {
  const { width = 64, height = 32, channels = 3, ...rest } = more;
  const sides = { width: width ?? 64, height: height ?? 32 };
  return reference(role, 'image', await png(sides.width, sides.height, channels), { ...sides, ...rest });
};

describe("bodies are what the official package's types allow", () => {
  test('videos, generations and edits', () => {
    const video: VideoCreateParams = videoFields(task('videos', { input: { prompt: 'a', duration_seconds: 12 } }));
    expect(video).toEqual({ model: 'sora-2', prompt: 'a', seconds: '12' });
    const generation: ImageGenerateParamsNonStreaming = imageFields(task('images'));
    expect(generation).toEqual({ model: 'gpt-image-1', prompt: 'A kite over dunes' });
    const fields: ImageFields = imageFields(task('images'));
    const edit: Omit<ImageEditParamsNonStreaming, 'image' | 'mask'> = fields;
    expect(edit.model).toBe('gpt-image-1');
  });
});

describe('videos', () => {
  test('a submit is multipart, seconds a text, the first frame a file with name and type', async () => {
    const { submitted, wire } = await submit(
      task('videos', {
        input: { prompt: 'A kite over dunes', duration_seconds: 8, resolution: '720p', aspect_ratio: '16:9' },
        references: [reference('image', 'image', Buffer.from('jpeg'), { contentType: 'image/jpeg' })],
      }),
      { json: videos.created },
      { credential: { kind: 'bearer', token: 'sk-1' } },
    );
    expect(textsOf(formOf(wire))).toEqual(videos.request);
    expect(filesOf(formOf(wire))).toEqual([['input_reference', 'image.jpg', 'image/jpeg']]);
    // The boundary is the client's to name.
    expect(wire.calls[0]?.headers).toEqual({ authorization: 'Bearer sk-1' });
    expect(submitted).toEqual({ taskId: { id: videos.created.id } });
  });

  test.each([
    ['720p', '9:16', 'sora-2', '720x1280'],
    ['720p', undefined, 'sora-2', '1280x720'],
    [undefined, '9:16', 'sora-2', '720x1280'],
    [undefined, undefined, 'sora-2', undefined],
    ['1024p', '16:9', 'sora-2-pro', '1792x1024'],
    ['1024p', '9:16', 'sora-2-pro', '1024x1792'],
  ])('%s %s of %s is %s', (resolution, aspect, model, size) => {
    const input = { prompt: 'a', ...(resolution && { resolution }), ...(aspect && { aspect_ratio: aspect }) };
    expect(videoFields(task('videos', { model, input })).size).toBe(size);
  });

  test.each<[string, Partial<ResolvedReference>, RegExp]>([
    ['another size', { width: 640, height: 360 }, /640x360 pixels; it must have those of the clip, 1280x720/],
    ['another type', { contentType: 'image/gif' }, /image\/gif/],
    ['too many bytes', { bytes: 21 * 1024 * 1024 }, /at most/],
  ])('a first frame of %s is refused by name', async (_what, more, message) => {
    const made = task('videos', {
      input: { prompt: 'a', aspect_ratio: '16:9' },
      references: [reference('image', 'image', Buffer.from('png'), more)],
    });
    await expect(submit(made, { json: videos.created })).rejects.toMatchObject({
      kind: 'invalid_input',
      outcome: 'rejected',
      detail: { param: 'image' },
      message: expect.stringMatching(message) as string,
    });
  });

  test('without a named size, the first frame has to be what the wire makes then', async () => {
    const made = (width: number, height: number) =>
      task('videos', { references: [reference('image', 'image', Buffer.from('png'), { width, height })] });
    await expect(submit(made(1280, 720), { json: videos.created })).rejects.toMatchObject({ kind: 'invalid_input' });
    await expect(submit(made(720, 1280), { json: videos.created })).resolves.toBeDefined();
  });

  test.each<[TaskShape['input'], Partial<TaskShape>, RegExp]>([
    [{ duration_seconds: 6 }, {}, /duration_seconds 6 is not one of 4, 8, 12/],
    [{ resolution: '1080p' }, {}, /resolution "1080p" is not one of 720p/],
    [{ resolution: '1024p' }, {}, /resolution "1024p"/],
    [{ aspect_ratio: '1:1' }, {}, /aspect_ratio "1:1" is not one of 16:9, 9:16/],
    [{ generate_audio: false }, {}, /generate_audio/],
    [{ seed: 7 }, {}, /seed is not taken/],
    [{ prompt: null }, {}, /prompt is needed/],
    [{}, { references: { last_image: 1 } }, /last_image is not taken/],
    [{}, { references: { image: 2 } }, /image takes one file/],
    [{}, { modality: 'image' }, /makes no image/],
  ])('%j %j is passed over', (input, more, message) => {
    expect(openai.unsupported(shape('videos', input, more)).join('\n')).toMatch(message);
  });

  test('what it can do it is not passed over for', () => {
    const input = { duration_seconds: 12, resolution: '720p', aspect_ratio: '9:16', generate_audio: true, seed: null };
    expect(openai.unsupported(shape('videos', input, { references: { image: 1 } }))).toEqual([]);
    expect(openai.unsupported(shape('videos', { resolution: '1024p' }, { model: 'sora-2-pro' }))).toEqual([]);
  });

  test('options of images are refused, not dropped', async () => {
    await expect(
      submit(task('videos', { options: { moderation: 'low' } }), { json: videos.created }),
    ).rejects.toMatchObject({ kind: 'invalid_input', detail: { param: 'provider_options.openai.moderation' } });
  });

  const poll = async (json: unknown) =>
    openai.poll(
      { id: videos.created.id },
      new CannedWire().on(`GET /videos/${videos.created.id}`, { json }).context(ENDPOINT),
    );

  test.each([
    ['queued', { state: 'pending' }],
    ['pending', { state: 'pending' }],
    ['a_new_word', { state: 'pending' }],
    ['in_progress', { state: 'pending', started: true, progress: 0.33 }],
    ['processing', { state: 'pending', started: true, progress: 0.33 }],
    ['succeeded', { state: 'succeeded' }],
    ['COMPLETED', { state: 'succeeded' }],
    ['cancelled', { state: 'failed', error: { kind: 'internal', outcome: 'unknown' } }],
    ['expired', { state: 'failed', error: { kind: 'internal' } }],
  ])('status %s', async (status, state) => {
    expect(await poll({ ...videos.running, status })).toMatchObject(state);
  });

  test('progress stays between 0 and 1, and may be missing', async () => {
    expect(await poll({ ...videos.running, progress: 140 })).toMatchObject({ progress: 1 });
    expect(await poll({ ...videos.running, progress: null })).toEqual({ state: 'pending', started: true });
  });

  test('a failed run says why, and when to come back', async () => {
    expect(await poll(videos.failed)).toMatchObject({
      error: { kind: 'rate_limited', outcome: 'unknown', detail: { retryAfterMs: 2500 } },
    });
    const failed = (error: unknown) => poll({ ...videos.failed, error });
    expect(await failed(null)).toMatchObject({ error: { kind: 'internal' } });
    expect(await failed({ code: 'x', message: 'Blocked by our safety system' })).toMatchObject({
      error: { kind: 'content_policy', outcome: 'rejected' },
    });
    expect(await failed({ code: 'bad_size', message: 'no', type: 'invalid_request_error' })).toMatchObject({
      error: { kind: 'invalid_input' },
    });
    expect(await failed({ code: 'x', headers: { 'bad name': '1', 'retry-after': '3' } })).toMatchObject({
      error: { kind: 'internal', detail: { retryAfterMs: 3000 } },
    });
  });

  test('an id from elsewhere stays one segment of the path', async () => {
    const wire = new CannedWire().on('GET /videos/..%3Fa', { json: videos.completed });
    await expect(openai.poll({ id: '..?a' }, wire.context(ENDPOINT))).resolves.toMatchObject({ state: 'succeeded' });
  });
});

describe('images', () => {
  test('a generation is JSON with exactly what was asked for', async () => {
    const input = { prompt: 'A kite over dunes', n: 2, size: '1024x1024', quality: 'high', background: 'opaque' };
    const { wire, submitted } = await submit(
      task('images', {
        input: { ...input, output_format: 'webp' },
        options: { moderation: 'low', output_compression: 80 },
      }),
      { json: images.two },
    );
    expect(wire.calls[0]?.body).toEqual(images.request);
    expect(submitted.artifacts).toMatchObject([{ contentType: 'image/webp' }, { contentType: 'image/webp' }]);
    expect(submitted.taskId).toBeNull();
  });

  test('an edit is multipart: every picture and the mask with name and type', async () => {
    const { wire } = await submit(
      task('images', {
        operation: 'inpaint',
        input: { prompt: 'A kite', n: 3, size: 'auto' },
        references: [
          await picture('images', { index: 1, contentType: 'image/webp' }),
          await picture('mask', { channels: 4 }),
          await picture('images'),
        ],
      }),
      { json: images.one },
    );
    expect(textsOf(formOf(wire))).toEqual({ model: 'gpt-image-1', prompt: 'A kite', n: '3', size: 'auto' });
    expect(filesOf(formOf(wire))).toEqual([
      ['image[]', 'images-0.png', 'image/png'],
      ['image[]', 'images-1.webp', 'image/webp'],
      ['mask', 'mask-0.png', 'image/png'],
    ]);
  });

  test.each<[string, Partial<ResolvedReference> & { channels?: 3 | 4 }, RegExp]>([
    ['no alpha channel', {}, /no alpha channel/],
    ['other sides', { channels: 4, width: 32 }, /mask has 32x32 pixels.*64x32/],
    ['another type', { contentType: 'image/jpeg' }, /takes image\/png/],
    ['too many bytes', { channels: 4, bytes: 5 * 1024 * 1024 }, /at most/],
  ])('a mask with %s is refused by name', async (_what, more, message) => {
    const made = task('images', { references: [await picture('images'), await picture('mask', more)] });
    await expect(submit(made, { json: images.one })).rejects.toMatchObject({
      kind: 'invalid_input',
      detail: { param: 'mask' },
      message: expect.stringMatching(message) as string,
    });
  });

  test('a mask whose palette has a transparent colour is one', async () => {
    // Drawn, not loaded: what sharp may load is one setting of the process, which other tests narrow down.
    const background = { r: 9, g: 9, b: 9, alpha: 0 };
    const palette = await sharp({ create: { width: 64, height: 32, channels: 4, background } })
      .png({ palette: true })
      .toBuffer();
    const mask = reference('mask', 'image', palette, { width: 64, height: 32 });
    const made = task('images', { references: [await picture('images'), mask] });
    await expect(submit(made, { json: images.one })).resolves.toBeDefined();
  });

  test.each<[string, Partial<MediaTask>, RegExp]>([
    ['compression of PNG', { options: { output_compression: 50 } }, /output_compression needs/],
    ['a GIF', { references: [reference('images', 'image', Buffer.from('g'), { contentType: 'image/gif' })] }, /gif/],
    [
      'moderation of an edit',
      { options: { moderation: 'low' }, references: [reference('images', 'image', Buffer.from('p'))] },
      /moderation is not taken/,
    ],
  ])('%s is refused', async (_what, more, message) => {
    await expect(submit(task('images', more), { json: images.one })).rejects.toThrow(message);
  });

  test.each<[TaskShape['input'], Parameters<typeof shape>[2], RegExp]>([
    [{ size: '1536x864' }, {}, /size 1536x864 is not one of 1024x1024/],
    [{ size: '1000x1000' }, { sizes: 'free' }, /16 does not divide/],
    [{ size: '3200x1024' }, { sizes: 'free' }, /longer than 3 times/],
    [{ size: '3840x2176' }, { sizes: 'free' }, /larger than 3840x2160/],
    [{ size: 'huge' }, { sizes: 'free' }, /size huge/],
    [{ n: 11 }, {}, /n must be 1 to 10/],
    [{ quality: 'hd' }, {}, /quality/],
    [{ background: 'transparent', output_format: 'jpeg' }, {}, /transparent needs/],
    [{ seed: 7, strength: 0.5 }, {}, /seed is not taken.*\nstrength is not taken/],
    [{}, { references: { images: 17 } }, /at most 16/],
    [{}, { references: { mask: 1 } }, /mask needs images/],
    [{}, { references: { image: 1 } }, /image is not taken/],
    [{}, { modality: 'video' }, /makes no video/],
  ])('%j %j is passed over', (input, more, message) => {
    expect(openai.unsupported(shape('images', input, more)).join('\n')).toMatch(message);
  });

  test('sizes by the settings', () => {
    expect(openai.unsupported(shape('images', { size: '3840x2160' }, { sizes: 'free' }))).toEqual([]);
    expect(openai.unsupported(shape('images', { size: 'auto' }, { references: { images: 16, mask: 1 } }))).toEqual([]);
  });

  const prices = { text_in: 5, image_in: 10, out: 40 };
  const priced = (token_prices: object): Partial<MediaTask> => ({
    settings: { wire: 'images', token_prices } as never,
  });

  test('usage is a cost where the prices are known, to the micro-dollar', async () => {
    const cost = async (json: unknown, more: Partial<MediaTask> = priced(prices)) =>
      (await submit(task('images', more), { json })).submitted.upstreamCostMicroUsd;
    expect(await cost(images.one)).toBe(10 * 5 + 40 * 10 + 4160 * 40);
    expect(await cost(images.one, {})).toBeUndefined();
    expect(await cost({ ...images.one, usage: undefined })).toBeUndefined();
    expect(await cost({ ...images.one, usage: { total_tokens: 3 } })).toBeUndefined();
    const { usage } = images.one;
    const cached = { ...usage, input_tokens_details: { ...usage.input_tokens_details, cached_tokens: 4 } };
    expect(await cost({ ...images.one, usage: cached })).toBeUndefined();
    const wrote = { ...usage, output_tokens_details: { image_tokens: 4000, text_tokens: 160 } };
    expect(await cost({ ...images.one, usage: wrote })).toBeUndefined();
  });

  test('fewer pictures than asked for are a warning, more are kept', async () => {
    const made = (n: number) => task('images', { input: { prompt: 'a', n } });
    const { submitted } = await submit(made(2), { json: images.one });
    expect(submitted.warnings).toEqual(['the provider made 1 of 2 pictures']);
    expect((await submit(made(1), { json: images.two })).submitted.artifacts).toHaveLength(2);
  });

  test('a store that fails, or an answer that breaks off, may have been bought', async () => {
    const broken = { keep: async () => Promise.reject(new Error('disk full')) };
    await expect(submit(task('images'), { json: images.one }, broken)).rejects.toMatchObject({
      kind: 'internal',
      outcome: 'unknown',
      detail: { upstreamStatus: 200 },
    });
    const cut = { keep: async () => Promise.reject(new EgressError('connect', 'gone', false)) };
    await expect(submit(task('images'), { json: images.one }, cut)).rejects.toMatchObject({ outcome: 'unknown' });
  });

  test('there is nothing to poll', async () => {
    await expect(openai.poll(null, new CannedWire().context(ENDPOINT))).rejects.toMatchObject({ kind: 'internal' });
  });
});

test('options and settings are strict', () => {
  for (const refused of [{ input_fidelity: 'high' }, { user: 'u' }, { output_compression: 101 }, { partial_images: 2 }])
    expect(openai.options.safeParse(refused).success).toBe(false);
  expect(openai.settings.safeParse({ wire: 'videos', sizes: 'free' }).success).toBe(false);
  expect(openai.settings.safeParse({ wire: 'images', token_prices: { text_in: 5 } }).success).toBe(false);
  expect(openai.can({ wire: 'videos' }).synchronous).toBe(false);
});
