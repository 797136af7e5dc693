import { z } from 'zod';
import type { JsonObject } from '../../common/json.js';
import type { TaskShape } from '../contract.js';
import { givenFields } from '../task-input.js';
import { asWritten, oneOf, text, within, type Family } from './family.js';

/**
 * black-forest-labs/flux-dev and flux-dev-lora. Inputs, bounds and sizes: `DevPredictor` and `DevLoraPredictor` of
 * github.com/replicate/cog-flux (predict.py, bfl_predictor.py, weights.py), which these models are built from.
 */
const PIXELS: Readonly<Record<string, string>> = {
  '1:1': '1024x1024',
  '16:9': '1344x768',
  '21:9': '1536x640',
  '3:2': '1216x832',
  '2:3': '832x1216',
  '4:5': '896x1088',
  '5:4': '1088x896',
  '3:4': '896x1152',
  '4:3': '1152x896',
  '9:16': '768x1344',
  '9:21': '640x1536',
};
const RATIO_OF: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(PIXELS).map(([ratio, pixels]) => [pixels, ratio]),
);
const MAX_LORAS = 2;
/** Links the model can load weights from. Bare `owner/name` is none: what a request names is Kiln's own. */
const WEIGHTS = [
  /^https:\/\/huggingface\.co\/[^/?#]+\/[^/?#]+(?:\/[^/?#]+\.safetensors)?\/?$/,
  /^https:\/\/civitai\.com\/models\/\d+(?:\/[^/?]+)?\/?$/,
  /^https:\/\/civitai\.com\/api\/download\/models\/./,
  /^https:\/\/replicate\.com\/[^/?#]+\/[^/?#]+(?:\/(?:versions\/)?[^/?#]+)?\/?$/,
  /^https:\/\/.+\.safetensors(?:\?.*)?$/,
];

const lora = z.object({
  url: z.string().optional(),
  name: z.string().optional(),
  strength: z.number().optional(),
});
const sizes = z.object({ size: z.string().nullish(), width: z.number().nullish(), height: z.number().nullish() });
const lorasShape = z.object({ loras: z.array(lora).nullish() });

/** `1344x768`, from either way of saying it; null where neither is given. */
function pixelsOf(input: JsonObject): string | null {
  const { size, width, height } = sizes.parse(input);
  if (size) return size;
  return width || height ? `${width ?? '?'}x${height ?? '?'}` : null;
}

const lorasOf = (input: JsonObject): z.output<typeof lora>[] => lorasShape.parse(input).loras ?? [];

function sizeProblems({ input, references }: TaskShape): string[] {
  const named = givenFields(input).filter((field) => ['size', 'width', 'height', 'aspect_ratio'].includes(field));
  if ((references.images ?? 0) > 0)
    return named.map((field) => `${field} is not taken beside images: the picture decides the shape`);
  const pixels = pixelsOf(input);
  if (pixels === null || Object.hasOwn(RATIO_OF, pixels)) return [];
  const field = named.includes('size') ? 'size' : 'width';
  return [`${field} ${pixels} is not one of ${Object.values(PIXELS).join(', ')}`];
}

function fluxProblems(shape: TaskShape): string[] {
  const problems = sizeProblems(shape);
  const given = givenFields(shape.input);
  if (given.includes('strength') && (shape.references.images ?? 0) === 0) problems.push('strength needs images');
  // The model's code reads 0 as "no seed".
  if (shape.input['seed'] === 0) problems.push('seed 0 is not honoured by this route');
  return problems;
}

function loraProblems(input: JsonObject): string[] {
  const loras = lorasOf(input);
  const problems = loras.flatMap(({ url, name, strength }) => [
    ...(url === undefined ? [`loras ${JSON.stringify(name ?? '')}: this route takes links only`] : []),
    ...(url !== undefined && !WEIGHTS.some((form) => form.test(url))
      ? ['loras: the link names no .safetensors file, nor a model of Hugging Face, Civitai or Replicate']
      : []),
    ...(strength !== undefined && (strength < -1 || strength > 3) ? ['loras: strength must be from -1 to 3'] : []),
  ]);
  if (loras.length > MAX_LORAS) problems.push(`loras takes at most ${MAX_LORAS} on this route`);
  // The second would be ignored.
  const links = loras.map(({ url }) => url?.trim());
  if (new Set(links).size < links.length) problems.push('loras names the same link twice');
  return problems;
}

function loraInput(input: JsonObject): JsonObject {
  const [first, second] = lorasOf(input);
  return {
    ...(first?.url && { lora_weights: first.url, lora_scale: first.strength ?? 1 }),
    ...(second?.url && { extra_lora: second.url, extra_lora_scale: second.strength ?? 1 }),
  };
}

function sizeInput(input: JsonObject): JsonObject {
  const ratio = RATIO_OF[pixelsOf(input) ?? ''];
  return ratio === undefined ? {} : { aspect_ratio: ratio };
}

export const fluxDev: Family = {
  title: 'FLUX.1 dev',
  produces: 'image',
  terms: {
    prompt: text('prompt'),
    aspect_ratio: oneOf('aspect_ratio', asWritten(Object.keys(PIXELS))),
    n: within('num_outputs', 1, 4, true),
    steps: within('num_inference_steps', 1, 50, true),
    guidance: within('guidance', 0, 10),
    seed: within('seed', 0, Number.MAX_SAFE_INTEGER, true),
    strength: within('prompt_strength', 0, 1),
    output_format: oneOf('output_format', { png: 'png', jpeg: 'jpg', webp: 'webp' }),
  },
  composed: ['size', 'width', 'height'],
  media: {
    images: {
      wire: 'image',
      contentTypes: ['image/png', 'image/jpeg', 'image/webp'],
      maxBytes: 20 * 1024 * 1024,
    },
  },
  problems: fluxProblems,
  more: ({ input }, { go_fast: fast }) => ({
    // The model's own default is webp.
    ...(input['output_format'] ? {} : { output_format: 'png' }),
    ...sizeInput(input),
    // fp8 is the model's default, and does not repeat itself for a seed.
    ...(fast === undefined ? typeof input['seed'] === 'number' && { go_fast: false } : { go_fast: fast }),
  }),
  warnings: ({ input }, { go_fast: fast }) =>
    fast && typeof input['seed'] === 'number' ? ['seed does not fix the picture with go_fast'] : [],
};

export const fluxDevLora: Family = {
  ...fluxDev,
  title: 'FLUX.1 dev with LoRAs',
  composed: [...fluxDev.composed, 'loras'],
  problems: (shape) => [...fluxProblems(shape), ...loraProblems(shape.input)],
  more: (task, options) => ({
    ...fluxDev.more(task, options),
    ...loraInput(task.input),
    // In fp8 the model multiplies each strength by 1.5.
    ...(options.go_fast === undefined && lorasOf(task.input).length > 0 && { go_fast: false }),
  }),
  warnings: (task, options) => [
    ...fluxDev.warnings(task, options),
    ...(options.go_fast && lorasOf(task.input).length > 0 ? ['go_fast multiplies the strength of loras by 1.5'] : []),
  ],
};
