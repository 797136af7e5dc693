import { execFileSync } from 'node:child_process';
import { jest } from '@jest/globals';
import sharp from 'sharp';
import { findFfmpeg } from '../render/ffmpeg.js';
import { call, download, probe, unanswered, until } from '../test-client.js';
import { AUTH, type Bench, body, MODEL, openBench, type Refusal, type Task, text } from './test-bench.js';

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
});
afterEach(() => bench.reset());
afterAll(() => bench.close());

const videoOf = async (id: string) => {
  const { body: task } = await bench.get(id);
  return probe(await download(task.content?.video_url ?? ''), 'mp4');
};

describe('Seedance on Ark', () => {
  it('renders a clip of the asked ratio, resolution and length, with sound, and says what it cost', async () => {
    const id = await bench.create('A fox & a <hen>', { ratio: '16:9', resolution: '720p', duration: 5, seed: 7 });
    const { body: task } = await bench.get(id);
    expect(task).toMatchObject({
      id,
      model: MODEL,
      status: 'succeeded',
      usage: { completion_tokens: 108_900, total_tokens: 108_900 },
      seed: 7,
      resolution: '720p',
      ratio: '16:9',
      duration: 5,
      framespersecond: 24,
      service_tier: 'default',
      execution_expires_after: 172_800,
      generate_audio: true,
    });
    const { streams, seconds } = await videoOf(id);
    expect(streams[0]).toMatchObject({ codec_name: 'h264', width: 1280, height: 720, nb_read_frames: '121' });
    expect(streams[1]).toMatchObject({ codec_name: 'aac' });
    expect(seconds).toBeCloseTo(5.04, 1);
  });

  it.each([
    ['480p', '21:9', 992, 432],
    ['480p', '3:4', 560, 752],
    ['1080p', '9:16', 1080, 1920],
  ])('%s at %s is %ix%i; silent where asked', async (resolution, ratio, width, height) => {
    const { streams } = await videoOf(await bench.create('x', { resolution, ratio, generate_audio: false }));
    expect(streams).toHaveLength(1);
    expect(streams[0]).toMatchObject({ width, height, nb_read_frames: '97' });
  });

  it('takes the shape of a first frame, and draws frames and references', async () => {
    const plain = await videoOf(await bench.create('x', { seed: 1 }));
    expect(plain.streams[0]).toMatchObject({ width: 864, height: 496 });
    const unnamed = await bench.get(await bench.create([text('x'), bench.image(undefined)]));
    expect(unnamed.body).toMatchObject({ ratio: '3:4' });
    const both = await videoOf(await bench.create([text('x'), bench.image('first_frame'), bench.image('last_frame')]));
    expect(both.streams[0]).toMatchObject({ width: 560, height: 752 });
    const withReferences = await bench.create(
      [text('x'), bench.image('reference_image'), bench.video('clip.mp4'), bench.audio('sound.mp3')],
      {
        ratio: '1:1',
      },
    );
    const { body: task } = await bench.get(withReferences);
    // 640 × 640 × (97 + 3 × 24) / 1024
    expect(task.usage?.completion_tokens).toBe(67_600);
    const bytes = await download(task.content?.video_url ?? '');
    const still = execFileSync(
      findFfmpeg(),
      ['-v', 'error', '-i', '-', '-frames:v', '1', '-f', 'image2', '-c:v', 'png', '-'],
      { input: bytes },
    );
    const { data, info } = await sharp(still).removeAlpha().raw().toBuffer({ resolveWithObject: true });
    const at = (x: number, y: number) => [...data.subarray((y * info.width + x) * 3, (y * info.width + x) * 3 + 3)];
    for (const x of [40, 600]) expect(at(x, 300)[0]).toBeGreaterThan(150);
  });

  it('gives the last frame and a link that ends', async () => {
    const { body: task } = await bench.get(await bench.create('x', { return_last_frame: true }));
    const still = await sharp(await download(task.content?.last_frame_url ?? '')).metadata();
    expect(still).toMatchObject({ format: 'jpeg', width: 864, height: 496 });
    const url = task.content?.video_url ?? '';
    expect((await call(url.replace(/Signature=.{4}/, 'Signature=0000'))).status).toBe(403);
    const now = jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 86_500_000);
    expect((await call(url)).status).toBe(403);
    now.mockRestore();
    expect((await call(url)).status).toBe(200);
  });

  it('reads parameters out of the prompt, as the provider does, and bills them', async () => {
    const { body: task } = await bench.get(
      await bench.create('a cat --rs 720p --dur 15 --ratio 7:7 --wm true', { ratio: '16:9' }),
    );
    expect(task).toMatchObject({ resolution: '720p', duration: 15, ratio: '16:9' });
  });

  it('lists with filters', async () => {
    const [first, second] = [await bench.create('one'), await bench.create('two [[sandbox:fail]]')];
    const list = async (query: string) =>
      (await call<{ items: Task[]; total: number } & Refusal>(`${bench.api}?${query}`, { headers: AUTH })).body;
    const ids = ({ items }: { items: Task[] }) => items.map(({ id }) => id);
    expect(ids(await list(`filter.task_ids=${first}&filter.task_ids=${second}`))).toEqual([second, first]);
    expect(ids(await list(`filter.task_ids=${first},${second}&filter.status=failed`))).toEqual([second]);
    expect(await list('page_size=1&page_num=2')).toMatchObject({ items: [{ id: first }] });
    expect((await list('filter.model=doubao-seedance-2-0-260128')).total).toBe(0);
    expect((await list('filter.service_tier=flex')).total).toBe(0);
    for (const wrong of ['page_size=501', 'page_num=0', 'filter.status=done', 'limit=5'])
      expect((await list(wrong)).error.code).toBe('InvalidParameter');
  });
});

