import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import ffprobe from '@ffprobe-installer/ffprobe';
import type { SandboxContext } from '../context.js';
import { pictureOf, readInput, type InputFile } from '../inputs.js';
import { findFfmpeg } from '../render/ffmpeg.js';
import type { Picture } from '../render/recipes.js';
import { ArkError, invalid } from './errors.js';

const MIB = 1024 * 1024;
const PROBE_TIMEOUT_MS = 20_000;
const IMAGE_MAX_BYTES = 30 * MIB;
const AUDIO_MAX_BYTES = 15 * MIB;
const SIDE = { min: 300, max: 6000 };
const RATIO = { min: 0.4, max: 2.5 };
const VIDEO_AREA = { min: 407_696, max: 8_295_044 };
const VIDEO_FPS = { min: 24, max: 60 };
const SECONDS = { min: 2, max: 15 };
/** Containers round a length up by a frame or two. */
const TOLERANCE = 0.2;

const run = promisify(execFile);

interface Probed {
  seconds: number;
  format: string;
  video: { codec: string; width: number; height: number; fps: number } | null;
  audio: { codec: string } | null;
}

async function probe(path: string): Promise<Probed> {
  const { stdout } = await run(ffprobe.path, ['-v', 'error', '-show_streams', '-show_format', '-of', 'json', path], {
    timeout: PROBE_TIMEOUT_MS,
  });
  const { streams, format } = JSON.parse(stdout) as {
    streams: { codec_type: string; codec_name: string; width?: number; height?: number; avg_frame_rate?: string }[];
    format: { duration?: string; format_name: string };
  };
  const video = streams.find((stream) => stream.codec_type === 'video');
  const audio = streams.find((stream) => stream.codec_type === 'audio');
  const [frames = 0, second = 1] = (video?.avg_frame_rate ?? '').split('/').map(Number);
  return {
    seconds: Number(format.duration ?? 0),
    format: format.format_name,
    video: video
      ? { codec: video.codec_name, width: video.width ?? 0, height: video.height ?? 0, fps: frames / second }
      : null,
    audio: audio ? { codec: audio.codec_name } : null,
  };
}

async function download(source: string, at: string): Promise<InputFile> {
  try {
    return await readInput(source);
  } catch (error) {
    throw new ArkError(
      400,
      'InvalidParameter',
      `Error while connecting or reading: resource download failed for \`${at}\`: ${(error as Error).message}.`,
      at,
    );
  }
}

function checkSides(at: string, width: number, height: number): void {
  if (Math.min(width, height) < SIDE.min || Math.max(width, height) > SIDE.max)
    throw invalid(at, `width and height must be ${SIDE.min} to ${SIDE.max} px, got ${width}x${height}`);
  if (width / height < RATIO.min || width / height > RATIO.max)
    throw invalid(at, `the aspect ratio must be ${RATIO.min} to ${RATIO.max}, got ${width}x${height}`);
}

function checkSeconds(at: string, seconds: number): void {
  if (seconds < SECONDS.min - TOLERANCE || seconds > SECONDS.max + TOLERANCE)
    throw invalid(at, `the duration must be ${SECONDS.min} to ${SECONDS.max} s, got ${seconds}`);
}

/** A picture by link or data URI. */
export async function readImage(context: SandboxContext, source: string, at: string): Promise<Picture> {
  if (source.startsWith('data:') && !/^data:image\/[a-z0-9]+;base64,/.test(source))
    throw invalid(at, 'a data URI must begin with data:image/<lowercase format>;base64,');
  const { bytes } = await download(source, at);
  if (bytes.length > IMAGE_MAX_BYTES) throw invalid(at, `an image must be less than 30 MB, got ${bytes.length} bytes`);
  let picture: Picture;
  try {
    picture = await pictureOf(context, bytes);
  } catch (error) {
    throw invalid(at, `the image can't be read: ${(error as Error).message}`);
  }
  if (picture.kind === 'file') checkSides(at, picture.width, picture.height);
  return picture;
}

/** A clip by link: its length, and its first picture. */
export async function readVideo(
  context: SandboxContext,
  source: string,
  at: string,
): Promise<{ picture: Picture; seconds: number }> {
  if (source.startsWith('data:')) throw invalid(at, 'only a web URL or an asset id is supported');
  const { bytes } = await download(source, at);
  const path = await context.studio.keep(bytes);
  const found = await probe(path).catch(() => null);
  const video = found?.video;
  if (!found || !video || !found.format.includes('mp4') || !['h264', 'hevc'].includes(video.codec))
    throw invalid(at, 'the video must be mp4 or mov with H.264 or H.265');
  if (found.audio && !['aac', 'mp3'].includes(found.audio.codec)) throw invalid(at, 'the sound must be AAC or MP3');
  checkSides(at, video.width, video.height);
  const area = video.width * video.height;
  if (area < VIDEO_AREA.min || area > VIDEO_AREA.max)
    throw invalid(at, `width times height must be ${VIDEO_AREA.min} to ${VIDEO_AREA.max}, got ${area}`);
  if (video.fps < VIDEO_FPS.min - 0.1 || video.fps > VIDEO_FPS.max)
    throw invalid(at, `the frame rate must be ${VIDEO_FPS.min} to ${VIDEO_FPS.max}, got ${video.fps}`);
  checkSeconds(at, found.seconds);
  return { picture: await firstPicture(context, path), seconds: found.seconds };
}

async function firstPicture(context: SandboxContext, path: string): Promise<Picture> {
  const still = join(context.dataDir, 'scratch', `${randomUUID()}.png`);
  try {
    await run(findFfmpeg(), ['-nostdin', '-v', 'error', '-y', '-i', path, '-frames:v', '1', still], {
      timeout: PROBE_TIMEOUT_MS,
    });
    return await pictureOf(context, await readFile(still));
  } finally {
    await rm(still, { force: true });
  }
}

/** A sound by link or data URI: its length. */
export async function readAudio(context: SandboxContext, source: string, at: string): Promise<number> {
  if (source.startsWith('data:') && !/^data:audio\/[a-z0-9-]+;base64,/.test(source))
    throw invalid(at, 'a data URI must begin with data:audio/<lowercase format>;base64,');
  const { bytes } = await download(source, at);
  if (bytes.length > AUDIO_MAX_BYTES) throw invalid(at, `an audio must be at most 15 MB, got ${bytes.length} bytes`);
  const found = await probe(await context.studio.keep(bytes)).catch(() => null);
  if (!found?.audio || found.video || !['mp3', 'wav'].includes(found.format))
    throw invalid(at, 'the audio must be wav or mp3');
  checkSeconds(at, found.seconds);
  return found.seconds;
}
