import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import installer from '@ffprobe-installer/ffprobe';

const run = promisify(execFile);
const TIMEOUT_MS = 30_000;
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

/** What ffprobe reads in a recording. */
export interface Sound {
  /** To the packet, also of containers that don't say it (browser recordings, raw AAC). */
  seconds: number;
  codec: string;
  sampleRate: number;
  channels: number;
  /** The comment tag, of the file or of the stream. */
  comment: string | null;
}

interface Tags {
  comment?: string;
  COMMENT?: string;
}

interface Read {
  streams: { codec_name?: string; sample_rate?: string; channels?: number; tags?: Tags }[];
  format: { format_name?: string; duration?: string; tags?: Tags };
  packets?: { pts_time?: string; duration_time?: string }[];
}

let found: string | undefined;

/** `ffprobe` on PATH, else the binary that came with the npm package. */
function ffprobePath(): string {
  found ??= spawnSync('ffprobe', ['-version'], { stdio: 'ignore' }).status === 0 ? 'ffprobe' : installer.path;
  return found;
}

const FACTS =
  'stream=codec_name,sample_rate,channels:stream_tags=comment:format=format_name,duration:format_tags=comment';

/** Reads the first sound stream of a file; null of what holds none. The file's name is not consulted, and nothing it links to is read. */
export async function probeSound(path: string): Promise<Sound | null> {
  const read = await ask(path, FACTS);
  const [stream] = read?.streams ?? [];
  if (read === null || stream?.codec_name === undefined) return null;
  const { duration, format_name: container, tags } = read.format;
  // ffprobe guesses the length of raw AAC from its bitrate.
  const isSaid = duration !== undefined && container !== 'aac';
  return {
    seconds: isSaid ? Number(duration) : await countedSeconds(path),
    codec: stream.codec_name,
    sampleRate: Number(stream.sample_rate ?? 0),
    channels: stream.channels ?? 1,
    comment: [tags, stream.tags].map((one) => one?.comment ?? one?.COMMENT).find((one) => one !== undefined) ?? null,
  };
}

async function countedSeconds(path: string): Promise<number> {
  const last = (await ask(path, 'packet=pts_time,duration_time'))?.packets?.at(-1);
  return Number(last?.pts_time ?? 0) + Number(last?.duration_time ?? 0);
}

async function ask(path: string, entries: string): Promise<Read | null> {
  const args = ['-v', 'error', '-protocol_whitelist', 'file', '-select_streams', 'a:0', '-show_entries', entries];
  try {
    const options = { timeout: TIMEOUT_MS, maxBuffer: MAX_OUTPUT_BYTES };
    const { stdout } = await run(ffprobePath(), [...args, '-of', 'json', path], options);
    return JSON.parse(stdout) as Read;
  } catch {
    return null;
  }
}
