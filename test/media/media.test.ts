import { copyFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { createMedia } from '../../src/media/create-media.js';
import { findBundledFfmpeg, findFfmpeg } from '../../src/media/find-ffmpeg.js';
import type { Media, MediaLimits } from '../../src/media/media.js';
import { cachedFile, clipFile, ffmpeg, imageFile, pixelBomb, toneFile } from '../support/media.js';

const limits: MediaLimits = { maxBytes: 20_000_000, maxPixels: 50_000_000, maxDurationSeconds: 60, timeoutMs: 20_000 };
let media: Media;
let dir: string;

/** Made before sharp is told to refuse what no user may send. */
let animated: Record<'gif' | 'webp', string>;
let bomb: Buffer;

beforeAll(async () => {
  const frames = { create: { width: 16, height: 32, channels: 3 as const, background: 'red', pageHeight: 16 } };
  const moving = await sharp(frames)
    .composite([{ input: { create: { width: 16, height: 16, channels: 3, background: 'blue' } }, gravity: 'south' }])
    .raw()
    .toBuffer();
  const pages = () => sharp(moving, { raw: { width: 16, height: 32, channels: 3, pageHeight: 16 } });
  animated = {
    gif: await cachedFile('moving.gif', (path) =>
      pages()
        .gif({ delay: [100, 100] })
        .toFile(path),
    ),
    webp: await cachedFile('moving.webp', (path) =>
      pages()
        .webp({ delay: [100, 100] })
        .toFile(path),
    ),
  };
  bomb = await pixelBomb();
  for (const extension of ['png', 'jpg', 'webp', 'gif', 'avif'] as const) await imageFile(extension);
  media = createMedia({ ...(await findFfmpeg()), timeoutMs: 20_000 });
});

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'kiln-media-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const file = async (name: string, content: string | Buffer): Promise<string> => {
  const path = join(dir, name);
  await writeFile(path, content);
  return path;
};
const refused = (reason: string) => expect.objectContaining({ name: 'UnusableMedia', reason });
const sanitise = (path: string, over: Partial<MediaLimits> = {}) =>
  media.sanitise(path, join(dir, 'clean'), { ...limits, ...over });

