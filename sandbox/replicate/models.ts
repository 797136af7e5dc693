import { createHash, randomInt } from 'node:crypto';
import type { Output } from '../generations.js';
import type { Picture } from '../render/recipes.js';

export type Input = Readonly<Record<string, unknown>>;

/** One field of a model's schema. `file`: a link or a data URI of a picture. */
export interface InputField {
  type: 'string' | 'integer' | 'number' | 'boolean' | 'file';
  required?: boolean;
  min?: number;
  max?: number;
  maxLength?: number;
  values?: readonly string[];
}

/** What a picture must be for the model to take it. */
export interface PictureRule {
  formats: readonly string[];
  maxBytes?: number;
  minSide?: number;
  maxRatio?: number;
}

export interface SandboxModel {
  name: string;
  version: string;
  /** Runs by `/models/{owner}/{name}/predictions`, without a version. */
  official: boolean;
  fields: Readonly<Record<string, InputField>>;
  pictures: PictureRule;
  /** Whether `output` is a list of links or one. */
  output: 'list' | 'one';
  /** What the prediction says of a withheld result. */
  withheld: string;
  /** What makes a run fail although the schema let it in, or null. */
  trouble(input: Input): string | null;
  realisticMs(input: Input): number;
  outputs(prompt: string, input: Input, pictures: Readonly<Record<string, Picture>>): Output[];
}

const FLUX_SIZES: Readonly<Record<string, readonly [number, number]>> = {
  '1:1': [1024, 1024],
  '16:9': [1344, 768],
  '21:9': [1536, 640],
  '3:2': [1216, 832],
  '2:3': [832, 1216],
  '4:5': [896, 1088],
  '5:4': [1088, 896],
  '3:4': [896, 1152],
  '4:3': [1152, 896],
  '9:16': [768, 1344],
  '9:21': [640, 1536],
};
const FLUX_MAX_SIDE = 1440;

const FLUX_FIELDS: Readonly<Record<string, InputField>> = {
  prompt: { type: 'string', required: true },
  aspect_ratio: { type: 'string', values: Object.keys(FLUX_SIZES) },
  image: { type: 'file' },
  prompt_strength: { type: 'number', min: 0, max: 1 },
  num_outputs: { type: 'integer', min: 1, max: 4 },
  num_inference_steps: { type: 'integer', min: 1, max: 50 },
  guidance: { type: 'number', min: 0, max: 10 },
  seed: { type: 'integer' },
  output_format: { type: 'string', values: ['webp', 'jpg', 'png'] },
  output_quality: { type: 'integer', min: 0, max: 100 },
  disable_safety_checker: { type: 'boolean' },
  go_fast: { type: 'boolean' },
  megapixels: { type: 'string', values: ['1', '0.25'] },
};
const LORA_FIELDS: Readonly<Record<string, InputField>> = {
  lora_weights: { type: 'string' },
  lora_scale: { type: 'number', min: -1, max: 3 },
  extra_lora: { type: 'string' },
  extra_lora_scale: { type: 'number', min: -1, max: 3 },
  hf_api_token: { type: 'string' },
  civitai_api_token: { type: 'string' },
};

/** What weights.py of cog-flux can download. */
const WEIGHTS =
  /^(?:(?:https?:\/\/)?huggingface\.co\/[^/]+\/[^/]+(?:\/[^/]+\.safetensors)?\/?|(?:https?:\/\/)?civitai\.com\/(?:models\/\d+.*|api\/download\/models\/.+)|https?:\/\/.+\.safetensors(?:\?.*)?|(?:https?:\/\/replicate\.com\/)?[^/]+\/[^/]+(?:\/(?:versions\/)?[^/]+)?\/?)$/;

const numberOr = (value: unknown, standard: number): number => (typeof value === 'number' ? value : standard);
const textOr = (value: unknown, standard: string): string => (typeof value === 'string' ? value : standard);
const seedOf = (input: Input): number => numberOr(input['seed'], 0) || randomInt(2 ** 32);
const to16 = (side: number): number => Math.max(16, Math.round(side / 16) * 16);

function fluxSize(input: Input, image: Picture | undefined): readonly [number, number] {
  if (image !== undefined && image.kind === 'file') {
    const scale = Math.min(FLUX_MAX_SIDE / image.width, FLUX_MAX_SIDE / image.height, 1);
    return [to16(Math.trunc(image.width * scale)), to16(Math.trunc(image.height * scale))];
  }
  const [width, height] = FLUX_SIZES[textOr(input['aspect_ratio'], '1:1')] ?? [1024, 1024];
  return input['megapixels'] === '0.25' ? [width / 2, height / 2] : [width, height];
}

