import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { call, download, probe, unanswered } from '../test-client.js';
import { AUTH, describeSubmitFaults, type ErrorBody, file, openWire, png, raw, type Refusal } from './test-wire.js';

interface Video extends Partial<ErrorBody> {
  id: string;
  status: string;
  progress: number;
  expires_at: number | null;
}

let wire: Awaited<ReturnType<typeof openWire>>;
beforeAll(async () => {
  wire = await openWire();
});
afterEach(() => wire.sandbox.clearFaults());
afterAll(() => wire.sandbox.close());

const get = <Body = Video>(path: string) => wire.get<Body>(path);

async function create(prompt: string, more: object = {}): Promise<string> {
  const { status, body } = await wire.post<Video>('/videos', { model: 'sora-2', prompt, ...more });
  expect(status).toBe(200);
  return body.id;
}

describe('videos', () => {
  it('right after create, and when it is done', async () => {
    const { body } = await wire.post<Video>('/videos', { prompt: 'a [[sandbox:latency=60000]]', seconds: '8' });
    expect(body).toEqual({
      id: expect.stringMatching(/^video_[0-9a-f]{48}$/) as string,
      object: 'video',
      created_at: expect.any(Number) as number,
      status: 'queued',
      model: 'sora-2',
      progress: 0,
      seconds: '8',
      size: '720x1280',
    });
    expect((await get(`/videos/${body.id}`)).body).toMatchObject({ status: 'in_progress', completed_at: null });
    const done = (await get(`/videos/${await create('b')}`)).body;
    expect(done).toMatchObject({ status: 'completed', progress: 100, error: null, prompt: 'b', seconds: '4' });
    expect(done.expires_at).toBeGreaterThan(Date.now() / 1000);
  });

  it('renders a clip of the asked size and length with sound, its thumbnail and its sheet', async () => {
    const { body } = await wire.postForm<Video>('/videos', [
      ['model', 'sora-2-pro'],
      ['prompt', 'A fox'],
      ['seconds', '4'],
      ['size', '1792x1024'],
      ['input_reference', file(await png(1792, 1024))],
    ]);
    const content = `${wire.base}/videos/${body.id}/content`;
    const { streams, seconds } = probe(await download(content, AUTH), 'mp4');
    expect(streams[0]).toMatchObject({ codec_name: 'h264', width: 1792, height: 1024, nb_read_frames: '120' });
    expect(streams[1]).toMatchObject({ codec_name: 'aac' });
    expect(seconds).toBeCloseTo(4, 1);
    const [thumbnail, sheet] = await Promise.all(
      ['thumbnail', 'spritesheet'].map(async (variant) =>
        sharp(await download(`${content}?variant=${variant}`, AUTH)).metadata(),
      ),
    );
    expect([thumbnail?.format, sheet?.format]).toEqual(['webp', 'jpeg']);
  });

  it('serves ranges, and nothing without the key', async () => {
    const content = `${wire.base}/videos/${await create('ranges')}/content?variant=video`;
    const whole = await download(content, AUTH);
    expect(await download(content, { ...AUTH, range: 'bytes=100-' })).toEqual(whole.subarray(100));
    expect((await call(content)).status).toBe(401);
  });

  it('takes a link or a data URL in JSON', async () => {
    const data = `data:image/png;base64,${(await png(720, 1280)).toString('base64')}`;
    await create('linked', { input_reference: { image_url: data } });
    const made = await wire.postForm<Video>('/videos', [
      ['prompt', 'flat'],
      ['input_reference[image_url]', data],
    ]);
    expect(made.status).toBe(200);
  });

  it('lists by pages, newest first, and deletes what is finished', async () => {
    const ids = [await create('one'), await create('two'), await create('three')];
    type Page = { data: Video[]; has_more: boolean; last_id: string };
    const first = (await get<Page>('/videos?limit=2')).body;
    expect([first.data.map(({ id }) => id), first.has_more]).toEqual([[ids[2], ids[1]], true]);
    const next = (await get<Page>(`/videos?limit=1&after=${first.last_id}`)).body;
    expect(next.data[0]?.id).toBe(ids[0]);
    const remove = (id: string | undefined) => call(`${wire.base}/videos/${id}`, { method: 'DELETE', headers: AUTH });
    expect((await remove(ids[0])).body).toEqual({ id: ids[0], object: 'video.deleted', deleted: true });
    expect((await get(`/videos/${ids[0]}`)).status).toBe(404);
    expect((await remove(await create('[[sandbox:never]] runs'))).status).toBe(400);
    for (const wrong of ['limit=101', 'limit=x', 'order=up']) expect((await get(`/videos?${wrong}`)).status).toBe(400);
  });
});

