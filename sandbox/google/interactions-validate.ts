import type { Picture } from '../render/recipes.js';
import type { Studio } from '../render/studio.js';
import { invalid } from './errors.js';
import { type Fields, fields, integer, listOf, oneOf, onlyKnown, optional, readPicture, text } from './fields.js';

export type InteractionModel = { kind: 'music'; seconds: number | null } | { kind: 'video' };

export const INTERACTION_MODELS: Readonly<Record<string, InteractionModel>> = {
  'lyria-3.5': { kind: 'music', seconds: null },
  'lyria-3-clip-preview': { kind: 'music', seconds: 30 },
  'gemini-omni-1.1-flash': { kind: 'video' },
  'gemini-omni-1.2-flash': { kind: 'video' },
};

export interface InteractionRequest {
  prompt: string;
  pictures: Picture[];
  background: boolean;
  seed: number | null;
  delivery: 'inline' | 'uri';
  audio: 'mp3' | 'wav';
  video: { ratio: '16:9' | '9:16'; seconds: number; resolution: '360p' | '720p' | '1080p' | '4k' };
}

const TOP = [
  'model',
  'input',
  'background',
  'store',
  'stream',
  'response_format',
  'generation_config',
  'system_instruction',
  'labels',
  'service_tier',
  'safety_settings',
];
const MAX_IMAGES = 10;
const MIN_SECONDS = 3;
const MAX_SECONDS = 10;
const DEFAULT_SECONDS = 8;
const MAX_INT32 = 0x7fff_ffff;
const TASKS = ['text_to_video', 'image_to_video', 'reference_to_video'] as const;

/** Checks a body of POST /interactions for a model; throws a `GoogleError` on the first thing that is wrong. */
export async function validateInteraction(
  model: InteractionModel,
  body: Fields,
  studio: Studio,
): Promise<InteractionRequest> {
  onlyKnown(body, TOP, '');
  const background = optional(body, 'background', 'boolean', '') === true;
  if (background && optional(body, 'store', 'boolean', '') === false)
    throw invalid('`background` requires `store` to be true.');
  if (optional(body, 'stream', 'boolean', '') === true) throw invalid('`stream` is not emulated by this sandbox.');
  const { prompt, pictures } = await readInput(body['input'], studio);
  if (pictures.length > MAX_IMAGES) throw invalid(`\`input\` holds ${pictures.length} images; at most ${MAX_IMAGES}.`);
  const format = readFormat(model, body['response_format']);
  const config = body['generation_config'] === undefined ? {} : fields(body['generation_config'], 'generation_config');
  onlyKnown(config, ['seed', 'video_config', 'temperature', 'top_p', 'max_output_tokens'], 'generation_config');
  checkTask(model, config, pictures.length);
  return {
    prompt,
    pictures,
    background,
    seed: integer(config, 'seed', -MAX_INT32 - 1, MAX_INT32, 'generation_config') ?? null,
    ...format,
  };
}

/** A text, a list of contents, or a list of turns of which the last is the user's. */
async function readInput(value: unknown, studio: Studio): Promise<{ prompt: string; pictures: Picture[] }> {
  if (typeof value === 'string') {
    if (value.trim() === '') throw invalid('`input` must not be empty.');
    return { prompt: value, pictures: [] };
  }
  const list = listOf(value, 'input').map((entry, index) => fields(entry, `input[${index}]`));
  const last = list.at(-1);
  if (last === undefined) throw invalid('`input` must not be empty.');
  const inTurns = last['type'] === 'user_input';
  const contents = inTurns ? listOf(last['content'], 'input.content').map((one) => fields(one, 'input.content')) : list;
  const texts: string[] = [];
  const pictures: Picture[] = [];
  for (const [index, content] of contents.entries()) {
    const path = `input[${index}]`;
    const type = oneOf(content, 'type', ['text', 'image'] as const, 'text', path);
    if (type === 'text') {
      onlyKnown(content, ['type', 'text'], path);
      texts.push(text(content, 'text', path) ?? '');
      continue;
    }
    onlyKnown(content, ['type', 'data', 'mime_type'], path);
    const types = ['image/png', 'image/jpeg', 'image/webp'];
    pictures.push(
      await readPicture(content['data'], content['mime_type'], { path, bytesField: 'data', types }, studio),
    );
  }
  if (texts.join('').trim() === '' && pictures.length === 0) throw invalid('`input` must not be empty.');
  return { prompt: texts.join('\n'), pictures };
}

function readFormat(model: InteractionModel, value: unknown): Pick<InteractionRequest, 'delivery' | 'audio' | 'video'> {
  const path = 'response_format';
  const format = value === undefined ? {} : fields(value, path);
  const kind = model.kind === 'music' ? 'audio' : 'video';
  oneOf(format, 'type', [kind] as const, kind, path);
  if (value !== undefined && format['type'] === undefined) throw invalid('`response_format.type` is required.');
  onlyKnown(
    format,
    kind === 'audio'
      ? ['type', 'mime_type', 'delivery']
      : ['type', 'aspect_ratio', 'duration', 'resolution', 'delivery'],
    path,
  );
  const type = oneOf(format, 'mime_type', ['audio/mp3', 'audio/mpeg', 'audio/wav'] as const, 'audio/mp3', path);
  return {
    delivery: oneOf(format, 'delivery', ['inline', 'uri'] as const, 'inline', path),
    audio: type === 'audio/wav' ? 'wav' : 'mp3',
    video: {
      ratio: oneOf(format, 'aspect_ratio', ['16:9', '9:16'] as const, '16:9', path),
      resolution: oneOf(format, 'resolution', ['360p', '720p', '1080p', '4k'] as const, '720p', path),
      seconds: secondsOf(text(format, 'duration', path)),
    },
  };
}

/** `5s`, as google.protobuf.Duration is written. */
function secondsOf(duration: string | undefined): number {
  if (duration === undefined) return DEFAULT_SECONDS;
  const seconds = Number(/^(\d+)s$/.exec(duration)?.[1] ?? Number.NaN);
  if (!(seconds >= MIN_SECONDS && seconds <= MAX_SECONDS))
    throw invalid(`\`duration\` must be from ${MIN_SECONDS}s to ${MAX_SECONDS}s, got ${JSON.stringify(duration)}.`);
  return seconds;
}

function checkTask(model: InteractionModel, config: Fields, images: number): void {
  if (config['video_config'] === undefined) return;
  const path = 'generation_config.video_config';
  if (model.kind !== 'video') throw invalid('`video_config` is not supported by this model.');
  const video = fields(config['video_config'], path);
  onlyKnown(video, ['task'], path);
  const task = oneOf(video, 'task', TASKS, images === 0 ? 'text_to_video' : 'image_to_video', path);
  if ((task === 'text_to_video') !== (images === 0))
    throw invalid(`\`task\` ${task} does not go with ${images} images in \`input\`.`);
  if (task === 'image_to_video' && images > 1) throw invalid('`task` image_to_video takes one image.');
}
