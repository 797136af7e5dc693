import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { indexIsLast } from './faststart.js';
import { Ffmpeg } from './ffmpeg.js';
import { blurhashOf, guardImageLibrary, probeImage, sanitiseImage, webpOf } from './images.js';
import { type Derivative, type Media, type MediaLimits, UnusableMedia } from './media.js';
import { mediaTypeOf, requireMediaType } from './media-type.js';
import {
  probeRecording,
  sanitiseRecording,
  writeFaststart,
  writePoster,
  writePreview,
  writeSpritesheet,
  writeWaveform,
} from './recordings.js';

export interface MediaOptions {
  ffmpegPath: string;
  ffprobePath: string;
  /** Longest run of one ffmpeg process; a caller's limits can only shorten it. */
  timeoutMs: number;
  /** Address space of one ffmpeg process. Default 4 GiB. */
  maxMemoryBytes?: number;
}

const GIB = 1024 ** 3;

async function checkBytes(path: string, limits: MediaLimits): Promise<void> {
  const { size } = await stat(path);
  if (size > limits.maxBytes)
    throw new UnusableMedia('too_large', `the file has ${size} bytes, allowed are ${limits.maxBytes}`);
}

export function createMedia(options: MediaOptions): Media {
  guardImageLibrary();
  const ffmpeg = new Ffmpeg({ ...options, maxMemoryBytes: options.maxMemoryBytes ?? 4 * GIB });

  async function derive(
    outDir: string,
    name: string,
    contentType: string,
    write: (path: string) => Promise<void>,
  ): Promise<Derivative> {
    const path = join(outDir, name);
    await write(path);
    // ffmpeg ends well when it has found no frame to write.
    const bytes = await stat(path).then(
      ({ size }) => size,
      () => 0,
    );
    if (bytes === 0) throw new UnusableMedia('damaged', `no ${name} could be made`);
    return { path, contentType, bytes };
  }

  return {
    async sniff(path) {
      const type = await mediaTypeOf(path);
      return type === null ? null : { contentType: type.contentType, kind: type.kind };
    },
    async probe(path, limits) {
      await checkBytes(path, limits);
      const type = await requireMediaType(path);
      return type.kind === 'image'
        ? probeImage(path, type.contentType, limits)
        : probeRecording(ffmpeg, path, type, limits);
    },
    async sanitise(path, outPath, limits) {
      await checkBytes(path, limits);
      const type = await requireMediaType(path);
      return type.kind === 'image'
        ? sanitiseImage(path, outPath, type.contentType, limits)
        : sanitiseRecording(ffmpeg, path, outPath, type, limits);
    },
    async faststart(path, outPath) {
      const type = await mediaTypeOf(path);
      if (type?.demuxer !== 'mov' || !(await indexIsLast(path))) return false;
      await writeFaststart(ffmpeg, path, outPath, type);
      return true;
    },
    poster: (path, outDir, facts) =>
      derive(outDir, 'poster.jpg', 'image/jpeg', async (out) =>
        writePoster(ffmpeg, path, out, await requireMediaType(path), facts),
      ),
    preview: (path, outDir) =>
      derive(outDir, 'preview.mp4', 'video/mp4', async (out) =>
        writePreview(ffmpeg, path, out, await requireMediaType(path)),
      ),
    spritesheet: (path, outDir, facts) =>
      derive(outDir, 'spritesheet.jpg', 'image/jpeg', async (out) =>
        writeSpritesheet(ffmpeg, path, out, await requireMediaType(path), facts),
      ),
    thumbnail: (path, outDir) => derive(outDir, 'thumbnail.webp', 'image/webp', (out) => webpOf(path, out, 320, 75)),
    webpPreview: (path, outDir) => derive(outDir, 'preview.webp', 'image/webp', (out) => webpOf(path, out, 1280, 80)),
    waveform: (path, outDir) =>
      derive(outDir, 'waveform.png', 'image/png', async (out) =>
        writeWaveform(ffmpeg, path, out, await requireMediaType(path)),
      ),
    blurhash: blurhashOf,
  };
}
