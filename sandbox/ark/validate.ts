import { randomInt } from 'node:crypto';
import type { SandboxContext } from '../context.js';
import { isObject, onlyKnown, readContent, type Content } from './content.js';
import { ArkError, invalid, missing } from './errors.js';
import { readFlags } from './legacy-flags.js';
import { CLOSED_MODELS, nearestRatio, OPEN_MODELS, RATIOS, type Ratio, type Resolution } from './models.js';

/** A create request with defaults and `adaptive` resolved. */
export interface CreateTask {
  model: string;
  content: Content;
  resolution: Resolution;
  ratio: Ratio;
  duration: number;
  seed: number;
  generateAudio: boolean;
  watermark: boolean;
  returnLastFrame: boolean;
  callbackUrl: string | null;
  expiresAfterSeconds: number;
  priority: number;
  safetyIdentifier: string | null;
}

const FIELDS = [
  'model',
  'content',
  'resolution',
  'ratio',
  'duration',
  'seed',
  'watermark',
  'generate_audio',
  'return_last_frame',
  'callback_url',
  'execution_expires_after',
  'service_tier',
  'priority',
  'safety_identifier',
  'tools',
  'draft',
];
/** Known to the API, but not to the 2.0 family. */
const OTHER_MODELS = ['frames', 'camera_fixed', 'omni_reference_task_type', 'output_format'];
const SEED_MAX = 2_147_483_647;
const DEFAULT_SECONDS = 5;

type Body = Record<string, unknown>;

function modelOf(body: Body): { model: string; resolutions: readonly Resolution[] } {
  const { model } = body;
  if (model === undefined || model === '') throw missing('model');
  if (typeof model !== 'string') throw invalid('model', 'expected a string');
  const resolutions = Object.hasOwn(OPEN_MODELS, model) ? OPEN_MODELS[model] : undefined;
  if (resolutions) return { model, resolutions };
  throw CLOSED_MODELS.includes(model)
    ? new ArkError(
        404,
        'ModelNotOpen',
        `Your account has not activated the model ${model}. Please activate the model service in the Ark Console.`,
      )
    : new ArkError(
        404,
        'InvalidEndpointOrModel.NotFound',
        `The model or endpoint ${model} does not exist or you do not have access to it.`,
      );
}

function integer(body: Body, name: string, least: number, most: number): number | undefined {
  const value = body[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isInteger(value)) throw invalid(name, 'expected an integer');
  if (value < least || value > most) throw invalid(name, `supported values are ${least} to ${most}, got ${value}`);
  return value;
}

function boolean(body: Body, name: string, standard: boolean): boolean {
  const value = body[name] ?? standard;
  if (typeof value !== 'boolean') throw invalid(name, 'expected a boolean');
  return value;
}

function text(body: Body, name: string, most: number): string | null {
  const value = body[name] ?? null;
  if (value !== null && (typeof value !== 'string' || value.length > most))
    throw invalid(name, `expected a string of at most ${most} characters`);
  return value;
}

function callbackOf(body: Body): string | null {
  const url = text(body, 'callback_url', 2048);
  if (url !== null && !/^https?:$/.test(URL.canParse(url) ? new URL(url).protocol : ''))
    throw invalid('callback_url', 'expected an http(s) URL');
  return url;
}

/** -1 leaves the length to the model. */
function durationOf(body: Body): number {
  if (body['duration'] === -1) return DEFAULT_SECONDS;
  return integer(body, 'duration', 4, 15) ?? DEFAULT_SECONDS;
}

function checkRest(body: Body): void {
  const tier = body['service_tier'] ?? 'default';
  if (tier === 'flex')
    throw invalid('service_tier', 'the model does not support flex', 'InvalidParameter.UnsupportedParameter');
  if (tier !== 'default') throw invalid('service_tier', 'supported values are: `default`, `flex`');
  if (boolean(body, 'draft', false)) throw invalid('draft', 'the model does not support draft');
  const tools = body['tools'] ?? [];
  if (!Array.isArray(tools) || tools.some((tool) => !isObject(tool) || tool['type'] !== 'web_search'))
    throw invalid('tools', 'supported tool types are: `web_search`');
}

function ratioOf(body: Body, content: Content): Ratio {
  const given = body['ratio'] ?? 'adaptive';
  if (given === 'adaptive') {
    const shape = content.first ?? content.references[0];
    return shape ? nearestRatio(shape) : '16:9';
  }
  const ratio = RATIOS.find((one) => one === given);
  if (ratio === undefined) throw invalid('ratio', `supported values are: ${RATIOS.join(', ')}, adaptive`);
  if (content.first !== null)
    throw invalid(
      'ratio',
      'for first-frame or first-last-frame generation, the output ratio follows the first-frame image',
    );
  return ratio;
}

/** Checks a create as Seedance 2.0 does, `prompt` being its text without the sandbox's markers. Throws ArkError. */
export async function validateCreate(
  context: SandboxContext,
  body: unknown,
  withoutMarkers: (prompt: string) => string,
): Promise<CreateTask> {
  if (!isObject(body)) throw invalid('body', 'expected an object');
  const { model, resolutions } = modelOf(body);
  const foreign = OTHER_MODELS.find((name) => body[name] !== undefined);
  if (foreign !== undefined) throw invalid(foreign, `not supported for model ${model}`);
  onlyKnown(body, FIELDS, '');
  const resolution = body['resolution'] ?? '720p';
  const known = resolutions.find((one) => one === resolution);
  if (known === undefined)
    throw invalid('resolution', `not valid for model ${model}, supported values are: ${resolutions.join(', ')}`);
  const duration = durationOf(body);
  const seed = integer(body, 'seed', -1, SEED_MAX) ?? -1;
  checkRest(body);
  const settings = {
    generateAudio: boolean(body, 'generate_audio', true),
    watermark: boolean(body, 'watermark', false),
    returnLastFrame: boolean(body, 'return_last_frame', false),
    callbackUrl: callbackOf(body),
    expiresAfterSeconds: integer(body, 'execution_expires_after', 3600, 259_200) ?? 172_800,
    priority: integer(body, 'priority', 0, 9) ?? 0,
    safetyIdentifier: text(body, 'safety_identifier', 64),
  };
  const content = await readContent(context, body['content']);
  const ratio = ratioOf(body, content);
  const { text: prompt, flags } = readFlags(withoutMarkers(content.prompt), resolutions);
  return {
    model,
    ...settings,
    content: { ...content, prompt },
    resolution: flags.resolution ?? known,
    ratio: flags.ratio ?? ratio,
    duration: flags.duration ?? duration,
    seed: flags.seed ?? (seed === -1 ? randomInt(SEED_MAX) : seed),
  };
}
