import type { Clip, Picture, Piece } from '../render/recipes.js';

/** What a node puts out, as far as the emulator needs it to know what to draw. Nothing is rendered here. */
export type Value =
  | { kind: 'opaque' }
  | { kind: 'number'; value: number }
  | { kind: 'model'; file: string }
  /** A text encoder's answer; `bpm` where it has a measure. */
  | { kind: 'text'; text: string; bpm?: number }
  | { kind: 'noise'; seed: number }
  | { kind: 'guider'; prompt: string; model: string }
  | Latent
  | Sound
  /** Picture and sound sampled together. */
  | { kind: 'joint'; video: Latent; sound: Sound }
  | { kind: 'images'; stills: Picture[]; frames: number; seed: number }
  | { kind: 'video'; clip: Clip };

export interface Latent {
  kind: 'latent';
  width: number;
  height: number;
  frames: number;
  batch: number;
  base: Picture | null;
  /** A last frame that was asked for. */
  last: Picture | null;
  sampled: Sampled | null;
}

/** Sound, as a latent or decoded. */
export interface Sound {
  kind: 'sound';
  seconds: number;
  bpm: number;
  seed: number;
}

interface Sampled {
  prompt: string;
  seed: number;
  model: string;
}

/** What an output node wants written. */
export type Deliverable =
  | { kind: 'image'; prefix: string; temporary: boolean; picture: Picture }
  | { kind: 'video'; prefix: string; clip: Clip }
  | { kind: 'audio'; prefix: string; piece: Piece };

/** Values of other nodes, for an evaluator. */
export interface Reader {
  linked(input: unknown): Value;
  images(input: unknown): Picture[];
  /** A literal, or what a node counted. */
  number(input: unknown): number;
  /** The prompt text without sandbox markers. */
  clean(text: string): string;
}

export function latentOf(width: number, height: number, frames: number, batch: number, base: Picture | null): Latent {
  return { kind: 'latent', width, height, frames, batch, base, last: null, sampled: null };
}

/** Of sound that no measure was given for. */
export const USUAL_BPM = 120;

export const OPAQUE: Value = { kind: 'opaque' };

export function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}

export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

export function floorTo(value: unknown, step: number): number {
  return Math.max(step, Math.floor(numberOf(value) / step) * step);
}
