import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isBlurhashValid } from 'blurhash';
import sharp from 'sharp';
import { Links } from '../../src/assets/links.js';
import { execute, sql } from '../../src/database/database.js';
import { faultPoints } from '../../src/jobs/store/fault-points.js';
import type { JobView } from '../../src/jobs/view/job-view.js';
import { type Kiln, startKiln } from '../support/kiln.js';
import { cachedFile, clipFile, ffmpeg, tinyPng } from '../support/media.js';
import { startS3 } from '../support/s3.js';
import { ffprobe, leftBehind, objectsOf, presignedUpload, type ProbedFile, storeOf } from './harness.js';

const download = async (url: string | null | undefined): Promise<Buffer> => {
  const response = await fetch(url ?? '');
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return Buffer.from(await response.arrayBuffer());
};
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
/** Others tell how the adapter rounded what was asked for. */
const derivativeWarnings = (job: JobView): string[] => job.warnings.filter((warning) => warning.startsWith('output '));
const streamOf = (file: ProbedFile, type: string): ProbedFile['streams'][number] | undefined =>
  file.streams.find(({ codec_type: found }) => found === type);

/** Names of an MP4's boxes at the top. */
function boxesOf(mp4: Buffer): string[] {
  const names: string[] = [];
  for (let at = 0; at + 8 <= mp4.length;) {
    names.push(mp4.toString('latin1', at + 4, at + 8));
    at += Math.max(8, mp4.readUInt32BE(at));
  }
  return names;
}
const indexIsFirst = (mp4: Buffer): boolean => {
  const names = boxesOf(mp4);
  return names.includes('moov') && names.indexOf('moov') < names.indexOf('mdat');
};

