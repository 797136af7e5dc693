/**
 * Embeddings without a model: words, pairs of words and the letters inside words are hashed into a vector. Texts that share
 * wording come out near each other, unrelated ones do not, and the same text always gives the same vector.
 */
import { randomOf } from '../render/music.js';

/** Weights: a whole word says more than a run of three letters, which is there for inflections and typing errors. */
const WORD_WEIGHT = 1;
const PAIR_WEIGHT = 0.6;
const LETTERS_WEIGHT = 0.35;
/** Words this short ("the", "is", "of") are in every text. */
const SHORT_WORD_LETTERS = 3;
const SHORT_WORD_WEIGHT = 0.15;
const LETTERS = 3;

/**
 * Every feature lands once in each of these leading parts, and twice in the whole: like a Matryoshka model's, the first
 * `dimensions` of a vector are an embedding of their own.
 */
const LEADING_PARTS = [64, 256, 1024] as const;

/** A murmur of the text itself in every number, of this length beside the features': a model's vectors have no zeros. */
const MURMUR = 0.1;

/** FNV-1a, mixed at the end: neighbouring strings shall land far apart. */
function hashOf(text: string, seed: number): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function featuresOf(text: string): Map<string, number> {
  const features = new Map<string, number>();
  const add = (name: string, weight: number) => features.set(name, (features.get(name) ?? 0) + weight);
  const words =
    text
      .normalize('NFKC')
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? [];
  words.forEach((word, index) => {
    const isShort = word.length <= SHORT_WORD_LETTERS && /^[a-z]+$/.test(word);
    add(`w ${word}`, isShort ? SHORT_WORD_WEIGHT : WORD_WEIGHT);
    const next = words[index + 1];
    if (next !== undefined) add(`p ${word} ${next}`, PAIR_WEIGHT);
    if (isShort) return;
    const bounded = `<${word}>`;
    for (let at = 0; at + LETTERS <= bounded.length; at += 1) {
      add(`l ${bounded.slice(at, at + LETTERS)}`, LETTERS_WEIGHT);
    }
  });
  // Signs alone have an embedding too.
  if (features.size === 0) add(`t ${text}`, WORD_WEIGHT);
  return features;
}

function lengthOf(vector: Float64Array): number {
  return Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
}

/** Scaled to length 1, in float32: what `float` says as numbers is then exactly what `base64` says as bytes. */
function normalised(vector: Float64Array): Float32Array {
  const length = lengthOf(vector);
  return Float32Array.from(vector, (value) => value / length);
}

/** The embedding of `text`: `native` numbers of which the first `dimensions` are kept, of length 1. */
export function embed(text: string, native: number, dimensions: number): Float32Array {
  const vector = new Float64Array(native);
  for (const [feature, count] of featuresOf(text)) {
    const weight = Math.sqrt(count);
    for (const [seed, part] of [...LEADING_PARTS, native, native].entries()) {
      const hash = hashOf(feature, seed + 1);
      const index = (hash >>> 1) % Math.min(part, native);
      vector[index] = (vector[index] ?? 0) + (hash % 2 === 0 ? weight : -weight);
    }
  }
  const random = randomOf(hashOf(text, 0));
  const loudness = (MURMUR * Math.max(1, lengthOf(vector))) / Math.sqrt(native);
  for (let index = 0; index < native; index += 1) {
    vector[index] = (vector[index] ?? 0) + loudness * (2 * random() - 1);
  }
  return normalised(vector.subarray(0, dimensions));
}

/** Little-endian float32, as `encoding_format: base64` is answered. */
export function toBase64(vector: Float32Array): string {
  const bytes = Buffer.alloc(vector.length * 4);
  vector.forEach((value, index) => bytes.writeFloatLE(value, index * 4));
  return bytes.toString('base64');
}
