import { z } from 'zod';
import { jsonSchema } from '../task-input.js';
import { FAMILIES, type FamilyName } from './families/index.js';

/**
 * `family`: which table of endpoints the route's model id is the base of. `tier`: the one of several endpoints that the
 * request itself does not choose (`pro` of Sora 2, `fast` of LTX-2, Kling's where no resolution is given).
 * `loras`: names of weights that requests may use, with their links.
 */
export const settingsShape = z.strictObject({
  family: z.enum(Object.keys(FAMILIES) as [FamilyName, ...FamilyName[]]),
  tier: z.enum(['standard', 'pro', 'fast']).optional(),
  loras: z.record(z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/), z.url({ protocol: /^https$/ })).optional(),
});
export const settings = jsonSchema(settingsShape);

/**
 * Parameters of single endpoints that the request's own words lack; one that the chosen endpoint does not know is refused.
 * Not here: sync_mode and webhooks (destinations), enable_safety_checker, thinking, web search and input_fidelity (price).
 */
export const optionsShape = z.strictObject({
  auto_fix: z.boolean().optional(),
  safety_tolerance: z.enum(['1', '2', '3', '4', '5', '6']).optional(),
  detect_and_block_ip: z.boolean().optional(),
  enable_prompt_expansion: z.boolean().optional(),
  shift: z.number().min(1).max(10).optional(),
  acceleration: z.enum(['none', 'regular']).optional(),
  scheduler: z.enum(['euler', 'heun']).optional(),
  guidance_type: z.enum(['cfg', 'apg', 'cfg_star']).optional(),
  original_tags: z.string().max(1000).optional(),
  original_lyrics: z.string().max(8000).optional(),
});
export const options = jsonSchema(optionsShape);
