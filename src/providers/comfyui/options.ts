import { z } from 'zod';
import type { JsonObject } from '../../common/json.js';
import { jsonSchema } from '../task-input.js';
import { workflow } from './mapping.js';
import { mappingProblems } from './mapping-problems.js';

/** A graph is the operator's; requests steer it through the mapping only. */
export const optionsShape = z.strictObject({});
export const options = jsonSchema(optionsShape);

/** A route's graphs with their mappings, variants first; written by `resolveSettings`. */
export const settingsShape = z.strictObject({ workflows: z.array(workflow).min(1) }).superRefine((settings, ctx) => {
  for (const [index, flow] of settings.workflows.entries())
    for (const message of mappingProblems(flow)) ctx.addIssue({ code: 'custom', message, path: ['workflows', index] });
});
export type Settings = z.output<typeof settingsShape>;
export const settings = jsonSchema(settingsShape);

const parsedSettings = new WeakMap<JsonObject, Settings>();

/** The typed settings of a route. The catalog's object is the same at every call, so its graphs are checked once. */
export function settingsOf(raw: JsonObject): Settings {
  const known = parsedSettings.get(raw);
  if (known) return known;
  const parsed = settingsShape.parse(raw);
  parsedSettings.set(raw, parsed);
  return parsed;
}
