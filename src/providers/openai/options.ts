import { z } from 'zod';
import { jsonSchema } from '../task-input.js';

/** US dollars a million tokens, which is micro-USD a token. */
const tokenPrice = z.number().positive().max(10_000);

/**
 * `videos`: `/videos`, a task that is polled; OpenAI ended its own on 2026-09-24, gateways still speak it.
 * `images`: `/images/generations` and `/images/edits`, which answer with the pictures.
 * `sizes`: `standard` is the three sizes and `auto` of models up to gpt-image-1.5, `free` any size in the limits of gpt-image-2.
 * `token_prices`: what the provider asks, so that an answer's usage becomes its cost; without it the cost is left out.
 */
export const settingsShape = z.discriminatedUnion('wire', [
  z.strictObject({ wire: z.literal('videos') }),
  z.strictObject({
    wire: z.literal('images'),
    sizes: z.enum(['standard', 'free']).default('standard'),
    token_prices: z.strictObject({ text_in: tokenPrice, image_in: tokenPrice, out: tokenPrice }).optional(),
  }),
]);
export type Settings = z.output<typeof settingsShape>;
export type ImageSettings = Extract<Settings, { wire: 'images' }>;
export const settings = jsonSchema(settingsShape);

/** Not here: input_fidelity, complexity, partial_images (each changes what tokens cost), user (names people). */
export const optionsShape = z.strictObject({
  moderation: z.enum(['auto', 'low']).optional(),
  /** Percent; JPEG and WebP only. */
  output_compression: z.int().min(0).max(100).optional(),
});
export const options = jsonSchema(optionsShape);