describe('images', () => {
  it.each([
    ['png', 'image/png', 'image/png'],
    ['jpg', 'image/jpeg', 'image/jpeg'],
    ['webp', 'image/webp', 'image/webp'],
    ['gif', 'image/gif', 'image/png'],
    ['avif', 'image/avif', 'image/png'],
  ] as const)('%s is recognised, described and cleaned', async (extension, contentType, cleanType) => {
    const path = await imageFile(extension);
    expect(await media.sniff(path)).toEqual({ contentType, kind: 'image' });
    expect(await media.probe(path, limits)).toMatchObject({
      kind: 'image',
      contentType,
      width: 64,
      height: 48,
      hasAudio: null,
    });
    expect(await sanitise(path)).toMatchObject({ contentType: cleanType, width: 64, height: 48 });
    expect(await media.sniff(join(dir, 'clean'))).toEqual({ contentType: cleanType, kind: 'image' });
  });

  it('applies the orientation and drops the metadata and whatever follows the image', async () => {
    const exif = { IFD0: { Copyright: 'secret name' }, IFD3: { GPSLatitudeRef: 'N' } };
    const jpeg = await sharp(await imageFile('jpg'))
      .withExif(exif)
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toBuffer();
    expect(jpeg.includes('secret name')).toBe(true);
    const path = await file('in.jpg', Buffer.concat([jpeg, Buffer.from('<script>alert(1)</script>PK\u0003\u0004')]));
    expect(await media.probe(path, limits)).toMatchObject({ width: 48, height: 64 });
    expect(await sanitise(path)).toMatchObject({ width: 48, height: 64 });
    const clean = await readFile(join(dir, 'clean'));
    expect([clean.includes('secret name'), clean.includes('script'), clean.includes('Exif')]).toEqual([
      false,
      false,
      false,
    ]);
  });

  it('refuses a corrupt and a truncated PNG', async () => {
    const png = await readFile(await imageFile('png'));
    const corrupt = Buffer.from(png);
    corrupt.fill(0x55, Math.floor(png.length / 2), png.length - 16);
    await expect(sanitise(await file('a.png', corrupt))).rejects.toEqual(refused('damaged'));
    await expect(sanitise(await file('b.png', png.subarray(0, png.length / 2)))).rejects.toEqual(refused('damaged'));
    await expect(sanitise(await file('c.png', png.subarray(0, 20)))).rejects.toEqual(refused('damaged'));
  });

  it('refuses a truncated JPEG', async () => {
    const jpeg = await readFile(await imageFile('jpg', 640, 480));
    await expect(sanitise(await file('a.jpg', jpeg.subarray(0, jpeg.length / 2)))).rejects.toEqual(refused('damaged'));
  });

  it('refuses a bomb by its header, without decoding it', async () => {
    expect(bomb.length).toBeLessThan(500_000);
    const path = await file('bomb.png', bomb);
    await expect(media.probe(path, limits)).rejects.toEqual(refused('too_many_pixels'));
    await expect(sanitise(path)).rejects.toThrow('12000 × 9000 pixels, allowed are 50000000');
  });

  it.each(['gif', 'webp'] as const)(
    'refuses an animated %s and counts the pixels of all its frames',
    async (extension) => {
      await expect(sanitise(animated[extension])).rejects.toEqual(refused('animated'));
      await expect(sanitise(animated[extension], { maxPixels: 16 * 16 })).rejects.toEqual(refused('too_many_pixels'));
    },
  );

  it.each([
    ['text named .png', 'a.png', 'just text'],
    ['nothing', 'b.png', ''],
    ['SVG', 'c.png', '<svg xmlns="http://www.w3.org/2000/svg"><image href="/etc/passwd"/></svg>'],
    ['PDF', 'd.png', '%PDF-1.7\n'],
    ['HTML', 'e.jpg', '<!doctype html><p>'],
  ])('refuses %s', async (_what, name, content) => {
    const path = await file(name, content);
    expect(await media.sniff(path)).toBeNull();
    await expect(sanitise(path)).rejects.toEqual(refused('unknown_type'));
    await expect(media.probe(path, limits)).rejects.toEqual(refused('unknown_type'));
  });

  it('never opens a type that is not taken, also when asked directly', async () => {
    const svg = await file('x.svg', '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>');
    await expect(media.blurhash(svg)).rejects.toEqual(refused('damaged'));
  });

  it('refuses too many bytes before reading them', async () => {
    await expect(sanitise(await imageFile('png'), { maxBytes: 10 })).rejects.toEqual(refused('too_large'));
  });

  it('makes a thumbnail, a preview and a blurhash, never larger than the image', async () => {
    const large = await imageFile('png', 1600, 400);
    const thumbnail = await media.thumbnail(large, dir);
    const preview = await media.webpPreview(large, dir);
    expect([thumbnail.contentType, preview.contentType]).toEqual(['image/webp', 'image/webp']);
    expect(await sharp(thumbnail.path).metadata()).toMatchObject({ format: 'webp', width: 320, height: 80 });
    expect(await sharp(preview.path).metadata()).toMatchObject({ format: 'webp', width: 1280, height: 320 });
    expect((await sharp((await media.thumbnail(await imageFile('png'), dir)).path).metadata()).width).toBe(64);
    expect(await media.blurhash(large)).toMatch(/^L[0-9A-Za-z#$%*+,\-.:;=?@[\]^_{|}~]{27}$/);
  });
});

describe('video and audio', () => {
  it.each([
    ['mp4', 'video/mp4', 'h264'],
    ['mov', 'video/quicktime', 'h264'],
    ['webm', 'video/webm', 'vp8'],
  ] as const)('%s is recognised, described and cleaned', async (extension, contentType, videoCodec) => {
    const path = await clipFile(extension, { audio: true });
    expect(await media.sniff(path)).toEqual({ contentType, kind: 'video' });
    const facts = { kind: 'video', contentType, width: 64, height: 48, fps: 10, hasAudio: true, videoCodec };
    expect(await media.probe(path, limits)).toMatchObject(facts);
    const clean = await sanitise(path);
    expect(clean).toMatchObject(facts);
    expect(clean.durationSeconds).toBeCloseTo(1, 0);
  });

  it.each([
    ['mp3', 'audio/mpeg'],
    ['wav', 'audio/wav'],
    ['flac', 'audio/flac'],
    ['m4a', 'audio/mp4'],
    ['ogg', 'audio/ogg'],
  ] as const)('%s is recognised, described and cleaned', async (extension, contentType) => {
    const path = await toneFile(extension);
    expect(await media.sniff(path)).toEqual({ contentType, kind: 'audio' });
    expect(await sanitise(path)).toMatchObject({ kind: 'audio', contentType, width: null, hasAudio: true });
    expect((await readFile(join(dir, 'clean'))).includes('secret title')).toBe(false);
  });

  it('calls an mp4 without pictures audio', async () => {
    const path = join(dir, 'sound.mp4');
    await ffmpeg('-f', 'lavfi', '-i', 'sine=duration=1', path);
    expect(await sanitise(path)).toMatchObject({ kind: 'audio', contentType: 'audio/mp4' });
  });

  it('refuses a truncated video, its index in front or behind', async () => {
    const behind = await readFile(await clipFile('mp4', { seconds: 4 }));
    await expect(sanitise(await file('a.mp4', behind.subarray(0, behind.length * 0.6)))).rejects.toEqual(
      refused('damaged'),
    );
    const front = join(dir, 'front.mp4');
    expect(await media.faststart(await clipFile('mp4', { seconds: 4 }), front)).toBe(true);
    const whole = await readFile(front);
    await expect(sanitise(await file('b.mp4', whole.subarray(0, whole.length * 0.6)))).rejects.toEqual(
      refused('damaged'),
    );
    const webm = await readFile(await clipFile('webm', { seconds: 4 }));
    await expect(sanitise(await file('c.webm', webm.subarray(0, webm.length * 0.5)))).rejects.toEqual(
      refused('damaged'),
    );
  });

  it('refuses a playlist named .mp4 and reads nothing that it lists', async () => {
    await copyFile(await clipFile('mp4'), join(dir, 'neighbour.mp4'));
    const text = `#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n${join(dir, 'neighbour.mp4')}\n#EXT-X-ENDLIST\n`;
    const path = await file('list.mp4', text);
    await expect(media.probe(path, limits)).rejects.toEqual(refused('unknown_type'));
    await expect(sanitise(path)).rejects.toEqual(refused('unknown_type'));
    // The same behind a box that makes it look like an mp4: opened by the mp4 reader only, which finds nothing in it.
    const box = Buffer.from('\0\0\0\u0018ftypisom\0\0\0\0isommp42', 'latin1');
    await expect(sanitise(await file('poly.mp4', Buffer.concat([box, Buffer.from(`\n${text}`)])))).rejects.toEqual(
      refused('damaged'),
    );
    await expect(readFile(join(dir, 'clean'))).rejects.toMatchObject({ code: 'ENOENT' });
    expect((await readdir(dir)).toSorted()).toEqual(['list.mp4', 'neighbour.mp4', 'poly.mp4']);
  });

  it('refuses what is over a limit', async () => {
    const clip = await clipFile('mp4', { width: 962, height: 542, seconds: 6, audio: true });
    const facts = await media.probe(clip, limits);
    const poster = await media.poster(clip, dir, facts);
    expect(await sharp(poster.path).metadata()).toMatchObject({
      format: 'jpeg',
      width: facts.width,
      height: facts.height,
    });
    expect(poster).toMatchObject({ contentType: 'image/jpeg', bytes: (await stat(poster.path)).size });
    const preview = await media.preview(clip, dir, facts);
    const previewFacts = await media.probe(preview.path, limits);
    expect(previewFacts).toMatchObject({ contentType: 'video/mp4', width: 480, hasAudio: false, videoCodec: 'h264' });
    expect(previewFacts.durationSeconds).toBeCloseTo(4, 0);
    expect(await media.faststart(preview.path, join(dir, 'again'))).toBe(false);
  });

  it('lays sixteen frames of a clip out as a sheet, from its beginning to its end', async () => {
    const clip = join(dir, 'fade.mp4');
    // From black to white in two seconds.
    const fade = 'color=white:s=640x360:r=24:d=2,fade=in:st=0:d=2';
    await ffmpeg('-f', 'lavfi', '-i', fade, '-pix_fmt', 'yuv420p', clip);
    const facts = await media.probe(clip, limits);
    const sheet = await media.spritesheet(clip, dir, facts);
    expect(sheet).toMatchObject({ contentType: 'image/jpeg', bytes: (await stat(sheet.path)).size });
    expect(await sharp(sheet.path).metadata()).toMatchObject({ format: 'jpeg', width: 1280, height: 720 });
    const { data } = await sharp(sheet.path).resize(4, 4).greyscale().raw().toBuffer({ resolveWithObject: true });
    const cells = [...data];
    expect(cells).toEqual(cells.toSorted((a, b) => a - b));
    expect(cells[0]).toBeLessThan(60);
    expect(cells.at(-1)).toBeGreaterThan(180);
  });

  it('makes poster and preview of a clip of one frame', async () => {
    const clip = join(dir, 'one.mp4');
    await ffmpeg('-f', 'lavfi', '-i', 'testsrc=s=64x64:r=1:d=1', '-frames:v', '1', '-pix_fmt', 'yuv420p', clip);
    const facts = await media.probe(clip, limits);
    expect((await media.poster(clip, dir, facts)).bytes).toBeGreaterThan(0);
    expect((await media.preview(clip, dir, facts)).bytes).toBeGreaterThan(0);
    expect((await media.spritesheet(clip, dir, facts)).bytes).toBeGreaterThan(0);
  });

  it('draws the sound', async () => {
    const waveform = await media.waveform(await toneFile('mp3'), dir);
    expect(await sharp(waveform.path).metadata()).toMatchObject({ format: 'png', width: 1200, height: 240 });
    await expect(media.waveform(await clipFile('mp4'), dir)).rejects.toEqual(refused('damaged'));
  });

  it('moves an index to the front and leaves other files alone', async () => {
    const clip = await clipFile('mp4');
    const out = join(dir, 'fast.mp4');
    expect(await media.faststart(clip, out)).toBe(true);
    const [before, after] = [await media.probe(clip, limits), await media.probe(out, limits)];
    expect(after).toEqual(before);
    expect(await media.faststart(out, join(dir, 'no'))).toBe(false);
    expect(await media.faststart(await clipFile('webm'), join(dir, 'no'))).toBe(false);
    expect(await media.faststart(await imageFile('png'), join(dir, 'no'))).toBe(false);
    expect(await media.faststart(await file('cut.mp4', (await readFile(clip)).subarray(0, 100)), join(dir, 'no'))).toBe(
      false,
    );
  });

  it('blames the server, not the file, when ffmpeg cannot start', async () => {
    const path = await clipFile('mp4');
    for (const broken of [{ ffprobePath: '/no/ffprobe' }, { maxMemoryBytes: 16 * 1024 * 1024 }]) {
      const unable = createMedia({ ...(await findFfmpeg()), timeoutMs: 20_000, ...broken });
      await expect(unable.probe(path, limits)).rejects.toMatchObject({
        name: 'Error',
        message: expect.stringContaining('cannot be started'),
      });
    }
  });
});

describe('the binaries', () => {
  it('finds the system’s before the bundled ones and tells an old one', async () => {
    const found = await findFfmpeg();
    expect(found).toMatchObject({ ffmpegPath: expect.stringMatching(/\/ffmpeg$/), isOutdated: false });
    const bundled = await findBundledFfmpeg();
    expect(bundled).toMatchObject({ year: 2018, isOutdated: true });
  });

  it('takes a given path and says which one is wrong', async () => {
    const { ffmpegPath } = await findFfmpeg();
    expect(await findFfmpeg({ ffmpegPath, ffprobePath: null })).toMatchObject({ ffmpegPath });
    await expect(findFfmpeg({ ffmpegPath: '/no/ffmpeg', ffprobePath: null })).rejects.toThrow(
      '/no/ffmpeg can not be run',
    );
    await expect(findFfmpeg({ ffmpegPath: '/bin/true', ffprobePath: '/bin/true' })).rejects.toThrow(
      '/bin/true is no ffmpeg',
    );
  });

  it('works with the bundled ones too', async () => {
    const old = createMedia({ ...(await findBundledFfmpeg())!, timeoutMs: 20_000 });
    const clip = await clipFile('mp4', { audio: true });
    const facts = await old.sanitise(clip, join(dir, 'clean'), limits);
    expect(facts).toMatchObject({ kind: 'video', width: 64, height: 48 });
    expect((await old.poster(clip, dir, facts)).bytes).toBeGreaterThan(0);
    expect((await old.preview(clip, dir, facts)).bytes).toBeGreaterThan(0);
    expect((await old.spritesheet(clip, dir, facts)).bytes).toBeGreaterThan(0);
    expect((await old.waveform(clip, dir)).bytes).toBeGreaterThan(0);
  });
});
