import { execFile } from 'node:child_process';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { findFfmpeg } from '../../src/media/find-ffmpeg.js';

const run = promisify(execFile);
const CACHE = join(tmpdir(), 'kiln-test-media-1');

/** Runs ffmpeg on arguments of a test's own; unlike the code under test it is trusted with everything. */
export async function ffmpeg(...args: string[]): Promise<void> {
  const { ffmpegPath } = await findFfmpeg();
  await run(ffmpegPath, ['-hide_banner', '-nostdin', '-v', 'error', '-y', ...args]);
}

/** Path of a file that `make` writes once a machine; it appears by rename, so that parallel tests never see half of it. */
export async function cachedFile(name: string, make: (path: string) => Promise<unknown>): Promise<string> {
  const path = join(CACHE, name);
  try {
    await readFile(path);
    return path;
  } catch {
    await mkdir(CACHE, { recursive: true });
    const temp = join(CACHE, `${process.pid}-${Math.random().toString(36).slice(2)}-${name}`);
    try {
      await make(temp);
      await rename(temp, path);
    } finally {
      await rm(temp, { force: true });
    }
    return path;
  }
}

export interface ClipOptions {
  width?: number;
  height?: number;
  seconds?: number;
  fps?: number;
  audio?: boolean;
}

/** A test pattern in H.264 (mp4, mov) or VP8 (webm). */
export function clipFile(extension: 'mp4' | 'mov' | 'webm', options: ClipOptions = {}): Promise<string> {
  const { width = 64, height = 48, seconds = 1, fps = 10, audio = false } = options;
  const name = `clip-${width}x${height}-${seconds}s-${fps}fps${audio ? '-sound' : ''}.${extension}`;
  return cachedFile(name, (path) =>
    ffmpeg(
      '-f',
      'lavfi',
      '-i',
      `testsrc=s=${width}x${height}:r=${fps}:d=${seconds}`,
      ...(audio ? ['-f', 'lavfi', '-i', `sine=frequency=440:duration=${seconds}`] : []),
      '-pix_fmt',
      'yuv420p',
      '-c:v',
      extension === 'webm' ? 'libvpx' : 'libx264',
      '-g',
      '5',
      path,
    ),
  );
}

/** A sine tone. */
export function toneFile(extension: 'mp3' | 'wav' | 'flac' | 'm4a' | 'ogg', seconds = 1): Promise<string> {
  return cachedFile(`tone-${seconds}s.${extension}`, (path) =>
    ffmpeg('-f', 'lavfi', '-i', `sine=frequency=440:duration=${seconds}`, '-metadata', 'title=secret title', path),
  );
}

/** A still image of two colours. */
export function imageFile(
  extension: 'png' | 'jpg' | 'webp' | 'gif' | 'avif',
  width = 64,
  height = 48,
): Promise<string> {
  return cachedFile(`image-${width}x${height}.${extension}`, (path) =>
    sharp({ create: { width, height, channels: 3, background: '#3366cc' } })
      .composite([
        {
          input: { create: { width: Math.ceil(width / 2), height, channels: 3, background: '#cc6633' } },
          gravity: 'west',
        },
      ])
      .toFile(path),
  );
}

export const tinyPng = async (): Promise<Buffer> => readFile(await imageFile('png'));
export const tinyJpeg = async (): Promise<Buffer> => readFile(await imageFile('jpg'));
export const tinyMp4 = async (): Promise<Buffer> => readFile(await clipFile('mp4', { audio: true }));
export const tinyMp3 = async (): Promise<Buffer> => readFile(await toneFile('mp3'));

/** 108 megapixels in a few KB. */
export const pixelBomb = async (): Promise<Buffer> =>
  readFile(
    await cachedFile('bomb.png', (path) =>
      sharp({ create: { width: 12_000, height: 9000, channels: 3, background: 'white' }, limitInputPixels: false })
        .png({ palette: true, compressionLevel: 9, colours: 2 })
        .toFile(path),
    ),
  );
