import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findFfmpeg } from './ffmpeg.js';
import { probeSound } from './ffprobe.js';
import type { SpeechFormat } from './recipes.js';
import { spokenIn } from './speech.js';
import { Studio } from './studio.js';
import { hum } from './syllables.js';

const run = promisify(execFile);
const TEXT = 'Good morning = "north",\nit is cold; 5 °C 🦊 # really.';

let folder: string;
let studio: Studio;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kiln-speech-'));
  studio = await Studio.open(folder, findFfmpeg());
});
afterAll(async () => {
  studio.close();
  await rm(folder, { recursive: true, force: true });
});

/** Decibels of the loudest and of the average sample, as ffmpeg's volumedetect hears them. */
async function volumeOf(path: string): Promise<{ max: number; mean: number }> {
  const { stderr } = await run(findFfmpeg(), ['-hide_banner', '-i', path, '-af', 'volumedetect', '-f', 'null', '-']);
  const read = (name: string) => Number(new RegExp(`${name}_volume: (-?[\\d.]+) dB`).exec(stderr)?.[1]);
  return { max: read('max'), mean: read('mean') };
}

describe('spoken files', () => {
  it.each<[SpeechFormat, string]>([
    ['mp3', 'mp3'],
    ['opus', 'opus'],
    ['aac', 'aac'],
    ['flac', 'flac'],
    ['wav', 'pcm_s16le'],
  ])('%s is audible %s of the length of its text', async (format, codec) => {
    const path = await studio.utterance({ text: TEXT, voice: 'alloy', speed: 1, format });
    const sound = await probeSound(path);
    expect(sound).toMatchObject({ codec, channels: 1 });
    expect(Math.abs((sound?.seconds ?? 0) - hum(TEXT, 'alloy', 1).seconds)).toBeLessThan(0.12);
    const { max, mean } = await volumeOf(path);
    expect(max).toBeGreaterThan(-20);
    expect(max).toBeLessThan(0);
    expect(mean).toBeGreaterThan(-40);
  });

  it.each<SpeechFormat>(['mp3', 'opus', 'flac', 'wav'])('%s holds the text, sign by sign', async (format) => {
    const sound = await probeSound(await studio.utterance({ text: TEXT, voice: 'alloy', speed: 1, format }));
    expect(spokenIn(sound?.comment ?? null)).toBe(TEXT);
  });

  it('pcm is bare samples', async () => {
    const path = await studio.utterance({ text: TEXT, voice: 'alloy', speed: 1, format: 'pcm' });
    expect((await readFile(path)).length / 2 / 24_000).toBeCloseTo(hum(TEXT, 'alloy', 1).seconds, 2);
  });

  it('a file of another maker has no text, and what is no sound is told', async () => {
    const path = join(folder, 'other.ogg');
    await run(findFfmpeg(), ['-f', 'lavfi', '-i', 'sine=d=1.5', '-metadata', 'comment=hello', '-y', path]);
    const sound = await probeSound(path);
    expect(sound?.seconds).toBeCloseTo(1.5, 1);
    expect(spokenIn(sound?.comment ?? null)).toBeNull();
    await writeFile(join(folder, 'note.mp3'), 'Dear diary');
    expect(await probeSound(join(folder, 'note.mp3'))).toBeNull();
  });

  it('is counted where the container says no length', async () => {
    const path = join(folder, 'live.webm');
    await run(findFfmpeg(), [
      '-f',
      'lavfi',
      '-i',
      'sine=d=2',
      '-c:a',
      'libopus',
      '-f',
      'webm',
      '-live',
      '1',
      '-y',
      path,
    ]);
    expect((await probeSound(path))?.seconds).toBeCloseTo(2, 1);
  });
});
