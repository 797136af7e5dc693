import { existsSync } from 'node:fs';
import type { Ffmpeg } from './ffmpeg.js';
import { outputUrl } from './ffmpeg.js';
import { type MediaFacts, type MediaLimits, UnusableMedia } from './media.js';
import { asAudio, type MediaType, requireMediaType } from './media-type.js';
import { factsFromProbe } from './probe-facts.js';

const MICROSECONDS = 1_000_000;

/** Facts of a video or audio file, within limits. */
export async function probeRecording(
  ffmpeg: Ffmpeg,
  path: string,
  type: MediaType,
  limits: MediaLimits,
): Promise<MediaFacts> {
  const facts = factsFromProbe(await ffmpeg.probe(path, type, limits.timeoutMs), type);
  const { width, height, durationSeconds } = facts;
  if (facts.kind === 'video' && (!width || !height)) throw new UnusableMedia('damaged', 'the video has no size');
  if ((width ?? 0) * (height ?? 0) > limits.maxPixels) {
    throw new UnusableMedia(
      'too_many_pixels',
      `the video has ${width} × ${height} pixels, allowed are ${limits.maxPixels}`,
    );
  }
  if ((durationSeconds ?? 0) > limits.maxDurationSeconds) throw tooLong(facts.kind, durationSeconds ?? 0, limits);
  return facts;
}

const tooLong = (kind: string, seconds: number, limits: MediaLimits): UnusableMedia =>
  new UnusableMedia(
    'too_long',
    `the ${kind} lasts ${seconds.toFixed(1)} s, allowed are ${limits.maxDurationSeconds} s`,
  );

/** The last `out_time_us` of ffmpeg's progress report. */
function decodedSeconds(progress: string): number {
  const times = [...progress.matchAll(/^out_time_(?:us|ms)=(\d+)$/gm)];
  return Number(times.at(-1)?.[1] ?? 0) / MICROSECONDS;
}

/** Decodes everything to nowhere. A header that promises more than can be decoded is a truncated file. */
async function decodeWhole(
  ffmpeg: Ffmpeg,
  path: string,
  type: MediaType,
  facts: MediaFacts,
  limits: MediaLimits,
): Promise<void> {
  const { stdout } = await ffmpeg.run(
    path,
    type,
    (command) =>
      command
        .outputOptions('-xerror', '-progress', 'pipe:1', '-map', '0:V:0?', '-map', '0:a:0?')
        // One second more than allowed proves a file without a declared length too long.
        .duration(limits.maxDurationSeconds + 1)
        .format('null')
        .output('-'),
    limits.timeoutMs,
  );
  const seconds = decodedSeconds(stdout);
  if (seconds > limits.maxDurationSeconds + 0.5) throw tooLong(facts.kind, seconds, limits);
  const declared = facts.durationSeconds ?? 0;
  if (declared - seconds > Math.max(1, declared * 0.05)) {
    throw new UnusableMedia(
      'damaged',
      `the ${facts.kind} is truncated: ${seconds.toFixed(1)} s of ${declared.toFixed(1)} s can be decoded`,
    );
  }
}

/** First picture and first sound in a fresh container, copied bit by bit; titles, places, covers, subtitles stay behind. */
export async function sanitiseRecording(
  ffmpeg: Ffmpeg,
  path: string,
  outPath: string,
  type: MediaType,
  limits: MediaLimits,
): Promise<MediaFacts> {
  const before = await probeRecording(ffmpeg, path, type, limits);
  await decodeWhole(ffmpeg, path, type, before, limits);
  const outType = before.kind === 'audio' ? asAudio(type) : type;
  await ffmpeg.run(
    path,
    type,
    (command) => {
      command.outputOptions('-map', '0:a:0?', '-c', 'copy', '-map_metadata', '-1', '-map_chapters', '-1');
      command.outputOptions('-fflags', '+bitexact', '-flags', '+bitexact', '-dn', '-sn');
      if (before.kind === 'video') command.outputOptions('-map', '0:V:0');
      if (outType.demuxer === 'mov') command.outputOptions('-movflags', '+faststart');
      if (outType.muxer === 'mp3') command.outputOptions('-id3v2_version', '0');
      return command.format(outType.muxer ?? '').output(outputUrl(outPath));
    },
    limits.timeoutMs,
  );
  return probeRecording(ffmpeg, outPath, await requireMediaType(outPath), limits);
}

