import { AUDIO_FORMATS, type AudioFormat } from '../render/recipes.js';

/** A refusal as FastAPI answers it: the status and `{"detail"}`. */
export class FastApiError extends Error {
  constructor(
    readonly http: number,
    readonly detail: string,
  ) {
    super(detail);
  }
}

export interface MusicRequest {
  task: string;
  prompt: string;
  lyrics: string;
  format: AudioFormat;
  seconds: number;
  bpm: number;
  keyScale: string;
  timeSignature: string;
  batchSize: number;
  useRandomSeed: boolean;
  seeds: number[];
  /** Which part of a recording, from 1; 0 of a whole piece. */
  part: number;
  model: string;
}

/** Other spellings the server takes, by the name it uses itself. */
const ALIASES: Record<string, readonly string[]> = {
  prompt: ['caption'],
  sample_query: ['description', 'desc'],
  use_format: ['format'],
  model: ['model_name', 'dit_model'],
  key_scale: ['keyscale', 'key'],
  time_signature: ['timesignature'],
  audio_duration: ['duration', 'target_duration'],
  vocal_language: ['language'],
  audio_cover_strength: ['cover_strength'],
  audio_code_string: ['audio_codes'],
  reference_audio_path: ['ref_audio_path'],
  src_audio_path: ['ctx_audio_path', 'source_audio_path'],
  constrained_decoding: ['constrained'],
  use_cot_caption: ['cot_caption', 'cot-caption'],
  use_cot_language: ['cot_language', 'cot-language'],
  allow_lm_batch: ['parallel_thinking'],
  track_classes: ['instruments'],
  param_obj: [],
  metas: ['meta', 'metadata', 'user_metadata'],
};

type FieldType = 'text' | 'boolean' | 'integer' | 'number' | 'any';

const FIELDS: Record<string, FieldType> = {
  prompt: 'text',
  global_caption: 'text',
  lyrics: 'text',
  sample_query: 'text',
  model: 'text',
  key_scale: 'text',
  time_signature: 'text',
  vocal_language: 'text',
  reference_audio_path: 'text',
  src_audio_path: 'text',
  instruction: 'text',
  audio_code_string: 'text',
  task_type: 'text',
  chunk_mask_mode: 'text',
  repaint_mode: 'text',
  infer_method: 'text',
  timesteps: 'text',
  sampler_mode: 'text',
  audio_format: 'text',
  lm_model_path: 'text',
  lm_backend: 'text',
  lm_negative_prompt: 'text',
  track_name: 'text',
  ai_token: 'text',
  guidance_variant: 'text',
  thinking: 'boolean',
  sample_mode: 'boolean',
  use_format: 'boolean',
  use_random_seed: 'boolean',
  analysis_only: 'boolean',
  full_analysis_only: 'boolean',
  extract_codes_only: 'boolean',
  use_adg: 'boolean',
  use_tiled_decode: 'boolean',
  constrained_decoding: 'boolean',
  constrained_decoding_debug: 'boolean',
  use_cot_caption: 'boolean',
  use_cot_language: 'boolean',
  is_format_caption: 'boolean',
  allow_lm_batch: 'boolean',
  bpm: 'integer',
  inference_steps: 'integer',
  batch_size: 'integer',
  repaint_latent_crossfade_frames: 'integer',
  lm_top_k: 'integer',
  guidance_scale: 'number',
  audio_duration: 'number',
  repainting_start: 'number',
  repainting_end: 'number',
  audio_cover_strength: 'number',
  cover_noise_strength: 'number',
  repaint_wav_crossfade_sec: 'number',
  repaint_strength: 'number',
  cfg_interval_start: 'number',
  cfg_interval_end: 'number',
  shift: 'number',
  velocity_norm_threshold: 'number',
  velocity_ema_factor: 'number',
  latent_shift: 'number',
  latent_rescale: 'number',
  lm_temperature: 'number',
  lm_cfg_scale: 'number',
  lm_top_p: 'number',
  lm_repetition_penalty: 'number',
  seed: 'any',
  track_classes: 'any',
  param_obj: 'any',
  metas: 'any',
  guidance_params: 'any',
};

const NAME_OF = new Map(
  Object.keys(FIELDS).flatMap((name) => [
    [name, name] as const,
    ...(ALIASES[name] ?? []).map((alias) => [alias, name] as const),
  ]),
);

