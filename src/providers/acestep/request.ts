import { z } from 'zod';
import type { MediaTask, TaskShape } from '../contract.js';
import { givenFields, givenRoles, invalidInput, readInput, readReference, referencesOf } from '../task-input.js';
import { optionsShape, settingsShape, TASKS } from './options.js';

const AUDIO_MAX_BYTES = 100 * 1024 * 1024;
/** The model's own mark for a piece without a voice. */
const INSTRUMENTAL = '[Instrumental]';

const TASK_TYPES = { generate: 'text2music', cover: 'cover', repaint: 'repaint', extract: 'extract' } as const;
const FORMATS = ['mp3', 'wav', 'flac'];
const STEMS = [
  'woodwinds',
  'brass',
  'fx',
  'synth',
  'strings',
  'percussion',
  'keyboard',
  'guitar',
  'bass',
  'drums',
  'backing_vocals',
  'vocals',
];

const fields = z.object({
  task: z.enum(TASKS).nullish(),
  prompt: z.string().nullish(),
  lyrics: z.string().nullish(),
  duration_seconds: z.number().nullish(),
  instrumental: z.boolean().nullish(),
  repaint_start_seconds: z.number().nullish(),
  repaint_end_seconds: z.number().nullish(),
  strength: z.number().nullish(),
  stems: z.array(z.string()).nullish(),
  bpm: z.number().nullish(),
  language: z.string().nullish(),
  format: z.string().nullish(),
  seed: z.number().nullish(),
  steps: z.number().nullish(),
  guidance: z.number().nullish(),
});
type Fields = z.output<typeof fields>;

/** Fields of /release_task that Kiln sends. */
export type ReleaseTask = Record<string, string | number | boolean>;

function rangeProblem(
  field: keyof Fields,
  value: number | null | undefined,
  min: number,
  max: number,
  whole = false,
): string[] {
  if (value === null || value === undefined) return [];
  const good = value >= min && value <= max && (!whole || Number.isInteger(value));
  return good ? [] : [`${field} must be ${whole ? 'a whole number ' : ''}from ${min} to ${max}`];
}

function taskProblems(input: Fields, shape: TaskShape): string[] {
  const task = input.task ?? 'generate';
  const allowed = settingsShape.parse(shape.settings).tasks;
  const audio = shape.references.audio ?? 0;
  const problems: string[] = [];
  if (!allowed.includes(task)) problems.push(`task ${task} is not one of ${allowed.join(', ')} on this server`);
  if (task !== 'generate' && audio === 0) problems.push(`task ${task} needs audio`);
  if (audio > 1) problems.push('audio takes one file');
  const only = (field: keyof Fields, owner: string): void => {
    const value = input[field];
    if (value !== null && value !== undefined && task !== owner && !(Array.isArray(value) && value.length === 0))
      problems.push(`${field} belongs to task ${owner}`);
  };
  only('repaint_start_seconds', 'repaint');
  only('repaint_end_seconds', 'repaint');
  only('strength', 'cover');
  only('stems', 'extract');
  if (task === 'extract') {
    const stems = input.stems ?? [];
    if (stems.length === 0) problems.push('task extract needs stems');
    if (new Set(stems).size !== stems.length) problems.push('stems names a part twice');
    problems.push(
      ...stems.filter((stem) => !STEMS.includes(stem)).map((stem) => `stems ${stem} is not one of ${STEMS.join(', ')}`),
    );
  }
  return problems;
}

/** Why a job can't go to this server: its ranges, and what its model lacks. */
export function unsupported(shape: TaskShape): string[] {
  const known = Object.keys(fields.shape);
  const problems = [
    ...givenFields(shape.input).filter((field) => !known.includes(field)),
    ...givenRoles(shape.references).filter((role) => role !== 'audio'),
  ].map((field) => `${field} is not taken by ACE-Step`);
  const parsed = fields.safeParse(shape.input);
  if (!parsed.success)
    return [...problems, ...parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)];
  const input = parsed.data;
  if (input.instrumental && input.lyrics?.trim()) problems.push('lyrics and instrumental exclude each other');
  if (input.format && !FORMATS.includes(input.format))
    problems.push(`format ${input.format} is not one of ${FORMATS.join(', ')}`);
  return [
    ...problems,
    ...taskProblems(input, shape),
    ...rangeProblem('duration_seconds', input.duration_seconds, 10, 600),
    ...rangeProblem('bpm', input.bpm, 30, 300, true),
    ...rangeProblem('seed', input.seed, 0, 0xffffffff, true),
    ...rangeProblem('strength', input.strength, 0, 1),
    ...rangeProblem('steps', input.steps, 1, 200, true),
  ];
}

/** The parts that an extraction asks for; null of every other task. */
export function stemsOf(task: MediaTask): string[] | null {
  const input = readInput(fields, task.input);
  return input.task === 'extract' ? (input.stems ?? []) : null;
}

/** The fields of /release_task: one piece, and the seed counts when one was given. `stem`: the one part of this task. */
function toWire(task: MediaTask, stem: string | null): ReleaseTask {
  const input = readInput(fields, task.input);
  const options = optionsShape.parse(task.options);
  const kind = input.task ?? 'generate';
  const lyrics = input.instrumental ? INSTRUMENTAL : input.lyrics;
  const optional: Record<string, string | number | boolean | null | undefined> = {
    lyrics,
    audio_duration: input.duration_seconds,
    bpm: input.bpm,
    vocal_language: input.language,
    audio_format: input.format,
    inference_steps: input.steps,
    guidance_scale: input.guidance,
    repainting_start: input.repaint_start_seconds,
    repainting_end: input.repaint_end_seconds,
    audio_cover_strength: input.strength,
    track_name: stem,
    ...options,
  };
  const given = Object.entries(optional).filter(
    (entry): entry is [string, string | number | boolean] => entry[1] !== null && entry[1] !== undefined,
  );
  return {
    task_type: TASK_TYPES[kind],
    prompt: input.prompt ?? '',
    ...Object.fromEntries(given),
    model: task.model,
    // The server makes two pieces at twice the cost when it is left out.
    batch_size: 1,
    // A seed is ignored unless this is false.
    ...(typeof input.seed === 'number' ? { seed: input.seed, use_random_seed: false } : { use_random_seed: true }),
  };
}

export interface Call {
  headers: Record<string, string>;
  body: string | FormData;
}

/**
 * JSON, or multipart where a recording goes along: as style for `generate`, as source for the other tasks. An extraction is
 * one call a stem, for the server takes one track a task.
 */
export async function callsOf(task: MediaTask): Promise<Call[]> {
  const wires = (stemsOf(task) ?? [null]).map((stem) => toWire(task, stem));
  const [audio] = referencesOf(task, 'audio');
  const bytes = audio ? new Uint8Array(await readReference(audio, AUDIO_MAX_BYTES)) : null;
  return wires.map((wire): Call => {
    if (!audio || !bytes) {
      if (wire.task_type !== 'text2music') throw invalidInput(`task ${wire.task_type} needs audio`, 'audio');
      return { headers: { 'content-type': 'application/json' }, body: JSON.stringify(wire) };
    }
    const form = new FormData();
    for (const [name, value] of Object.entries(wire)) form.set(name, String(value));
    const part = wire.task_type === 'text2music' ? 'ref_audio' : 'src_audio';
    form.set(part, new Blob([bytes], { type: audio.contentType }), audio.filename);
    return { headers: {}, body: form };
  });
}
