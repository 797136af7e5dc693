import { z } from 'zod';
import { jsonSchema } from '../task-input.js';

export const FAMILY_NAMES = ['flux-dev', 'flux-dev-lora', 'kling-v3'] as const;

/**
 * `family`: which model's inputs are spoken. `version`: runs this version by `/predictions`, as community models are run; without it
 * the model is an official one and has its own path. `cancel_after_seconds`: Replicate itself stops a prediction that
 * takes longer, a net under work that Kiln has lost sight of (`Cancel-After`; a run that had begun is billed).
 */
export const settingsShape = z.strictObject({
  family: z.enum(FAMILY_NAMES),
  version: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'must be a version id of 64 hex digits')
    .optional(),
  cancel_after_seconds: z.int().min(5).max(86_400).optional(),
});
export const settings = jsonSchema(settingsShape);

/** Not here: disable_safety_checker, megapixels and output_quality (size and format are the request's), webhooks (destinations), tokens. */
export const optionsShape = z.strictObject({
  /** FLUX in fp8: faster, but neither a seed nor the strength of a LoRA means then what it says. */
  go_fast: z.boolean().optional(),
});
export const options = jsonSchema(optionsShape);
export type Options = z.output<typeof optionsShape>;
