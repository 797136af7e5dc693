/** Renders hummed speech to a file that remembers, where its format can, what it says. */
import { writeFile } from 'node:fs/promises';
import type { Ffmpeg } from './ffmpeg.js';
import type { SpeechFormat, Utterance } from './recipes.js';
import { hum, SAMPLE_RATE, samplesOf } from './syllables.js';

const ENCODERS: Record<SpeechFormat, string[]> = {
  mp3: ['-c:a', 'libmp3lame', '-b:a', '64k', '-id3v2_version', '3', '-f', 'mp3'],
  opus: ['-c:a', 'libopus', '-b:a', '32k', '-f', 'ogg'],
  aac: ['-c:a', 'aac', '-b:a', '64k', '-f', 'adts'],
  flac: ['-c:a', 'flac', '-f', 'flac'],
  wav: ['-c:a', 'pcm_s16le', '-f', 'wav'],
  pcm: ['-c:a', 'pcm_s16le', '-f', 's16le'],
};

const BITEXACT = ['-fflags', '+bitexact', '-flags:a', '+bitexact', '-threads', '1'];

/** Before the text in the file's comment; what follows is base64url, which no tag format mangles. */
const SAYS = 'kiln-sandbox-says:';

/** What a file's comment says was spoken; null of other comments. */
export function spokenIn(comment: string | null): string | null {
  return comment?.startsWith(SAYS) === true
    ? Buffer.from(comment.slice(SAYS.length), 'base64url').toString('utf8')
    : null;
}

/** Writes the utterance to `output`; files beginning with `scratch` may be left behind. */
export async function renderUtterance(
  ffmpeg: Ffmpeg,
  { text, voice, speed, format }: Utterance,
  scratch: string,
  output: string,
): Promise<void> {
  const [samples, tags] = [`${scratch}.s16le`, `${scratch}.tags`];
  await writeFile(samples, samplesOf(hum(text, voice, speed)));
  await writeFile(tags, `;FFMETADATA1\ncomment=${SAYS}${Buffer.from(text).toString('base64url')}\n`);
  await ffmpeg.run([
    ['-f', 's16le', '-ar', String(SAMPLE_RATE), '-ac', '1', '-i', samples],
    ['-f', 'ffmetadata', '-i', tags],
    ['-map', '0:a', '-map_metadata', '1'],
    BITEXACT,
    ENCODERS[format],
    [output],
  ]);
}
