import { z } from 'zod';
import { jsonSchema } from '../task-input.js';

/**
 * `vertex`: publisher models of a Google Cloud project; the endpoint is
 * `https://{region}-aiplatform.googleapis.com/v1/projects/{p}/locations/{region}/publishers/google`.
 * `gemini`: the Gemini API and resellers that speak it; the endpoint is
 * `https://generativelanguage.googleapis.com/v1beta`.
 * `project` and `location` are for people: they stand in the endpoint already.
 */
export const settingsShape = z.strictObject({
  wire: z.enum(['vertex', 'gemini']),
  project: z.string().min(1).optional(),
  location: z.string().min(1).optional(),
});
export type Wire = z.output<typeof settingsShape>['wire'];
export const settings = jsonSchema(settingsShape);

/** Not here: sampleCount (price), storageUri, pubsubTopic, webhookConfig (destinations), labels. */
export const optionsShape = z.strictObject({
  person_generation: z.enum(['allow_all', 'allow_adult', 'dont_allow']).optional(),
  enhance_prompt: z.boolean().optional(),
});
export const options = jsonSchema(optionsShape);