describe('DELETE', () => {
  it('cancels what is queued, once', async () => {
    bench.sandbox.clock.speed = 1000;
    const id = await bench.create('x');
    expect((await bench.get(id)).body.status).toBe('queued');
    expect(await bench.remove(id)).toMatchObject({ status: 200, body: {} });
    expect((await bench.get(id)).body.status).toBe('cancelled');
    expect((await bench.remove(id)).status).toBe(409);
  });

  it('refuses what runs, and erases what has ended', async () => {
    const running = await bench.create('x [[sandbox:never]]');
    expect(await bench.remove(running)).toMatchObject({
      status: 409,
      body: { error: { code: 'InvalidAction.RunningTaskDeletion' } },
    });
    expect((await bench.get(running)).body.status).toBe('running');
    const done = await bench.create('x');
    expect((await bench.remove(done)).status).toBe(200);
    expect((await bench.get(done)).status).toBe(404);
    expect((await bench.remove(done)).status).toBe(404);
  });

  it('a task that does not end in time has expired', async () => {
    const id = await bench.create('x [[sandbox:never]]', { execution_expires_after: 3600 });
    const now = jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 3_601_000);
    expect((await bench.get(id)).body.status).toBe('expired');
    now.mockRestore();
  });
});

describe('callbacks', () => {
  const ended = () => bench.rung.filter(({ status }) => status === 'succeeded' || status === 'failed');

  it('come for each status, with the body of GET', async () => {
    bench.sandbox.clock.speed = 0.02;
    const id = await bench.create('x', { callback_url: `${bench.filesUrl}/ring` });
    await until(async () => ended().length > 0);
    expect(bench.rung.map(({ status }) => status)).toEqual(expect.arrayContaining(['queued', 'running', 'succeeded']));
    expect(ended()[0]).toEqual((await bench.get(id)).body);
  });

  it('come again where the receiver fails, several times where a fault says so, and not where one says that', async () => {
    bench.refuse = 1;
    await bench.create('x [[sandbox:fail]]', { callback_url: `${bench.filesUrl}/ring` });
    await until(async () => bench.rung.length >= 4);
    expect(new Set(bench.rung.map(({ status }) => status))).toEqual(new Set(['failed']));
    bench.rung = [];
    await bench.create('x [[sandbox:duplicate-callbacks]]', { callback_url: `${bench.filesUrl}/ring` });
    await until(async () => bench.rung.length >= 9);
    await bench.create('x [[sandbox:no-callback]]', { callback_url: `${bench.filesUrl}/ring` });
    await bench.create('x', { callback_url: `${bench.filesUrl}/ring` });
    await until(async () => bench.rung.length >= 12);
    expect(bench.rung).toHaveLength(12);
  });
});

