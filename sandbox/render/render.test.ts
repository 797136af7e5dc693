import { svg as svgBuffer } from './svg.js';
import { mkdtemp, readFile, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { probe } from '../test-client.js';
import { findFfmpeg } from './ffmpeg.js';
import { synthesiseLoop } from './music.js';
import { renderPicture } from './picture.js';
import type { Clip } from './recipes.js';
import { Studio } from './studio.js';
import { escapeXml, textCardSvg, wrapText } from './text-card.js';

describe('text card', () => {
  it('escapes what XML would read, and drops what it forbids', () => {
    expect(escapeXml('<a href="x">&\u0000\u0008\ud800</a>')).toBe('&lt;a href=&quot;x&quot;&gt;&amp;\ufffd&lt;/a&gt;');
  });

  it('wraps words, cuts long ones and ends in an ellipsis', () => {
    expect(wrapText('one two three', 7, 3)).toEqual(['one two', 'three']);
    expect(wrapText('abcdefghij', 4, 3)).toEqual(['abcd', 'efgh', 'ij']);
    expect(wrapText('a b c d e f', 1, 2)).toEqual(['a', '…']);
    expect(wrapText('', 10, 2)).toEqual([]);
  });

  it('draws readable letters without any font', async () => {
    const draw = async (prompt: string) => {
      const svg = textCardSvg({ width: 320, height: 180, title: 't', prompt, seed: 1 }, false);
      expect(svg).not.toContain('<text');
      return sharp(svgBuffer(svg)).raw().toBuffer();
    };
    const first = await draw('abc');
    expect((await draw('abc')).equals(first)).toBe(true);
    expect((await draw('abd')).equals(first)).toBe(false);
  });

  it('draws any prompt', async () => {
    const prompt = '</text><script>&\u0001 😀 日本語 '.repeat(40);
    const svg = textCardSvg({ width: 320, height: 180, title: 't', prompt, seed: 1 });
    expect(await sharp(svgBuffer(svg)).metadata()).toMatchObject({ width: 320, height: 180 });
  });
});

describe('pictures', () => {
  it('draws another picture for another seed or prompt, the same for the same', async () => {
    const draw = (prompt: string, seed: number) =>
      renderPicture({ kind: 'drawn', width: 200, height: 120, title: 't', prompt, seed, over: [] });
    const first = await draw('a', 1);
    expect(await draw('a', 1)).toEqual(first);
    expect(await draw('a', 2)).not.toEqual(first);
    expect(await draw('b', 1)).not.toEqual(first);
  });
});

describe('music', () => {
  it('is audible, never clipped, and follows its seed', () => {
    const wav = synthesiseLoop(1, 120);
    const samples = new Int16Array(wav.buffer.slice(wav.byteOffset + 44, wav.byteOffset + wav.length));
    const peak = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
    expect(peak).toBeGreaterThan(6_000);
    expect(peak).toBeLessThan(32_767);
    expect(samples.length / 44_100).toBeCloseTo(8, 1);
    expect(synthesiseLoop(1, 120).equals(wav)).toBe(true);
    expect(synthesiseLoop(2, 120).equals(wav)).toBe(false);
  });
});

describe('studio', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kiln-studio-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const clip: Clip = {
    width: 320,
    height: 180,
    fps: 24,
    frames: 12,
    seed: 4,
    first: { kind: 'colour', width: 40, height: 40, rgb: 0x224466 },
    last: { kind: 'colour', width: 40, height: 40, rgb: 0x00ff00 },
    sound: true,
  };

  it('renders a recipe once, also when asked twice at once, and finds it again after a restart', async () => {
    const studio = await Studio.open(folder, findFfmpeg());
    const [first, second] = await Promise.all([studio.clip(clip), studio.clip(clip)]);
    expect(second).toBe(first);
    expect(studio.renders).toBe(1);
    const reopened = await Studio.open(folder, findFfmpeg());
    expect(await reopened.clip(clip)).toBe(first);
    expect(reopened.renders).toBe(0);
  });

  it('moves: the frames differ', async () => {
    const studio = await Studio.open(folder, findFfmpeg());
    const bytes = await readFile(await studio.clip({ ...clip, last: null, sound: false, frames: 48 }));
    const still = await readFile(await studio.clip({ ...clip, last: null, sound: false, frames: 1 }));
    expect(probe(bytes, 'mp4').streams[0]).toMatchObject({ nb_read_frames: '48' });
    // 47 more frames of a still picture would cost next to nothing.
    expect(bytes.length).toBeGreaterThan(still.length * 1.5);
  });

  it('keeps uploads under their hash and drops them when nobody can ask for them any more', async () => {
    const studio = await Studio.open(folder, findFfmpeg());
    const [fresh, stale] = [await studio.keep(Buffer.from('fresh')), await studio.keep(Buffer.from('stale'))];
    expect(await studio.keep(Buffer.from('fresh'))).toBe(fresh);
    await utimes(stale, 0, 0);
    await Studio.open(folder, findFfmpeg());
    expect(await readFile(fresh, 'utf8')).toBe('fresh');
    await expect(readFile(stale)).rejects.toThrow('ENOENT');
  });

  it('says why a render failed and leaves nothing behind', async () => {
    const studio = await Studio.open(folder, '/bin/false');
    await expect(studio.clip(clip)).rejects.toThrow('ffmpeg ended with 1');
    const again = await Studio.open(folder, findFfmpeg());
    expect(await again.clip(clip)).toMatch(/\.mp4$/);
  });
});