function canonicalName(given: string): string | undefined {
  return NAME_OF.get(given) ?? NAME_OF.get(given.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
}

const TASKS = ['text2music', 'cover', 'repaint', 'lego', 'extract', 'complete'];
const NEEDS_SOURCE = ['cover', 'repaint', 'lego', 'extract', 'complete'];
/** Parts that `extract` and `lego` know: acestep/constants.py. */
const TRACKS = [
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
const DEFAULT_BATCH_SIZE = 2;
const MAX_BATCH_SIZE = 8;
const DEFAULT_SECONDS = 60;
const DEFAULT_BPM = 120;
const DEFAULT_MODEL = 'acestep-v15-turbo';

/**
 * Reads the fields of `/release_task`. The real server ignores names it does not know and falls back to defaults for values it
 * can't read; here both are refused, because a request that relied on it would be a mistake.
 */
export function validateMusic(
  fields: Record<string, unknown>,
  isForm: boolean,
  hasSourceFile: boolean,
  randomSeed: () => number,
): MusicRequest {
  const values: Record<string, unknown> = {};
  for (const [given, value] of Object.entries(fields)) {
    const name = canonicalName(given);
    if (name === undefined) throw new FastApiError(400, `Unknown field: ${given}`);
    if (value !== null) values[name] = read(given, FIELDS[name] ?? 'any', value, isForm);
  }
  const text = (name: string, standard = '') => (values[name] as string | undefined) ?? standard;
  const prompt = text('prompt');
  const lyrics = text('lyrics');
  const task = text('task_type', 'text2music');
  oneOf('task_type', task, TASKS);
  if (task === 'text2music' && prompt === '' && lyrics === '' && text('sample_query') === '')
    throw new FastApiError(400, 'prompt, lyrics or sample_query is required');
  if (NEEDS_SOURCE.includes(task) && !hasSourceFile && text('src_audio_path') === '')
    throw new FastApiError(400, `task_type ${task} requires src_audio`);
  if (task === 'extract' || task === 'lego') oneOf('track_name', text('track_name'), TRACKS);
  const format = text('audio_format', 'mp3');
  oneOf('audio_format', format, AUDIO_FORMATS);
  oneOf('infer_method', text('infer_method', 'ode'), ['ode', 'sde']);
  const number = (name: string, least: number, most: number, standard: number) =>
    within(name, values[name] as number | undefined, least, most, standard);
  number('inference_steps', 1, 200, 8);
  number('guidance_scale', 0, 100, 7);
  number('shift', 1, 5, 3);
  number('audio_cover_strength', 0, 1, 1);
  const batchSize = number('batch_size', 1, MAX_BATCH_SIZE, DEFAULT_BATCH_SIZE);
  const useRandomSeed = values['use_random_seed'] !== false;
  return {
    task,
    prompt,
    lyrics,
    format: format as AudioFormat,
    seconds: number('audio_duration', 10, 600, DEFAULT_SECONDS),
    bpm: number('bpm', 30, 300, DEFAULT_BPM),
    keyScale: text('key_scale', 'C major'),
    timeSignature: text('time_signature', '4'),
    batchSize,
    useRandomSeed,
    seeds: seedsOf(values['seed'], useRandomSeed, batchSize, randomSeed),
    part: TRACKS.indexOf(text('track_name')) + 1,
    // An unknown model name silently uses the primary model.
    model: DEFAULT_MODEL,
  };
}

function read(name: string, type: FieldType, value: unknown, isForm: boolean): unknown {
  const wrong = (wanted: string) => new FastApiError(400, `${name}: expected ${wanted}, got ${JSON.stringify(value)}`);
  const source = isForm && typeof value === 'string' ? value.trim() : value;
  switch (type) {
    case 'text':
      if (typeof source !== 'string') throw wrong('a string');
      return source;
    case 'boolean':
      if (typeof source === 'boolean') return source;
      if (isForm && typeof source === 'string') return ['1', 'true', 'yes', 'y', 'on'].includes(source.toLowerCase());
      throw wrong('a boolean');
    case 'integer':
    case 'number': {
      const number = isForm && source !== '' ? Number(source) : source;
      if (typeof number !== 'number' || !Number.isFinite(number))
        throw wrong(type === 'integer' ? 'an integer' : 'a number');
      if (type === 'integer' && !Number.isInteger(number)) throw wrong('an integer');
      return number;
    }
    case 'any':
      return source;
  }
}

function seedsOf(seed: unknown, useRandomSeed: boolean, batchSize: number, randomSeed: () => number): number[] {
  if (typeof seed === 'object' && seed !== null)
    throw new FastApiError(400, `seed: expected an integer, got ${JSON.stringify(seed)}`);
  const given = String((seed as string | number | undefined) ?? -1)
    .split(',')
    .map(Number);
  if (given.some((one) => !Number.isInteger(one) || one < -1))
    throw new FastApiError(
      400,
      `seed: expected an integer of -1 or more, or several with commas, got ${JSON.stringify(seed)}`,
    );
  return Array.from({ length: batchSize }, (_, index) => {
    const one = given[index] ?? -1;
    return useRandomSeed || one < 0 ? randomSeed() : one;
  });
}

function oneOf(name: string, value: string, allowed: readonly string[]): void {
  if (!allowed.includes(value))
    throw new FastApiError(400, `${name}: must be one of ${allowed.join(', ')}, got ${JSON.stringify(value)}`);
}

function within(name: string, value: number | undefined, least: number, most: number, standard: number): number {
  if (value === undefined) return standard;
  if (value < least || value > most) throw new FastApiError(400, `${name}: must be ${least} to ${most}, got ${value}`);
  return value;
}
