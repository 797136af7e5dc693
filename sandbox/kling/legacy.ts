import type { SandboxContext } from '../context.js';
import { invalid, KlingError } from './errors.js';
import { commonOf, type Fields, fieldsOf, flag, oneOf, onlyKnown, readPicture, text } from './fields.js';
import { ASPECT_RATIOS, SECONDS, type VideoRequest } from './request.js';

export const LEGACY_MODELS: readonly string[] = ['kling-v3'];
export const LEGACY_KINDS = ['text2video', 'image2video'] as const;
export type LegacyKind = (typeof LEGACY_KINDS)[number];

const PROMPT_MAX = 2500;
const IMAGE_MAX_BYTES = 10 * 1024 * 1024;
const MODES = { std: '720p', pro: '1080p', '4k': '4k' } as const;
const AXES = ['horizontal', 'vertical', 'pan', 'tilt', 'roll', 'zoom'];
const MOVEMENTS = ['simple', 'down_back', 'forward_up', 'right_turn_forward', 'left_turn_forward'] as const;
const AXIS_MAX = 10;

const SHARED = [
  'model_name',
  'prompt',
  'negative_prompt',
  'cfg_scale',
  'mode',
  'duration',
  'sound',
  'camera_control',
  'multi_shot',
  'shot_type',
  'watermark_info',
  'callback_url',
  'external_task_id',
];
const BY_KIND: Readonly<Record<LegacyKind, readonly string[]>> = {
  text2video: [...SHARED, 'aspect_ratio'],
  image2video: [...SHARED, 'image', 'image_tail'],
};
/** Kling has these; the sandbox does not. */
const ELSEWHERE = ['multi_prompt', 'element_list', 'voice_list', 'static_mask', 'dynamic_masks'];

export function legacyPrompt(body: unknown): string {
  const { prompt } = (body ?? {}) as { prompt?: unknown };
  return typeof prompt === 'string' ? prompt : '';
}

/** Checks POST /v1/videos/text2video and image2video; throws a KlingError on the first thing that is wrong. */
export async function validateLegacy(context: SandboxContext, kind: LegacyKind, body: unknown): Promise<VideoRequest> {
  const top = fieldsOf(body, 'the body');
  const missing = ELSEWHERE.find((name) => top[name] !== undefined);
  if (missing !== undefined) throw invalid(`${missing} is not emulated by this sandbox`);
  onlyKnown(top, BY_KIND[kind], '');
  checkModel(top);
  const prompt = text(top, 'prompt', PROMPT_MAX);
  if (kind === 'text2video' && !prompt?.trim()) throw invalid('prompt is required');
  text(top, 'negative_prompt', PROMPT_MAX);
  checkScale(top['cfg_scale']);
  checkCamera(top['camera_control']);
  checkExclusions(top);
  const frame = async (name: string) =>
    top[name] === undefined ? null : readPicture(context, top[name], name, IMAGE_MAX_BYTES);
  const [image, tail] = [await frame('image'), await frame('image_tail')];
  if (kind === 'image2video' && image === null && tail === null) throw invalid('image or image_tail is required');
  return {
    prompt: prompt ?? '',
    resolution: MODES[oneOf(top, 'mode', ['std', 'pro', '4k'] as const, 'std')],
    aspectRatio: oneOf(top, 'aspect_ratio', ASPECT_RATIOS, '16:9'),
    seconds: secondsOf(top['duration'] ?? '5'),
    sound: oneOf(top, 'sound', ['on', 'off'], 'off') === 'on',
    first: image ?? tail,
    last: image === null ? null : tail,
    ...commonOf(top),
  };
}

function checkModel(top: Fields): void {
  const model = text(top, 'model_name', 64);
  // Kling would take this for kling-v1, which nobody wants by accident.
  if (model === undefined) throw invalid('model_name is required by this sandbox; without it kling-v1 is meant');
  if (!LEGACY_MODELS.includes(model)) throw new KlingError(1203, `model_name value ${model} is not available`);
}

function secondsOf(value: unknown): number {
  if (typeof value !== 'string') throw invalid('duration must be a string');
  const seconds = /^\d{1,2}$/.test(value) ? Number(value) : 0;
  if (seconds < SECONDS.min || seconds > SECONDS.max) throw invalid(`duration value '${value}' is invalid`);
  return seconds;
}

function checkScale(value: unknown): void {
  if (value === undefined) return;
  if (typeof value !== 'number' || value < 0 || value > 1) throw invalid('cfg_scale must be a number from 0 to 1');
}

function checkCamera(value: unknown): void {
  if (value === undefined) return;
  const camera = fieldsOf(value, 'camera_control');
  onlyKnown(camera, ['type', 'config'], 'camera_control.');
  if (camera['type'] === undefined) throw invalid('camera_control.type is required');
  const type = oneOf(camera, 'type', MOVEMENTS, 'simple');
  if (type !== 'simple') {
    if (camera['config'] !== undefined) throw invalid(`camera_control.config must be empty with type ${type}`);
    return;
  }
  const config = fieldsOf(camera['config'], 'camera_control.config');
  onlyKnown(config, AXES, 'camera_control.config.');
  const amounts = Object.values(config);
  if (!amounts.every((amount) => typeof amount === 'number' && Math.abs(amount) <= AXIS_MAX))
    throw invalid(`camera_control.config takes numbers from -${AXIS_MAX} to ${AXIS_MAX}`);
  if (amounts.filter((amount) => amount !== 0).length !== 1)
    throw invalid('camera_control.config must have exactly one value that is not 0');
}

function checkExclusions(top: Fields): void {
  const isMultiShot = flag(top, 'multi_shot') === true;
  if (top['image_tail'] !== undefined && top['camera_control'] !== undefined)
    throw invalid('image_tail and camera_control can not be used together');
  if (!isMultiShot) return;
  if (top['image_tail'] !== undefined) throw invalid('image_tail can not be used with multi_shot');
  if (top['shot_type'] === 'customize') throw invalid('shot_type customize is not emulated by this sandbox');
  if (top['shot_type'] !== 'intelligence') throw invalid('shot_type is required with multi_shot');
}
