/** Speech without a model: every syllable is a hummed tone, so that length, tempo and voice can be heard and measured. */

/** Hz, mono: what OpenAI's and Kokoro's `pcm` are. */
export const SAMPLE_RATE = 24_000;

const SYLLABLE_SECONDS = 0.17;
const WORD_GAP_SECONDS = 0.06;
const COMMA_SECONDS = 0.18;
const SENTENCE_SECONDS = 0.32;
const EDGE_SECONDS = 0.02;
/** Longer texts are cut off in the sound, not in what is remembered of them. */
const MAX_SECONDS = 600;
const GAIN = 0.22;

/** How loud the first harmonics of each vowel are: enough to tell them apart. */
const VOWELS = [
  [1, 0.8, 0.5, 0.2],
  [1, 0.5, 0.6, 0.3],
  [1, 0.2, 0.3, 0.6],
  [1, 0.9, 0.2, 0.1],
  [1, 0.4, 0.1, 0.05],
] as const;

export interface Tone {
  startSeconds: number;
  seconds: number;
  hertz: number;
  harmonics: readonly number[];
}

const LOW_HERTZ = 95;
const HIGH_HERTZ = 255;

function hashOf(text: string): number {
  let hash = 5381;
  for (const sign of text) hash = (Math.imul(hash, 33) ^ (sign.codePointAt(0) ?? 0)) >>> 0;
  return hash;
}

/** A voice's pitch in Hz; its name decides. */
export function pitchOf(voice: string): number {
  return LOW_HERTZ + (hashOf(voice) % (HIGH_HERTZ - LOW_HERTZ));
}

/** One syllable a group of vowels; scripts without Latin vowels have one a sign. */
function syllablesOf(word: string): string[] {
  const groups = word.match(/[aeiouy]+/gi);
  if (groups !== null) return groups;
  return /^[a-z0-9]+$/i.test(word) ? [word] : Array.from(word);
}

/** The tones that a text is hummed in, and how long it takes. `speed` 2 takes half as long. */
export function hum(text: string, voice: string, speed: number): { tones: Tone[]; seconds: number } {
  const base = pitchOf(voice);
  const tones: Tone[] = [];
  let at = EDGE_SECONDS;
  for (const [token] of text.matchAll(/[\p{L}\p{N}\p{M}'’]+|[.,;:!?。、…]/gu)) {
    if (at >= MAX_SECONDS) break;
    if (/^[^\p{L}\p{N}]+$/u.test(token)) {
      at += (/[,;:、]/.test(token) ? COMMA_SECONDS : SENTENCE_SECONDS) / speed;
      continue;
    }
    for (const syllable of syllablesOf(token)) {
      const vowel = hashOf(syllable.toLowerCase());
      const seconds = SYLLABLE_SECONDS / speed;
      // The melody of a sentence: a few semitones around the voice's pitch.
      const hertz = base * 2 ** (((vowel % 7) - 3) / 24);
      tones.push({ startSeconds: at, seconds, hertz, harmonics: VOWELS[vowel % VOWELS.length] ?? VOWELS[0] });
      at += seconds;
    }
    at += WORD_GAP_SECONDS / speed;
  }
  // A text of signs alone is still a sound, not an empty file.
  if (tones.length === 0) {
    tones.push({ startSeconds: at, seconds: SYLLABLE_SECONDS, hertz: base, harmonics: VOWELS[4] });
    at += SYLLABLE_SECONDS;
  }
  return { tones, seconds: at + EDGE_SECONDS };
}

const WAVE_POINTS = 2048;

/** One period of a vowel: looked up, since a long text has millions of samples and this runs in the server's own thread. */
function waveOf(harmonics: readonly number[]): Float32Array {
  return Float32Array.from({ length: WAVE_POINTS }, (_, point) =>
    harmonics.reduce((sum, gain, index) => sum + gain * Math.sin((2 * Math.PI * (index + 1) * point) / WAVE_POINTS), 0),
  );
}

const WAVES = new Map<readonly number[], Float32Array>(VOWELS.map((vowel) => [vowel, waveOf(vowel)]));

/** Signed 16-bit little-endian samples, mono, at `SAMPLE_RATE`. */
export function samplesOf({ tones, seconds }: { tones: readonly Tone[]; seconds: number }): Buffer {
  const samples = Buffer.alloc(Math.round(seconds * SAMPLE_RATE) * 2);
  const view = new DataView(samples.buffer, samples.byteOffset, samples.length);
  for (const tone of tones) {
    const wave = WAVES.get(tone.harmonics) ?? waveOf(tone.harmonics);
    const first = Math.round(tone.startSeconds * SAMPLE_RATE);
    const length = Math.min(Math.round(tone.seconds * SAMPLE_RATE), samples.length / 2 - first);
    const step = (tone.hertz * WAVE_POINTS) / SAMPLE_RATE;
    for (let index = 0; index < length; index += 1) {
      const swell = Math.sin((Math.PI * index) / length);
      const sound = wave[Math.floor(step * index) % WAVE_POINTS] ?? 0;
      view.setInt16((first + index) * 2, Math.round(GAIN * swell * sound * 32_767), true);
    }
  }
  return samples;
}