describe('in a folder', () => {
  let kiln: Kiln;
  let film: JobView;
  let silent: JobView;
  let pictures: JobView;
  let song: JobView;
  beforeAll(async () => {
    kiln = await startKiln();
    const run = async (model: string, input: object): Promise<JobView> =>
      kiln.finished((await kiln.post({ model, input })).id);
    const veo = { prompt: 'a pier', duration_seconds: 4, resolution: '720p', aspect_ratio: '9:16' };
    [film, silent, pictures, song] = await Promise.all([
      run('veo-3.1', veo),
      run('veo-3.1', { ...veo, generate_audio: false }),
      run('flux-dev', { prompt: 'a fox', size: '512x256', n: 4 }),
      run('ace-step', { prompt: 'jazz', duration_seconds: 10 }),
    ]);
  });
  afterEach(() => {
    faultPoints.reach = null;
  });
  afterAll(async () => kiln.drop());

  /** From a file: while Kiln runs in this process sharp reads nothing from memory. */
  async function imageFacts(bytes: Buffer): Promise<{ format: string; width: number; height: number }> {
    const path = join(kiln.ground.dir, `image-${sha256(bytes)}`);
    await writeFile(path, bytes);
    const { format, width, height } = await sharp(path).metadata();
    return { format, width, height };
  }

  it.each([
    ['with sound', true, () => film],
    ['without sound', false, () => silent],
  ])('a clip %s says what ffprobe says, and starts to play at once', async (_what, hasAudio, job) => {
    const { status, error, warnings, outputs } = job();
    expect({ status, error, warnings }).toEqual({ status: 'succeeded', error: null, warnings: [] });
    const [output] = outputs;
    const bytes = await download(output?.url);
    expect(output).toMatchObject({ bytes: bytes.length, sha256: sha256(bytes), has_audio: hasAudio });
    const probed = await ffprobe(kiln.ground.dir, bytes);
    expect(streamOf(probed, 'video')).toMatchObject({
      codec_name: 'h264',
      width: output?.width,
      height: output?.height,
    });
    expect(streamOf(probed, 'audio') !== undefined).toBe(hasAudio);
    expect(streamOf(probed, 'video')?.avg_frame_rate).toBe(`${output?.fps}/1`);
    expect(output?.duration_seconds).toBeCloseTo(Number(probed.format.duration), 3);
    expect(indexIsFirst(bytes)).toBe(true);
  });

  it('a clip has a poster, a preview without sound, a thumbnail and a blurhash', async () => {
    const [output] = film.outputs;
    expect(Object.keys(output?.variants ?? {}).toSorted()).toEqual(['poster', 'preview', 'spritesheet', 'thumbnail']);
    const [poster, preview, thumbnail] = await Promise.all([
      download(output?.variants.poster?.url),
      download(output?.variants.preview?.url),
      download(output?.variants.thumbnail?.url),
    ]);
    expect(await imageFacts(poster)).toEqual({ format: 'jpeg', width: 720, height: 1280 });
    expect(await imageFacts(thumbnail)).toMatchObject({ format: 'webp', width: 320 });
    const probed = await ffprobe(kiln.ground.dir, preview);
    expect(streamOf(probed, 'video')).toMatchObject({ codec_name: 'h264', width: 480 });
    expect(streamOf(probed, 'audio')).toBeUndefined();
    expect(Number(probed.format.duration)).toBeLessThanOrEqual(4.1);
    expect(indexIsFirst(preview)).toBe(true);
    expect(isBlurhashValid(output?.blurhash ?? '').result).toBe(true);
  });

  it('four pictures of one job each have facts and a WebP preview', async () => {
    expect(pictures.outputs).toHaveLength(4);
    expect(new Set(pictures.outputs.map((output) => output.sha256)).size).toBe(4);
    expect(new Set(pictures.outputs.map(({ id }) => id)).size).toBe(4);
    for (const output of pictures.outputs) {
      const bytes = await download(output.url);
      expect(output).toMatchObject({ type: 'image', sha256: sha256(bytes), width: 512, height: 256, has_audio: null });
      expect(await imageFacts(bytes)).toMatchObject({ width: 512, height: 256 });
      expect(await imageFacts(await download(output.variants.preview?.url))).toMatchObject({
        format: 'webp',
        width: 512,
      });
      expect(isBlurhashValid(output.blurhash ?? '').result).toBe(true);
    }
  });

  it('music has a waveform', async () => {
    const [output] = song.outputs;
    const probed = await ffprobe(kiln.ground.dir, await download(output?.url));
    expect(streamOf(probed, 'audio')).toBeDefined();
    expect(output).toMatchObject({ type: 'audio', has_audio: true, width: null, blurhash: null });
    expect(output?.duration_seconds).toBeCloseTo(Number(probed.format.duration), 3);
    expect(await imageFacts(await download(output?.variants.waveform?.url))).toEqual({
      format: 'png',
      width: 1200,
      height: 240,
    });
  });

  it('the content endpoint leads to the link of any variant', async () => {
    const at = (n: number, query = ''): Promise<{ status: number; headers: Headers }> =>
      kiln.call('GET', `/v1/jobs/${film.id}/outputs/${n}/content${query}`);
    const found = await at(0, '?variant=poster');
    expect(found.status).toBe(302);
    expect((await imageFacts(await download(found.headers.get('location')))).format).toBe('jpeg');
    expect((await at(1)).status).toBe(404);
    expect((await at(0, '?variant=waveform')).status).toBe(404);
    expect((await at(0, '?variant=../secret')).status).toBe(400);
  });

  describe('a link', () => {
    const statusOf = async (url: string, headers: Record<string, string> = {}): Promise<number> =>
      (await fetch(url, { headers })).status;

    it('opens nothing when it is changed, late, or of another key', async () => {
      const { id = '', url } = film.outputs[0] ?? {};
      const link = new URL(url ?? '');
      const changed = (change: (url: URL) => void): string => {
        const copy = new URL(link);
        change(copy);
        return copy.href;
      };
      const { keyId } = await kiln.database.output.findUniqueOrThrow({ where: { id } });
      const sign = (more: object): string =>
        kiln.app
          .get(Links)
          .sign({ assetId: id, keyId, variant: 'content', expiresAt: new Date(Date.now() + 60_000), ...more });
      expect(await statusOf(sign({}))).toBe(200);
      const other = await kiln.newKey();
      const wrong = [
        changed((copy) => copy.searchParams.set('signature', `A${link.searchParams.get('signature')?.slice(1)}`)),
        changed((copy) => copy.searchParams.set('expires', String(Number(link.searchParams.get('expires')) + 1))),
        changed((copy) => copy.searchParams.delete('signature')),
        changed((copy) => (copy.pathname = copy.pathname.replace('/content', '/poster'))),
        changed((copy) => (copy.pathname = copy.pathname.replace(id, silent.outputs[0]?.id ?? ''))),
        changed((copy) => (copy.pathname = copy.pathname.replace(id, 'out_01h455vb4pex5vsknk084sn02q'))),
        sign({ expiresAt: new Date(Date.now() - 1000) }),
        sign({ keyId: other.id }),
      ];
      expect(await Promise.all(wrong.map((one) => statusOf(one)))).toEqual(wrong.map(() => 403));
      const withKey = { authorization: `Bearer ${kiln.secret}` };
      expect(await statusOf(wrong[0] ?? '', withKey)).toBe(403);
      expect(await statusOf(link.href, { authorization: 'Bearer nonsense' })).toBe(200);
    });

    it('gives parts, refuses what lies outside, and answers HEAD', async () => {
      const { url, bytes = 0 } = film.outputs[0] ?? {};
      const whole = await download(url);
      const part = await fetch(url ?? '', { headers: { range: 'bytes=100-199' } });
      expect(part.status).toBe(206);
      expect(part.headers.get('content-range')).toBe(`bytes 100-199/${bytes}`);
      expect(Buffer.from(await part.arrayBuffer()).equals(whole.subarray(100, 200))).toBe(true);
      const tail = await fetch(url ?? '', { headers: { range: 'bytes=-50' } });
      expect(Buffer.from(await tail.arrayBuffer()).equals(whole.subarray(-50))).toBe(true);
      const outside = await fetch(url ?? '', { headers: { range: `bytes=${bytes}-` } });
      expect([outside.status, outside.headers.get('content-range')]).toEqual([416, `bytes */${bytes}`]);
      const head = await fetch(url ?? '', { method: 'HEAD' });
      expect([head.status, head.headers.get('content-length'), head.headers.get('accept-ranges')]).toEqual([
        200,
        String(bytes),
        'bytes',
      ]);
      expect(await head.text()).toBe('');
    });

    it('keeps a browser from running anything', async () => {
      const { id = '', url } = pictures.outputs[0] ?? {};
      const safe = { 'x-content-type-options': 'nosniff', 'content-security-policy': 'sandbox' };
      const headersOf = async (): Promise<Record<string, string>> =>
        Object.fromEntries((await fetch(url ?? '')).headers);
      expect(await headersOf()).toMatchObject({ ...safe, 'content-type': 'image/png' });
      expect((await headersOf())['content-disposition']).toMatch(/^inline;/);
      for (const odd of ['image/svg+xml', 'text/html', 'application/octet-stream']) {
        await execute(kiln.database, sql`UPDATE output SET content_type = ${odd} WHERE id = ${id}`);
        const headers = await headersOf();
        expect(headers).toMatchObject(safe);
        expect(headers['content-disposition']).toMatch(/^attachment;/);
      }
    });

    it('of what has expired is 410', async () => {
      const { id = '', url } = pictures.outputs[3] ?? {};
      await execute(kiln.database, sql`UPDATE output SET expires_at = now() WHERE id = ${id}`);
      expect(await statusOf(url ?? '')).toBe(410);
      expect((await kiln.get(pictures.id)).outputs[3]).toMatchObject({ expired: true, url: null, variants: {} });
    });
  });

  describe('an odd result', () => {
    /** A job whose provider has sent this file. */
    async function resultOf(path: string): Promise<JobView> {
      const { id } = await kiln.post({ model: 'wan-2.2', input: { prompt: 'odd', duration_seconds: 1, seed: 7 } });
      const bytes = await readFile(path);
      faultPoints.reach = async (point, jobId) => {
        if (point !== 'store.stored' || jobId !== id) return;
        const [key = ''] = await objectsOf(kiln, `outputs/${id}/`);
        await storeOf(kiln).put(key, bytes, { contentType: 'video/mp4' });
      };
      return kiln.finished(id);
    }
    const lavfi = (name: string, source: string, ...options: string[]): Promise<string> =>
      cachedFile(name, (out) => ffmpeg('-f', 'lavfi', '-i', source, '-c:v', 'libx264', ...options, '-f', 'mp4', out));

    it.each([
      ['with odd sides', () => lavfi('odd-sides.mp4', 'testsrc=s=333x187:r=10:d=1', '-pix_fmt', 'yuv444p'), 333, 187],
      [
        'of one frame',
        () => lavfi('one-frame.mp4', 'testsrc=s=64x48:r=1', '-frames:v', '1', '-pix_fmt', 'yuv420p'),
        64,
        48,
      ],
      ['of a few pixels', () => lavfi('tiny.mp4', 'testsrc=s=3x3:r=10:d=1', '-pix_fmt', 'yuv444p'), 3, 3],
    ])('%s still gets all its pictures', async (_what, make, width, height) => {
      const job = await resultOf(await make());
      expect(job).toMatchObject({ status: 'succeeded', error: null, outputs: [{ width, height }] });
      expect(derivativeWarnings(job)).toEqual([]);
      expect(Object.keys(job.outputs[0]?.variants ?? {}).toSorted()).toEqual([
        'poster',
        'preview',
        'spritesheet',
        'thumbnail',
      ]);
      const preview = await ffprobe(kiln.ground.dir, await download(job.outputs[0]?.variants.preview?.url));
      expect(streamOf(preview, 'video')?.codec_name).toBe('h264');
    });

    it('whose frames can not be decoded succeeds, with warnings', async () => {
      const whole = await readFile(await clipFile('mp4', { width: 160, height: 120 }));
      const start = whole.indexOf('mdat') + 4;
      const length = whole.readUInt32BE(start - 8) - 8;
      const hollow = Buffer.concat([
        whole.subarray(0, start),
        Buffer.alloc(length, 0xff),
        whole.subarray(start + length),
      ]);
      const path = join(kiln.ground.dir, 'hollow.mp4');
      await writeFile(path, hollow);
      const job = await resultOf(path);
      expect(job).toMatchObject({
        status: 'succeeded',
        error: null,
        outputs: [{ width: 160, height: 120, variants: {} }],
      });
      expect(derivativeWarnings(job)).toEqual([
        expect.stringMatching(/^output 0: poster failed \(.*damaged/),
        expect.stringMatching(/^output 0: preview failed \(.*damaged/),
        expect.stringMatching(/^output 0: spritesheet failed \(.*damaged/),
      ]);
      expect(job.cost.charged_micro_usd).toBe(job.cost.held_micro_usd);
    });
  });

  it('leaves nothing about, and all of a job goes with it', async () => {
    expect(await leftBehind(kiln)).toEqual([]);
    expect((await objectsOf(kiln, `outputs/${film.id}/`)).length).toBeGreaterThan(3);
    expect((await kiln.call('DELETE', `/v1/jobs/${film.id}`)).status).toBe(200);
    expect(await objectsOf(kiln, `outputs/${film.id}/`)).toEqual([]);
    expect((await fetch(film.outputs[0]?.url ?? '')).status).toBe(403);
  });
});

describe('in S3', () => {
  let kiln: Kiln;
  let s3: Awaited<ReturnType<typeof startS3>>;
  beforeAll(async () => {
    s3 = await startS3();
    kiln = await startKiln({
      env: {
        S3_ENDPOINT: s3.endpoint,
        S3_BUCKET: s3.bucket,
        S3_ACCESS_KEY_ID: s3.accessKeyId,
        S3_SECRET_ACCESS_KEY: s3.secretAccessKey,
      },
    });
  });
  afterAll(async () => {
    await kiln.drop();
    await s3.close();
  });

  it('a presigned picture becomes a clip, whose links lead to the store', async () => {
    const png = await tinyPng();
    const { put, complete, id } = await presignedUpload(kiln, png, 'image/png', 'cat.png');
    expect([put.status, new URL(put.url).origin]).toEqual([200, s3.endpoint]);
    expect(complete).toMatchObject({ status: 201, body: { status: 'ready', width: 64 } });
    const job = await kiln.finished(
      (await kiln.post({ model: 'wan-2.2', input: { prompt: 'it moves', image: id, duration_seconds: 1 } })).id,
    );
    expect(job).toMatchObject({ status: 'succeeded', error: null });
    expect(derivativeWarnings(job)).toEqual([]);
    const [output] = job.outputs;
    const hop = await fetch(output?.url ?? '', { redirect: 'manual' });
    const target = new URL(hop.headers.get('location') ?? '');
    expect([hop.status, target.origin, hop.headers.get('cache-control')]).toEqual([302, s3.endpoint, 'no-store']);
    expect(Number(target.searchParams.get('X-Amz-Expires'))).toBeLessThanOrEqual(900);
    const bytes = await download(target.href);
    expect(output).toMatchObject({ bytes: bytes.length, sha256: sha256(bytes) });
    expect(indexIsFirst(bytes)).toBe(true);
    const part = await fetch(target, { headers: { range: 'bytes=0-99' } });
    expect([part.status, part.headers.get('content-type')]).toEqual([206, 'video/mp4']);
    for (const variant of ['poster', 'preview', 'thumbnail'] as const)
      expect((await download(output?.variants[variant]?.url)).length).toBeGreaterThan(100);
    const tampered = (output?.url ?? '').replace(/signature=./, (was) =>
      was.endsWith('_') ? 'signature=A' : 'signature=_',
    );
    expect((await fetch(tampered, { redirect: 'manual' })).status).toBe(403);
    expect(await objectsOf(kiln, 'staging/')).toEqual([]);
  });

  it('what is no picture is refused and goes from the bucket', async () => {
    const before = await objectsOf(kiln);
    const { put, complete } = await presignedUpload(kiln, Buffer.from('not a picture at all'), 'image/png', 'cat.png');
    expect(put.status).toBe(200);
    expect(complete).toMatchObject({ status: 422, body: { error: { param: 'file' } } });
    expect(await objectsOf(kiln)).toEqual(before);
  });
});
