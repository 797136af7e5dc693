import { z } from 'zod';
import { jsonSchema } from '../task-input.js';

/**
 * Kling's two generations. `current`: the model stands in the path (`kling-3.0`), tasks of every kind are asked for at
 * `/tasks`. `legacy`: `/v1/videos/…` with the model in the body (`kling-v3`); the only one with negative prompt, prompt
 * strength and camera movements. Both live on the same endpoint.
 */
export const settingsShape = z.strictObject({ wire: z.enum(['current', 'legacy']) });
export type Wire = z.output<typeof settingsShape>['wire'];
export const settings = jsonSchema(settingsShape);

/**
 * `multi_shot`: let the model cut between several shots. Not here: mode (price), watermark_info (a second file),
 * callback_url (destination), external_task_id, elements and voices (things of one account; voices have their own price).
 */
export const optionsShape = z.strictObject({ multi_shot: z.boolean().optional() });
export const options = jsonSchema(optionsShape);