/** The first frame of a generated clip is often black or a repeat of the reference image. */
const posterSecond = (facts: MediaFacts): number => Math.min(0.5, (facts.durationSeconds ?? 0) / 4);

export async function writePoster(
  ffmpeg: Ffmpeg,
  path: string,
  outPath: string,
  type: MediaType,
  facts: MediaFacts,
): Promise<void> {
  const writeAt = (second: number): Promise<unknown> =>
    ffmpeg.run(path, type, (command) =>
      command
        .seekInput(second)
        .frames(1)
        .outputOptions('-map', '0:V:0', '-pix_fmt', 'yuvj420p', '-q:v', '3', '-map_metadata', '-1', '-update', '1')
        .format('image2')
        .output(outputUrl(outPath)),
    );
  await writeAt(posterSecond(facts));
  // A clip of one long frame has nothing after it; ffmpeg calls that a success.
  if (!existsSync(outPath)) await writeAt(0);
}

export async function writePreview(ffmpeg: Ffmpeg, path: string, outPath: string, type: MediaType): Promise<void> {
  await ffmpeg.run(path, type, (command) =>
    command
      .noAudio()
      .duration(4)
      .videoCodec('libx264')
      // Even sides, as yuv420p wants them.
      .videoFilters('scale=w=trunc(min(480\\,iw)/2)*2:h=-2')
      .outputOptions('-map', '0:V:0', '-preset', 'veryfast', '-crf', '28', '-pix_fmt', 'yuv420p', '-threads', '2')
      .outputOptions('-movflags', '+faststart', '-map_metadata', '-1')
      .format('mp4')
      .output(outputUrl(outPath)),
  );
}

/** Cells of a spritesheet, in columns and in rows. */
const SHEET_SIDE = 4;

export async function writeSpritesheet(
  ffmpeg: Ffmpeg,
  path: string,
  outPath: string,
  type: MediaType,
  facts: MediaFacts,
): Promise<void> {
  const cells = SHEET_SIDE ** 2;
  // A clip of fewer frames repeats them, one without a length is taken to be a second long.
  const perSecond = cells / (facts.durationSeconds || 1);
  const filters = [
    `fps=${perSecond.toFixed(6)}`,
    'scale=w=trunc(min(320\\,iw)/2)*2:h=-2',
    `tile=${SHEET_SIDE}x${SHEET_SIDE}`,
  ];
  await ffmpeg.run(path, type, (command) =>
    command
      .videoFilters(filters)
      .frames(1)
      .outputOptions('-map', '0:V:0', '-pix_fmt', 'yuvj420p', '-q:v', '4', '-map_metadata', '-1', '-update', '1')
      .format('image2')
      .output(outputUrl(outPath)),
  );
}

export async function writeWaveform(ffmpeg: Ffmpeg, path: string, outPath: string, type: MediaType): Promise<void> {
  await ffmpeg.run(path, type, (command) =>
    command
      .complexFilter('[0:a:0]aformat=channel_layouts=mono,showwavespic=s=1200x240:colors=#3b82f6[wave]')
      .frames(1)
      .outputOptions('-map', '[wave]', '-map_metadata', '-1', '-update', '1', '-c:v', 'png')
      .format('image2')
      .output(outputUrl(outPath)),
  );
}

export async function writeFaststart(ffmpeg: Ffmpeg, path: string, outPath: string, type: MediaType): Promise<void> {
  await ffmpeg.run(path, type, (command) =>
    command
      .outputOptions('-map', '0:V?', '-map', '0:a?', '-c', 'copy', '-movflags', '+faststart')
      .format(type.muxer ?? '')
      .output(outputUrl(outPath)),
  );
}
