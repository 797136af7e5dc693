import type { SandboxContext } from '../context.js';
import { invalid, KlingError } from './errors.js';
import { commonOf, type Fields, fieldsOf, flag, oneOf, onlyKnown, readPicture, text } from './fields.js';
import { ASPECT_RATIOS, RESOLUTIONS, SECONDS, type VideoRequest } from './request.js';

export const CURRENT_MODELS: readonly string[] = ['kling-3.0'];

const PROMPT_MAX = 3072;
const IMAGE_MAX_BYTES = 50 * 1024 * 1024;

type Settings = Pick<VideoRequest, 'resolution' | 'aspectRatio' | 'seconds' | 'sound'>;

/** The prompt of either body, for the markers in it; empty where there is none. */
export function currentPrompt(body: unknown): string {
  const { prompt, contents } = (body ?? {}) as { prompt?: unknown; contents?: unknown };
  if (typeof prompt === 'string') return prompt;
  const entries = Array.isArray(contents) ? (contents as ({ type?: unknown; text?: unknown } | null)[]) : [];
  const found = entries.find((entry) => entry?.type === 'prompt')?.text;
  return typeof found === 'string' ? found : '';
}

/** Checks POST /text-to-video/{model} and /image-to-video/{model}; throws a KlingError on the first thing that is wrong. */
export async function validateCurrent(
  context: SandboxContext,
  kind: 'text-to-video' | 'image-to-video',
  model: string,
  body: unknown,
): Promise<VideoRequest> {
  if (!CURRENT_MODELS.includes(model)) throw new KlingError(1203, `The requested model ${model} does not exist`);
  const top = fieldsOf(body, 'the body');
  const isText = kind === 'text-to-video';
  onlyKnown(top, [isText ? 'prompt' : 'contents', 'settings', 'options'], '');
  const settings = readSettings(top['settings'], isText);
  const options = top['options'] === undefined ? {} : fieldsOf(top['options'], 'options');
  onlyKnown(options, ['callback_url', 'external_task_id', 'watermark_info'], 'options.');
  const common = commonOf(options);
  if (!isText) return { ...(await readContents(context, top['contents'])), ...settings, ...common };
  const prompt = text(top, 'prompt', PROMPT_MAX);
  if (!prompt?.trim()) throw invalid('prompt is required');
  return { prompt, first: null, last: null, ...settings, ...common };
}

function readSettings(value: unknown, isText: boolean): Settings {
  const settings = value === undefined ? {} : fieldsOf(value, 'settings');
  const known = ['multi_shot', 'audio', 'resolution', 'duration', ...(isText ? ['aspect_ratio'] : [])];
  onlyKnown(settings, known, 'settings.');
  flag(settings, 'multi_shot');
  const { duration = 5 } = settings;
  if (typeof duration !== 'number' || !Number.isInteger(duration))
    throw invalid(`duration value ${JSON.stringify(duration)} is invalid: it must be an integer`);
  if (duration < SECONDS.min || duration > SECONDS.max) throw invalid(`duration value ${duration} is invalid`);
  return {
    resolution: oneOf(settings, 'resolution', RESOLUTIONS, '720p'),
    aspectRatio: oneOf(settings, 'aspect_ratio', ASPECT_RATIOS, '16:9'),
    seconds: duration,
    sound: oneOf(settings, 'audio', ['native', 'off'], 'off') === 'native',
  };
}

const FIELDS_BY_TYPE: Readonly<Record<string, readonly string[]>> = {
  prompt: ['type', 'text'],
  first_frame: ['type', 'url'],
  last_frame: ['type', 'url'],
};

async function readContents(
  context: SandboxContext,
  value: unknown,
): Promise<Pick<VideoRequest, 'prompt' | 'first' | 'last'>> {
  if (!Array.isArray(value) || value.length === 0) throw invalid('contents is required');
  const byType = new Map<string, Fields>();
  for (const [index, entry] of value.entries()) {
    const content = fieldsOf(entry, `contents[${index}]`);
    const type = String(content['type']);
    if (type === 'element') throw invalid('contents of type element are not emulated by this sandbox');
    const known = FIELDS_BY_TYPE[type];
    if (known === undefined) throw invalid(`contents[${index}].type value ${JSON.stringify(type)} is invalid`);
    onlyKnown(content, known, `contents[${index}].`);
    if (byType.has(type)) throw invalid(`contents holds more than one ${type}`);
    byType.set(type, content);
  }
  const prompt = byType.get('prompt');
  const first = byType.get('first_frame');
  const last = byType.get('last_frame');
  if (first === undefined) throw invalid('contents needs a first_frame');
  const words = prompt === undefined ? '' : text(prompt, 'text', PROMPT_MAX);
  if (words === undefined) throw invalid('contents: text is required');
  return {
    prompt: words,
    first: await readPicture(context, first['url'], 'first_frame', IMAGE_MAX_BYTES),
    last: last === undefined ? null : await readPicture(context, last['url'], 'last_frame', IMAGE_MAX_BYTES),
  };
}
