import { z } from 'zod';
import { jsonSchema } from '../task-input.js';

export const RESOLUTIONS = ['480p', '720p', '1080p', '4k'] as const;

/** Micro-USD for a million tokens: whole numbers, so that the product with a count of tokens is exact. */
const microUsd = z.int().min(1).max(1_000_000_000);

/**
 * `token_prices`: what the provider asks, by resolution; a task with reference videos has a price of its own. Without it
 * an attempt's cost is not read from the answer.
 * `reference_seconds_per_second`: most seconds of reference video for each second of the result. The provider bills both,
 * the client's price knows only the result, so this keeps the one above the other.
 * `expires_after_seconds`: a task that has not ended by then is given up by the provider, unbilled (3600–259200; its own
 * default is two days). Meant to be the route's `max_run_seconds`, after which nobody waits for it.
 */
export const settingsShape = z.strictObject({
  token_prices: z
    .partialRecord(z.enum(RESOLUTIONS), z.strictObject({ plain: microUsd, with_video: microUsd }))
    .optional(),
  reference_seconds_per_second: z.number().positive().max(15).optional(),
  expires_after_seconds: z.int().min(3600).max(259_200).optional(),
});
export type Settings = z.output<typeof settingsShape>;
export const settings = jsonSchema(settingsShape);

/**
 * Not here: frames, draft, service_tier, tools (price), priority (overtakes others), callback_url (destination),
 * return_last_frame (a second result), watermark, camera_fixed (which Seedance 2.0 lacks).
 */
export const optionsShape = z.strictObject({
  /** The caller's end user, hashed. */
  safety_identifier: z.string().min(1).max(64).optional(),
});
export const options = jsonSchema(optionsShape);