describe('strictness of videos', () => {
  const video = (more: object) => ({ prompt: 'a', ...more });
  const refused: Refusal[] = [
    ['an unknown field', () => video({ duration: 4 }), 'duration', 'unknown_parameter', /Unknown parameter/],
    ['no prompt', () => ({ model: 'sora-2' }), 'prompt', 'missing_required_parameter', /Missing/],
    ['an empty prompt', () => ({ prompt: ' ' }), 'prompt', 'invalid_value', /empty/],
    ['a long prompt', () => ({ prompt: 'a'.repeat(32_001) }), 'prompt', 'invalid_value', /too long/],
    ['seconds as a number', () => video({ seconds: 4 }), 'seconds', 'invalid_type', /but got an integer/],
    ['five seconds', () => video({ seconds: '5' }), 'seconds', 'invalid_value', /'4', '8', '12'/],
    ['a large size of the small model', () => video({ size: '1792x1024' }), 'size', 'invalid_value', /720x1280/],
    ['a text for a file', () => video({ input_reference: 'x' }), 'input_reference', 'invalid_type', /got a string/],
    ['a list for a file', () => video({ input_reference: [] }), 'input_reference', 'invalid_type', /an array/],
    [
      'no link',
      () => video({ input_reference: {} }),
      'input_reference.image_url',
      'missing_required_parameter',
      /Missing/,
    ],
    [
      'a broken link',
      () => video({ input_reference: { image_url: 'nowhere' } }),
      'input_reference.image_url',
      'invalid_value',
      /neither/,
    ],
    [
      'a strange key',
      () => video({ input_reference: { url: 'x' } }),
      'input_reference.url',
      'unknown_parameter',
      /Unknown/,
    ],
    ['an unknown marker', () => video({ prompt: '[[sandbox:polcy]]' }), 'prompt', 'invalid_value', /polcy/],
    [
      'a reference of another size',
      async () => [
        ['prompt', 'a'],
        ['input_reference', file(await png(640, 360))],
      ],
      null,
      null,
      /Inpaint image must match/,
    ],
    [
      'a GIF',
      async () => [
        ['prompt', 'a'],
        ['input_reference', file(await png(720, 1280), 'image/gif')],
      ],
      'input_reference',
      'unsupported_file_mimetype',
      /image\/gif/,
    ],
    [
      'a PNG called JPEG',
      async () => [
        ['prompt', 'a'],
        ['input_reference', file(await png(720, 1280), 'image/jpeg')],
      ],
      'input_reference',
      'invalid_image_file',
      /the content is png/,
    ],
    [
      'a cut-off file',
      async () => [
        ['prompt', 'a'],
        ['input_reference', file((await png(720, 1280)).subarray(0, 900))],
      ],
      'input_reference',
      'invalid_image_file',
      /Invalid image file/,
    ],
    [
      'a file under another name',
      async () => [
        ['prompt', 'a'],
        ['image', file(await png(720, 1280))],
      ],
      'image',
      'unknown_parameter',
      /Unknown/,
    ],
  ];
  it.each(refused)('refuses %s', async (...row) => wire.expectRefused('/videos', row));

  it('refuses an unknown model, a wrong key, no key, broken JSON, and what it does not have', async () => {
    expect(await wire.post('/videos', { prompt: 'a', model: 'sora-9' })).toMatchObject({
      status: 404,
      body: { error: { code: 'model_not_found' } },
    });
    const keyed = (headers: Record<string, string>) => call<ErrorBody>(`${wire.base}/videos`, { headers, json: {} });
    expect(await keyed({})).toMatchObject({ status: 401, body: { error: { code: null } } });
    expect(await keyed({ authorization: 'Bearer no' })).toMatchObject({
      status: 401,
      body: { error: { code: 'invalid_api_key' } },
    });
    expect((await call<ErrorBody>(`${wire.base}/videos`, { ...raw({}), body: '{' })).body.error.message).toMatch(
      /parse/,
    );
    expect((await wire.post('/videos', [1])).status).toBe(400);
    expect((await wire.post('/videos/edits', {})).body.error.message).toMatch(/Invalid URL/);
    expect((await get('/videos/video_none')).status).toBe(404);
    expect((await get(`/videos/${await create('variant')}/content?variant=gif`)).status).toBe(400);
  });
});

