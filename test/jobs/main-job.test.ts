import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startKiln, type Kiln } from '../support/kiln.js';
import { tinyPng } from '../support/media.js';
import { describeWithRedis, startRedis, type TestRedis } from '../support/redis.js';
import { startS3 } from '../support/s3.js';

let kiln: Kiln;

/** The same journey on every set of servers that Kiln runs on. */
function journey(environment: () => Promise<Record<string, string>>): void {
  beforeAll(async () => {
    kiln = await startKiln({ env: await environment(), logLevel: (process.env['TEST_LOG'] as 'debug') ?? 'silent' });
  });
  afterAll(async () => kiln.drop());

  test('a text-to-video job ends with a playable clip of the asked length and size', async () => {
    const job = await kiln.post({
      model: 'veo-3.1',
      input: { prompt: 'a lighthouse at dusk', duration_seconds: 4, resolution: '720p', aspect_ratio: '16:9' },
    });
    expect(job).toMatchObject({ object: 'job', status: 'queued', model: 'veo-3.1' });
    const done = await kiln.finished(job.id);
    expect(done.error).toBeNull();
    expect(done).toMatchObject({
      status: 'succeeded',
      progress: 1,
      outputs: [{ type: 'video', content_type: 'video/mp4', width: 1280, height: 720 }],
    });
    const [output] = done.outputs;
    const file = join(kiln.ground.dir, 'out.mp4');
    writeFileSync(file, Buffer.from(await (await fetch(output!.url!)).arrayBuffer()));
    const facts = JSON.parse(
      execFileSync('ffprobe', ['-v', 'error', '-show_streams', '-show_format', '-of', 'json', file], {
        encoding: 'utf8',
      }),
    ) as { streams: { codec_name: string; width: number }[]; format: { duration: string } };
    expect(facts.streams[0]).toMatchObject({ codec_name: 'h264', width: 1280 });
    expect(Math.round(Number(facts.format.duration))).toBe(4);
    for (const variant of ['poster', 'preview', 'thumbnail'] as const)
      expect((await fetch(output!.variants[variant]!.url)).status).toBe(200);
    expect(done.cost.charged_micro_usd).toBe(done.cost.held_micro_usd);
  });

  test.each([
    ['wan-2.2', { prompt: 'waves', duration_seconds: 2 }, 'video'],
    ['flux-dev', { prompt: 'a fox in the snow', size: '512x512' }, 'image'],
    ['ace-step', { prompt: 'slow jazz', duration_seconds: 10 }, 'audio'],
  ])('%s runs to the end', async (model, input, type) => {
    const job = await kiln.post({ model, input });
    const done = await kiln.finished(job.id);
    expect(done.error).toBeNull();
    expect(done).toMatchObject({ status: 'succeeded', outputs: [{ type }] });
  });

  test('an uploaded reference image becomes a video', async () => {
    const form = new FormData();
    form.append('file', new Blob([await tinyPng()], { type: 'image/png' }), 'cat.png');
    const upload = await kiln.call<{ id: string }>('POST', '/v1/uploads', form);
    expect(upload.status).toBe(201);
    const job = await kiln.post({
      model: 'wan-2.2',
      input: { prompt: 'it moves', image: upload.body.id, duration_seconds: 2 },
    });
    expect(job).toMatchObject({ status: 'queued', stage: 'preparing' });
    const done = await kiln.finished(job.id);
    expect(done.error).toBeNull();
    expect(done.status).toBe('succeeded');
  });
}

describe('on PostgreSQL and a folder', () => {
  journey(async () => ({}));
});

describeWithRedis('on Redis and S3', () => {
  let redis: TestRedis | null = null;
  let s3: Awaited<ReturnType<typeof startS3>>;
  journey(async () => {
    redis = await startRedis();
    s3 = await startS3();
    return {
      REDIS_URL: redis?.url ?? '',
      S3_ENDPOINT: s3.endpoint,
      S3_BUCKET: s3.bucket,
      S3_ACCESS_KEY_ID: s3.accessKeyId,
      S3_SECRET_ACCESS_KEY: s3.secretAccessKey,
    };
  });
  afterAll(async () => {
    await redis?.close();
    await s3.close();
  });
});