function flux(name: string, more: Partial<SandboxModel> = {}): SandboxModel {
  return {
    name,
    version: createHash('sha256').update(name).digest('hex'),
    official: true,
    fields: FLUX_FIELDS,
    pictures: { formats: ['png', 'jpeg', 'webp', 'gif'] },
    output: 'list',
    withheld: 'All generated images contained NSFW content. Try running it again with a different prompt.',
    trouble: () => null,
    realisticMs: (input) => 5000 * numberOr(input['num_outputs'], 1),
    outputs: (prompt, input, { image }) => {
      const [width, height] = fluxSize(input, image);
      const first = seedOf(input);
      const format = textOr(input['output_format'], 'webp');
      const weights = ['lora_weights', 'extra_lora'].flatMap((field) => {
        const link = input[field];
        return typeof link === 'string' ? [`+ ${link.split('/').at(-1)?.split('?')[0] ?? ''}`] : [];
      });
      return Array.from({ length: numberOr(input['num_outputs'], 1) }, (_, index) => ({
        kind: 'picture',
        format: format === 'jpg' ? 'jpeg' : format === 'png' ? 'png' : 'webp',
        name: `out-${index}.${format}`,
        picture: {
          kind: 'drawn',
          width,
          height,
          title: ['sandbox ·', name.split('/').at(-1), ...weights].join(' '),
          prompt,
          seed: (first + index) % 2 ** 32,
          over: image === undefined ? [] : [image],
        },
      }));
    },
    ...more,
  };
}

const KLING_FPS = 24;
/** Area of each mode; the wire documents the lines only, so a square's and a picture's sides are the sandbox's guess. */
const KLING_AREA: Readonly<Record<string, number>> = { standard: 1280 * 720, pro: 1920 * 1080, '4k': 3840 * 2160 };
const KLING_RATIO: Readonly<Record<string, number>> = { '16:9': 16 / 9, '9:16': 9 / 16, '1:1': 1 };

function klingSize(input: Input, start: Picture | undefined): [number, number] {
  const area = KLING_AREA[textOr(input['mode'], 'pro')] ?? 0;
  const ratio =
    start !== undefined && start.kind === 'file'
      ? start.width / start.height
      : (KLING_RATIO[textOr(input['aspect_ratio'], '16:9')] ?? 1);
  const even = (side: number) => Math.round(side / 2) * 2;
  return [even(Math.sqrt(area * ratio)), even(Math.sqrt(area / ratio))];
}

const kling: SandboxModel = {
  name: 'kwaivgi/kling-v3-video',
  version: '4a8ba2743bd9dc2b487e0c4319988aacd658d33c2d064b8a420f4ee1732c30bd',
  official: true,
  fields: {
    prompt: { type: 'string', required: true, maxLength: 2500 },
    negative_prompt: { type: 'string', maxLength: 2500 },
    start_image: { type: 'file' },
    end_image: { type: 'file' },
    mode: { type: 'string', values: ['standard', 'pro', '4k'] },
    aspect_ratio: { type: 'string', values: Object.keys(KLING_RATIO) },
    duration: { type: 'integer', min: 3, max: 15 },
    generate_audio: { type: 'boolean' },
    multi_prompt: { type: 'string' },
  },
  pictures: { formats: ['png', 'jpeg'], maxBytes: 10 * 1024 * 1024, minSide: 300, maxRatio: 2.5 },
  output: 'one',
  withheld: 'The input or output was flagged as sensitive. Please try again with different inputs. (E005)',
  trouble: (input) =>
    input['end_image'] !== undefined && input['start_image'] === undefined ? 'end_image requires start_image' : null,
  realisticMs: (input) => 12_000 * numberOr(input['duration'], 5),
  outputs: (prompt, input, { start_image: start, end_image: end }) => {
    const [width, height] = klingSize(input, start);
    const seed = randomInt(2 ** 32);
    const frame = (over: Picture[]): Picture => ({
      kind: 'drawn',
      width,
      height,
      title: `sandbox · kling-v3-video · ${textOr(input['mode'], 'pro')}`,
      prompt,
      seed,
      over,
    });
    return [
      {
        kind: 'clip',
        name: 'tmp-0.mp4',
        clip: {
          width,
          height,
          fps: KLING_FPS,
          frames: numberOr(input['duration'], 5) * KLING_FPS,
          seed,
          first: frame(start === undefined ? [] : [start]),
          last: end === undefined ? null : frame([end]),
          sound: input['generate_audio'] === true,
        },
      },
    ];
  },
};

/**
 * Schemas of FLUX: github.com/replicate/cog-flux, predict.py; of Kling: the model's page on replicate.com. The community model is the sandbox's own, to
 * have one that runs by its version only.
 */
export const MODELS: readonly SandboxModel[] = [
  flux('black-forest-labs/flux-dev'),
  flux('black-forest-labs/flux-dev-lora', {
    fields: { ...FLUX_FIELDS, ...LORA_FIELDS },
    trouble: (input) => {
      const bad = ['lora_weights', 'extra_lora'].find(
        (field) => typeof input[field] === 'string' && !WEIGHTS.test(input[field]),
      );
      return bad === undefined ? null : 'Failed to download weights: URL must end with either .tar or .safetensors';
    },
  }),
  kling,
  flux('sandbox/community-flux', { official: false }),
];

export const officialModel = (name: string): SandboxModel | undefined =>
  MODELS.find((model) => model.official && model.name === name);

/** By a bare version id, by `owner/name:id`, or an official model by its name. */
export const modelOfVersion = (version: string): SandboxModel | undefined =>
  MODELS.find((model) => [model.version, `${model.name}:${model.version}`].includes(version)) ?? officialModel(version);
