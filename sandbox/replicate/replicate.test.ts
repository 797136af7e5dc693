import { jest } from '@jest/globals';
import sharp from 'sharp';
import { call, download, probe } from '../test-client.js';
import { MODELS } from './models.js';
import { AUTH, FLUX, KLING, linksOf, LORA, type Prediction, TestWire } from './test-wire.js';

let picture: string;
let wire: TestWire;

beforeAll(async () => {
  wire = await TestWire.open();
  const bytes = await sharp({ create: { width: 640, height: 360, channels: 3, background: '#c02020' } })
    .png()
    .toBuffer();
  picture = `data:image/png;base64,${bytes.toString('base64')}`;
});
afterEach(() => jest.restoreAllMocks());
afterAll(() => wire.sandbox.close());

const list = (query = '') =>
  call<{ previous: string | null; next: string | null; results: Prediction[] }>(`${wire.api}/predictions${query}`, {
    headers: AUTH,
  });

describe('a prediction', () => {
  it('of FLUX ends in pictures of the asked shape, served to anybody', async () => {
    const done = await wire.finished(FLUX, {
      prompt: 'A fox & a <hen>',
      aspect_ratio: '16:9',
      num_outputs: 2,
      output_format: 'png',
      seed: 7,
    });
    expect(done).toMatchObject({ status: 'succeeded', version: 'hidden', error: null, data_removed: false });
    expect(done.logs).toMatch(/100%\|█+\| 28\/28/);
    const pictures = await Promise.all(linksOf(done).map((url) => download(url)));
    expect(pictures).toHaveLength(2);
    expect(pictures[0]).not.toEqual(pictures[1]);
    for (const bytes of pictures)
      expect(await sharp(bytes).metadata()).toMatchObject({ format: 'png', width: 1344, height: 768 });
  });

  it('of FLUX from a picture has the shape of the picture', async () => {
    const done = await wire.finished(FLUX, { prompt: 'x', image: picture, prompt_strength: 0.5 });
    const [url = ''] = linksOf(done);
    expect(await sharp(await download(url)).metadata()).toMatchObject({ format: 'webp', width: 640, height: 368 });
  });

  it('of FLUX with LoRAs takes weights by link and by name', async () => {
    const done = await wire.finished(LORA, {
      prompt: 'x',
      lora_weights: 'https://example.com/film.safetensors?sig=1',
      lora_scale: 0.8,
      extra_lora: 'fofr/flux-pixar-cars',
    });
    expect(done.status).toBe('succeeded');
    const bad = await wire.finished(LORA, { prompt: 'x', lora_weights: 'https://example.com/a/b/c/d' });
    expect(bad).toMatchObject({ status: 'failed', error: expect.stringMatching(/safetensors/) as string });
  });

  it('of Kling ends in one clip, with sound where it was asked', async () => {
    const done = await wire.finished(KLING, {
      prompt: 'x',
      mode: 'standard',
      duration: 3,
      aspect_ratio: '9:16',
      generate_audio: true,
    });
    expect(done.output).toEqual(expect.stringMatching(/\/replicate\/delivery\/[a-z0-9]{26}\/tmp-0\.mp4$/));
    const { streams, seconds } = probe(await download(linksOf(done)[0] ?? ''), 'mp4');
    expect(streams[0]).toMatchObject({ codec_name: 'h264', width: 720, height: 1280, nb_read_frames: '72' });
    expect(streams[1]).toMatchObject({ codec_name: 'aac' });
    expect(seconds).toBeCloseTo(3, 1);
  });

  it('of Kling from a frame has its shape, and no sound by default', async () => {
    const done = await wire.finished(KLING, { prompt: 'x', mode: 'standard', duration: 3, start_image: picture });
    const { streams } = probe(await download(linksOf(done)[0] ?? ''), 'mp4');
    expect(streams).toHaveLength(1);
    expect(streams[0]).toMatchObject({ width: 1280, height: 720 });
  });

  it('by a version, of a community model too, which has no path of its own', async () => {
    const community = MODELS.find(({ official }) => !official);
    const by = (version: string) => wire.create('predictions', { version, input: { prompt: 'x' } });
    expect(await by(community?.version ?? '')).toMatchObject({ status: 201, body: { version: community?.version } });
    expect((await by(`${community?.name}:${community?.version}`)).status).toBe(201);
    expect((await wire.create(`models/${community?.name}/predictions`, { input: { prompt: 'x' } })).status).toBe(404);
    expect(await by('a'.repeat(64))).toMatchObject({
      status: 422,
      body: { title: 'Invalid version or not permitted' },
    });
  });

  it('waits in the queue, runs, and shows how far it is', async () => {
    const id = await wire.started(FLUX, { prompt: 'slow [[sandbox:latency=60000]]' });
    const { body } = await wire.poll(id);
    expect(body).toMatchObject({ status: 'processing', output: null, completed_at: null });
    expect(body.logs).toMatch(/\d+%\|.+\| \d+\/28/);
    wire.sandbox.clock.speed = 1;
    const queued = await wire.started(FLUX, { prompt: 'queued' });
    wire.sandbox.clock.speed = 0;
    expect((await wire.poll(queued)).body).toMatchObject({ status: 'starting', logs: '' });
  });

  it('holds the answer for Prefer: wait', async () => {
    const quick = await wire.create(FLUX, { input: { prompt: 'x' } }, { prefer: 'wait' });
    expect(quick).toMatchObject({ status: 201, body: { status: 'succeeded' } });
    const slow = await wire.create(FLUX, { input: { prompt: 'x [[sandbox:never]]' } }, { prefer: 'wait=1' });
    expect(slow).toMatchObject({ status: 201, body: { status: 'processing' } });
    expect((await wire.create(FLUX, { input: { prompt: 'x' } }, { prefer: 'wait=61' })).status).toBe(400);
  });

  it('is canceled while it runs, not after', async () => {
    const cancel = (id: string) =>
      call<Prediction>(`${wire.api}/predictions/${id}/cancel`, { method: 'POST', headers: AUTH });
    const id = await wire.started(FLUX, { prompt: '[[sandbox:never]] x' });
    expect((await cancel(id)).body.status).toBe('canceled');
    expect((await wire.poll(id)).body).toMatchObject({ status: 'canceled', output: null });
    const { id: done } = await wire.finished(FLUX, { prompt: 'x' });
    expect((await cancel(done)).body.status).toBe('succeeded');
    expect((await cancel('unknown')).status).toBe(404);
  });

  it('ends by its deadline: aborted before it began, canceled after', async () => {
    const clock = jest.spyOn(Date, 'now');
    const start = Date.now();
    const late = async (prompt: string, speed: number) => {
      clock.mockReturnValue(start);
      wire.sandbox.clock.speed = speed;
      const { body } = await wire.create(FLUX, { input: { prompt } }, { 'cancel-after': '10s' });
      wire.sandbox.clock.speed = 0;
      clock.mockReturnValue(start + 11_000);
      return (await wire.poll(body.id)).body;
    };
    expect(await late('x [[sandbox:never]]', 0)).toMatchObject({ status: 'canceled', metrics: { predict_time: 10 } });
    const aborted = await late('x', 100);
    expect(aborted.status).toBe('aborted');
    expect(aborted.metrics).not.toHaveProperty('predict_time');
  });

  it('loses its data after an hour and keeps the rest', async () => {
    const done = await wire.finished(FLUX, { prompt: 'x' });
    jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 3_601_000);
    expect((await wire.poll(done.id)).body).toMatchObject({
      status: 'succeeded',
      data_removed: true,
      input: {},
      output: null,
      logs: null,
    });
    expect((await fetch(linksOf(done)[0] ?? '')).status).toBe(404);
  });

  it('stands in the list, newest first, with its webhook and input', async () => {
    const webhook = 'https://example.com/hook';
    const first = await wire.started(FLUX, { prompt: 'older' });
    const second = await wire.started(FLUX, { prompt: 'newer' }, { webhook, webhook_events_filter: ['completed'] });
    const { results } = (await list()).body;
    expect(results.slice(0, 2).map(({ id }) => id)).toEqual([second, first]);
    expect(results[0]).toMatchObject({ webhook, input: { prompt: 'newer' } });
    expect((await list('?source=web')).body.results).toEqual([]);
    expect((await list(`?created_before=${new Date(0).toISOString()}`)).body.results).toEqual([]);
    expect((await list('?created_after=yesterday')).status).toBe(400);
  });

  it('and the list has pages', async () => {
    for (let n = 0; n < 101; n += 1) await wire.started(FLUX, { prompt: `page ${n}` });
    const { body } = await list();
    expect(body.previous).toBeNull();
    expect(body.results).toHaveLength(100);
    const next = await call<{ previous: string; results: Prediction[] }>(body.next ?? '', { headers: AUTH });
    expect(next.body.results.length).toBeGreaterThan(0);
    expect(next.body.results.map(({ id }) => id)).not.toContain(body.results[99]?.id);
    const back = await call<{ results: Prediction[] }>(next.body.previous, { headers: AUTH });
    expect(back.body.results).toHaveLength(100);
  });
});
