import { z } from 'zod';
import { jsonSchema } from '../task-input.js';

/**
 * Google's protocols, by the name a route's settings have for them. Endpoints of Vertex are
 * `https://{region}-aiplatform.googleapis.com/v1/projects/{p}/locations/{region}/publishers/google` (global: without the
 * region's prefix), of the Gemini API `https://generativelanguage.googleapis.com/v1beta`.
 * `vertex`, `gemini`: Veo's long-running predictions. `vertex_content`, `gemini_content`: generateContent, which answers with
 * the result. `interactions`: the Gemini API's interactions, run in the background.
 */
const WIRES = ['vertex', 'gemini', 'vertex_content', 'gemini_content', 'interactions'] as const;
export type Wire = (typeof WIRES)[number];

/** `project` and `location` are for people: they stand in the endpoint already. */
export const settingsShape = z.strictObject({
  wire: z.enum(WIRES),
  project: z.string().min(1).optional(),
  location: z.string().min(1).optional(),
});
export const settings = jsonSchema(settingsShape);

/** Who is asked, which decides how: Vertex takes access tokens, the Gemini API has a header for its keys. */
export type Surface = 'vertex' | 'gemini';
export const surfaceOf = (wire: Wire): Surface =>
  wire === 'vertex' || wire === 'vertex_content' ? 'vertex' : 'gemini';

/** Not here: sampleCount and thinking (price), storageUri, pubsubTopic, webhookConfig (destinations), labels. */
export const optionsShape = z.strictObject({
  person_generation: z.enum(['allow_all', 'allow_adult', 'dont_allow']).optional(),
  enhance_prompt: z.boolean().optional(),
});
export type Options = z.output<typeof optionsShape>;
export const options = jsonSchema(optionsShape);
