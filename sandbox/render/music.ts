/** Synthesises music without a model: a seeded chord progression with bass, pad and a plucked melody. */
import { writeFile } from 'node:fs/promises';
import type { Ffmpeg } from './ffmpeg.js';
import type { Piece } from './recipes.js';

const SAMPLE_RATE = 44_100;
const BEATS_PER_CHORD = 4;

/** Progressions as semitones of the root and whether the chord is minor. */
const PROGRESSIONS: readonly (readonly (readonly [number, boolean])[])[] = [
  [
    [0, false],
    [7, false],
    [9, true],
    [5, false],
  ],
  [
    [9, true],
    [5, false],
    [0, false],
    [7, false],
  ],
  [
    [0, false],
    [9, true],
    [2, true],
    [7, false],
  ],
  [
    [2, true],
    [7, false],
    [0, false],
    [9, true],
  ],
];

/** A small deterministic generator (mulberry32): the same seed always plays the same piece. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function frequencyOf(semitonesFromA4: number): number {
  return 440 * 2 ** (semitonesFromA4 / 12);
}

interface Note {
  startSample: number;
  lengthSamples: number;
  frequency: number;
  gain: number;
  /** Exponential decay per second; 0 holds the note. */
  decay: number;
}

function composeLoop(seed: number, bpm: number): { notes: Note[]; samples: number } {
  const random = randomOf(seed);
  const progression = PROGRESSIONS[Math.floor(random() * PROGRESSIONS.length)] ?? [[0, false]];
  const root = -9 + Math.floor(random() * 7);
  const beatSamples = Math.round((60 / bpm) * SAMPLE_RATE);
  const notes: Note[] = [];
  progression.forEach(([degree, minor], chord) => {
    const startSample = chord * BEATS_PER_CHORD * beatSamples;
    const tones = [0, minor ? 3 : 4, 7].map((interval) => root + degree + interval);
    const held = BEATS_PER_CHORD * beatSamples;
    for (const tone of tones)
      notes.push({ startSample, lengthSamples: held, frequency: frequencyOf(tone), gain: 0.08, decay: 0.3 });
    for (let beat = 0; beat < BEATS_PER_CHORD; beat += 1) {
      const at = startSample + beat * beatSamples;
      notes.push({
        startSample: at,
        lengthSamples: beatSamples,
        frequency: frequencyOf(root + degree - 24),
        gain: 0.2,
        decay: 4,
      });
      const tone = tones[Math.floor(random() * tones.length)] ?? root;
      notes.push({
        startSample: at,
        lengthSamples: beatSamples,
        frequency: frequencyOf(tone + 12),
        gain: 0.12,
        decay: 6,
      });
    }
  });
  return { notes, samples: progression.length * BEATS_PER_CHORD * beatSamples };
}

/** One turn of the progression as a 16-bit mono WAV file; ffmpeg repeats it as long as asked. */
export function synthesiseLoop(seed: number, bpm: number): Buffer {
  const { notes, samples } = composeLoop(seed, bpm);
  const mix = new Float32Array(samples);
  for (const note of notes) addNote(mix, note);
  return wavOf(mix);
}

const ATTACK_SAMPLES = SAMPLE_RATE / 100;

/** Adds a decaying sine by recurrence, two multiplications a sample: this runs in the server's own thread. */
function addNote(mix: Float32Array, note: Note): void {
  const step = (2 * Math.PI * note.frequency) / SAMPLE_RATE;
  const length = Math.min(note.lengthSamples, mix.length - note.startSample);
  const twiceCosine = 2 * Math.cos(step);
  const fading = Math.exp(-note.decay / SAMPLE_RATE);
  let previous = -Math.sin(step);
  let sine = 0;
  let gain = note.gain;
  for (let index = 0; index < length; index += 1) {
    const left = length - index;
    const edge = index < left ? index : left;
    const attack = edge < ATTACK_SAMPLES ? edge / ATTACK_SAMPLES : 1;
    const at = note.startSample + index;
    mix[at] = (mix[at] ?? 0) + gain * attack * sine;
    const next = twiceCosine * sine - previous;
    previous = sine;
    sine = next;
    gain *= fading;
  }
}

const WAV_HEADER_BYTES = 44;

function wavOf(mix: Float32Array): Buffer {
  const dataBytes = mix.length * 2;
  const wav = Buffer.alloc(WAV_HEADER_BYTES + dataBytes);
  wav.write('RIFF', 0, 'latin1');
  wav.writeUInt32LE(36 + dataBytes, 4);
  wav.write('WAVEfmt ', 8, 'latin1');
  wav.writeUInt32LE(16, 16);
  wav.writeUInt16LE(1, 20);
  wav.writeUInt16LE(1, 22);
  wav.writeUInt32LE(SAMPLE_RATE, 24);
  wav.writeUInt32LE(SAMPLE_RATE * 2, 28);
  wav.writeUInt16LE(2, 32);
  wav.writeUInt16LE(16, 34);
  wav.write('data', 36, 'latin1');
  wav.writeUInt32LE(dataBytes, 40);
  const data = new DataView(wav.buffer, wav.byteOffset + WAV_HEADER_BYTES, dataBytes);
  for (let index = 0; index < mix.length; index += 1) {
    const sample = mix[index] ?? 0;
    const clipped = sample > 1 ? 1 : sample < -1 ? -1 : sample;
    data.setInt16(index * 2, clipped * 32_767, true);
  }
  return wav;
}

const ENCODERS: Record<Piece['format'], string[]> = {
  mp3: ['-c:a', 'libmp3lame', '-b:a', '128k', '-compression_level', '9'],
  wav: ['-c:a', 'pcm_s16le'],
  flac: ['-c:a', 'flac'],
};

const BITEXACT = ['-map_metadata', '-1', '-fflags', '+bitexact', '-flags:a', '+bitexact', '-threads', '1'];
/** Beyond this an MP3 repeats its encoded first part: encoding ten minutes would take ten seconds. */
const MAX_MP3_ENCODED_SECONDS = 60;

/** Writes the piece to `output`; files beginning with `scratch` may be left behind. */
export async function renderPiece(ffmpeg: Ffmpeg, piece: Piece, scratch: string, output: string): Promise<void> {
  const wav = `${scratch}.wav`;
  await writeFile(wav, synthesiseLoop(piece.seed, piece.bpm));
  const encode = (seconds: number, to: string) =>
    ffmpeg.run([
      ['-stream_loop', '-1', '-i', wav, '-t', String(seconds), '-ac', '2', '-ar', String(SAMPLE_RATE)],
      BITEXACT,
      ENCODERS[piece.format],
      ['-f', piece.format, to],
    ]);
  if (piece.format !== 'mp3' || piece.seconds <= MAX_MP3_ENCODED_SECONDS) return encode(piece.seconds, output);
  const part = `${scratch}.part.mp3`;
  await encode(MAX_MP3_ENCODED_SECONDS, part);
  const repeat = ['-stream_loop', '-1', '-i', part, '-t', String(piece.seconds), '-c', 'copy'];
  return ffmpeg.run([repeat, BITEXACT, ['-f', 'mp3', output]]);
}
