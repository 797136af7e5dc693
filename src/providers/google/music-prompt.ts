import { z } from 'zod';
import type { JsonObject } from '../../common/json.js';
import type { TaskShape } from '../contract.js';
import { givenRoles, readInput } from '../task-input.js';
import { oneOf, readFields } from './request.js';

/**
 * Lyria has no fields but the prompt: Google's guide to music generation steers words (under section tags such as [Verse]),
 * "instrumental only" and the length ("2 minutes") in it.
 */
export const musicFields = z.object({
  task: z.string().nullish(),
  prompt: z.string().nullish(),
  lyrics: z.string().nullish(),
  instrumental: z.boolean().nullish(),
  duration_seconds: z.number().nullish(),
  format: z.string().nullish(),
});

/** What the clip model always makes. */
const CLIP_SECONDS = 30;
const isClip = (model: string): boolean => model.includes('-clip');

function lengthOf(seconds: number): string {
  const whole = Math.round(seconds);
  const parts = [
    [Math.floor(whole / 60), 'minute'],
    [whole % 60, 'second'],
  ] as const;
  return parts
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}${count === 1 ? '' : 's'}`)
    .join(' ');
}

/** The one text that says it all, and what of it is a wish only. */
export function musicPrompt(given: JsonObject): { text: string; warnings: string[] } {
  const input = readInput(musicFields, given);
  const seconds = input.duration_seconds;
  const parts = [
    input.prompt?.trim(),
    input.instrumental === true && 'Instrumental only, no vocals.',
    input.instrumental === false && 'With vocals.',
    typeof seconds === 'number' && `The song is ${lengthOf(seconds)} long.`,
    input.lyrics && `Lyrics:\n${input.lyrics.trim()}`,
  ];
  return {
    text: parts.filter((part): part is string => typeof part === 'string' && part !== '').join('\n\n'),
    warnings:
      typeof seconds === 'number'
        ? [`duration_seconds ${seconds} was written into the prompt: Lyria takes a length as a wish`]
        : [],
  };
}

export function unsupportedMusic(shape: TaskShape): string[] {
  const { input, problems } = readFields(musicFields, shape.input, 'Lyria');
  problems.push(...givenRoles(shape.references).map((role) => `${role} is not taken by Lyria`));
  if (shape.operation !== 'generate') problems.push(`task ${shape.operation} is not done by Lyria`);
  if (input === null) return problems;
  // The clip model writes MP3 only.
  problems.push(...oneOf('format', input.format, isClip(shape.model) ? ['mp3'] : ['mp3', 'wav']));
  if (isClip(shape.model)) problems.push(...oneOf('duration_seconds', input.duration_seconds, [CLIP_SECONDS]));
  if (input.lyrics && input.instrumental === true) problems.push('lyrics and instrumental exclude each other');
  return problems;
}
