import type { Model } from './api.js';
import { type DemoOptions, UsageError } from './options.js';

const PROMPTS: Record<Model['modality'], string> = {
  video: 'The sailing boat glides across the lake at sunset, gentle waves, slow camera push-in',
  image: 'A lighthouse on a cliff at dusk, long exposure, soft light',
  music: 'Warm lo-fi beat with a mellow electric piano and soft rain',
};
const SECONDS: Record<Model['modality'], number | null> = { video: 4, image: null, music: 20 };

/** The model asked for. Throws UsageError naming what there is. */
export function pickModel(models: readonly Model[], alias: string): Model {
  const model = models.find(({ id }) => id === alias);
  if (model) return model;
  throw new UsageError(`--model: there is no '${alias}'. Allowed: ${models.map(({ id }) => id).join(', ')}.`);
}

/** The field that takes a reference image, where this model has one and there is a picture for it. */
export function imageField(model: Model, options: DemoOptions): 'image' | 'images' | null {
  const field = (['image', 'images'] as const).find((name) => name in model.input_schema.properties) ?? null;
  if (field === null && options.image !== null) throw new UsageError(`--image: ${model.id} takes no picture.`);
  return options.image !== null || model.modality === 'video' ? field : null;
}

/** `input` of POST /v1/jobs: a prompt, and of the rest what the model has fields for. */
export function buildInput(
  model: Model,
  options: DemoOptions,
  reference: { field: 'image' | 'images'; uploadId: string } | null,
): Record<string, unknown> {
  const has = (field: string): boolean => field in model.input_schema.properties;
  const seconds = options.durationSeconds ?? SECONDS[model.modality];
  if (options.durationSeconds !== null && !has('duration_seconds'))
    throw new UsageError(`--seconds: ${model.id} has no length.`);
  return {
    ...(has('prompt') && { prompt: options.prompt ?? PROMPTS[model.modality] }),
    ...(reference && { [reference.field]: reference.field === 'images' ? [reference.uploadId] : reference.uploadId }),
    ...(has('duration_seconds') && seconds !== null && { duration_seconds: seconds }),
    ...(model.modality === 'video' && has('resolution') && { resolution: '720p' }),
  };
}