describe('switches of videos', () => {
  describeSubmitFaults(
    () => wire,
    '/videos',
    (prompt) => ({ prompt }),
    unanswered,
  );

  it.each([
    ['fail', { status: 'failed', error: { code: 'server_error' } }],
    ['oom', { status: 'failed', error: { code: 'server_error' } }],
    ['policy', { status: 'failed', error: { code: 'moderation_blocked' } }],
    ['never', { status: 'in_progress' }],
    ['empty', { status: 'completed' }],
  ])('a video: %s', async (name, state) => {
    const id = await create(`x [[sandbox:${name}]]`);
    expect((await get(`/videos/${id}`)).body).toMatchObject(state);
    expect((await get(`/videos/${id}/content`)).status).toBe(404);
  });

  it('a video that is lost is not found', async () => {
    expect((await get(`/videos/${await create('x [[sandbox:lost]]')}`)).status).toBe(404);
  });

  it.each([
    ['429-poll', 429],
    ['500-poll', 500],
    ['503-poll', 503],
  ])('polls fail with %s, then go on', async (name, status) => {
    const id = await create(`x [[sandbox:${name}=1]]`);
    expect((await get(`/videos/${id}`)).status).toBe(status);
    expect((await get(`/videos/${id}`)).status).toBe(200);
  });

  it('downloads break as asked', async () => {
    const content = async (fault: string) => `${wire.base}/videos/${await create(`x [[sandbox:${fault}]]`)}/content`;
    const torn = await content('truncate');
    await expect(download(torn, AUTH)).rejects.toThrow('terminated');
    const whole = await download(torn, AUTH);
    expect(probe(whole, 'mp4').streams).toHaveLength(2);
    expect((await call(await content('expired'), { headers: AUTH })).status).toBe(404);
    expect(await download(await content('zero-bytes'), AUTH)).toHaveLength(0);
    expect((await download(await content('not-media'), AUTH)).toString()).toMatch(/doctype/);
    expect(await download(await content(`pad=1000000`), AUTH)).toHaveLength(1_000_000);
    const away = await fetch(await content('off-origin'), { headers: AUTH, redirect: 'manual' });
    expect([away.status, away.headers.get('location')]).toEqual([302, 'http://169.254.169.254/latest/meta-data/']);
  });
});

test('videos outlive a restart', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'kiln-openai-'));
  const before = await openWire({ dataDir });
  const { body } = await before.post<Video>('/videos', { prompt: 'kept' });
  await before.sandbox.close();
  const after = await openWire({ dataDir });
  expect((await after.get<Video>(`/videos/${body.id}`)).body).toMatchObject({ status: 'completed' });
  await after.sandbox.close();
  await rm(dataDir, { recursive: true, force: true });
});