describe('switches', () => {
  const submit = (prompt: string) =>
    call<Refusal & { id: string }>(bench.api, { headers: AUTH, json: body([text(prompt)]) });

  it.each([
    ['429', 429, 'RateLimitExceeded.EndpointRPMExceeded'],
    ['500', 500, 'InternalServiceError'],
    ['503', 503, 'ServiceUnavailable'],
    ['policy-submit', 400, 'InputTextSensitiveContentDetected'],
  ])('refuses the submit with %s, as often as asked', async (name, status, code) => {
    const prompt = `twice [[sandbox:${name}=2]]`;
    for (let attempt = 0; attempt < 2; attempt += 1)
      expect(await submit(prompt)).toMatchObject({ status, body: { error: { code } } });
    expect((await submit(prompt)).status).toBe(200);
  });

  it.each([
    ['hang', 'hang', 0],
    ['drop', 'drop', 0],
    ['hang-after', 'hang', 1],
    ['drop-after', 'drop', 1],
  ])('%s leaves the submit unanswered', async (name, how, accepted) => {
    const prompt = `silent [[sandbox:${name}]]`;
    const init = {
      method: 'POST',
      headers: { ...AUTH, 'content-type': 'application/json' },
      body: JSON.stringify(body([text(prompt)])),
    };
    // A cut connection is told at once; only silence has to be waited for.
    expect(await unanswered(bench.api, init, how === 'drop' ? 10_000 : 150)).toBe(how);
    const recorded = () => bench.sandbox.requests({ provider: 'ark', contains: prompt });
    await until(async () => recorded().length > 0);
    expect(recorded().map(({ outcome }) => outcome)).toEqual([accepted > 0 ? 'accepted' : 'unanswered']);
  });

  it('answers what is not JSON, and refuses polls, then goes on', async () => {
    expect((await submit('[[sandbox:malformed-submit]] x')).body).toEqual(expect.any(String));
    const garbled = await bench.create('x [[sandbox:malformed]]');
    expect((await bench.get(garbled)).body).toEqual(expect.any(String));
    expect((await bench.get(garbled)).body.status).toBe('succeeded');
    for (const [name, status] of [
      ['429-poll', 429],
      ['500-poll', 500],
      ['503-poll', 503],
    ] as const) {
      const id = await bench.create(`x [[sandbox:${name}=2]]`);
      for (let attempt = 0; attempt < 2; attempt += 1) expect((await bench.get(id)).status).toBe(status);
      expect((await bench.get(id)).body.status).toBe('succeeded');
    }
  });

  it('fails, is withheld, ends empty, vanishes or never ends', async () => {
    const of = async (marker: string) => (await bench.get(await bench.create(`x [[sandbox:${marker}]]`))).body;
    expect(await of('fail')).toMatchObject({ status: 'failed', error: { code: 'InternalServiceError' } });
    expect(await of('oom')).toMatchObject({ status: 'failed' });
    expect(await of('policy')).toMatchObject({
      status: 'failed',
      error: { code: 'OutputVideoSensitiveContentDetected' },
    });
    expect(await of('empty')).toMatchObject({ status: 'succeeded', content: {} });
    expect((await of('lost')).error?.code).toBe('ResourceNotFound');
    expect(await of('never')).toMatchObject({ status: 'running' });
    expect((await of('off-origin')).content?.video_url).toBe('http://169.254.169.254/latest/meta-data/');
  });

  it('cuts, pads, empties and loses downloads', async () => {
    const linkOf = async (marker: string) =>
      (await bench.get(await bench.create(`x [[sandbox:${marker}]]`))).body.content?.video_url ?? '';
    const torn = await linkOf('truncate');
    await expect(download(torn)).rejects.toThrow('terminated');
    expect(probe(await download(torn), 'mp4').streams[0]).toMatchObject({ nb_read_frames: '97' });
    expect(await download(await linkOf('pad=3000000'))).toHaveLength(3_000_000);
    expect((await call(await linkOf('expired'))).status).toBe(404);
    expect((await call(await linkOf('zero-bytes'))).body).toBe('');
    expect((await call(await linkOf('not-media'))).headers.get('content-type')).toBe('text/html');
  });
});
