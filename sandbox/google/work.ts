import { randomUUID } from 'node:crypto';
import type { SandboxContext } from '../context.js';
import { type Generation, Generations } from '../generations.js';
import type { Surface } from './fields.js';

/** What an accepted piece of work is on the wire: an operation by its full name, or an interaction of a model. */
export type Work =
  | { kind: 'operation'; name: string }
  | { kind: 'interaction'; model: string; delivery: 'inline' | 'uri' };
export type GoogleGeneration = Generation<Work>;

/** Files of the Gemini API live for two days. */
const LIFETIME_MS = 2 * 86_400_000;

/** The accepted work of both surfaces. */
export type GoogleWork = Readonly<Record<Surface, Generations<Work>>>;

export async function openGoogleWork(context: SandboxContext): Promise<GoogleWork> {
  return {
    vertex: await Generations.open<Work>(context, 'vertex', LIFETIME_MS),
    gemini: await Generations.open<Work>(context, 'gemini', LIFETIME_MS),
  };
}

/** Without hyphens: Google's SDK takes the letters and digits after `files/` for the name of a file, and stops at any other. */
export const newWorkId = (): string => randomUUID().replaceAll('-', '');
const ID_LENGTH = 32;

/** The name of one output as a file, and back. */
export const fileName = (id: string, index: number): string => `${id}${index}`;
export const outputNamed = (file: string): { id: string; index: number } => ({
  id: file.slice(0, ID_LENGTH),
  index: Number(file.slice(ID_LENGTH) || Number.NaN),
});
