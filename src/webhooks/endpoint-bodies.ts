import { z } from 'zod';
import { EVENT_TYPES, EVERY_EVENT, TERMINAL_EVENTS } from './events.js';

const MAX_OVERLAP_SECONDS = 7 * 86_400;
const DEFAULT_OVERLAP_SECONDS = 86_400;

const EVENTS = [...EVENT_TYPES, EVERY_EVENT] as const;
const ALLOWED = `must be '${EVERY_EVENT}' or a list of ${EVENTS.map((event) => `'${event}'`).join(', ')}`;
const events = z
  .union([z.literal(EVERY_EVENT), z.array(z.enum(EVENTS)).min(1, ALLOWED).max(100)], { error: ALLOWED })
  .transform((given) => (given === EVERY_EVENT ? [EVERY_EVENT] : [...new Set(given)]));
const url = z.string().min(1).max(2048);
const description = z.string().max(500).nullable();
/** Its form is checked where the answer does not repeat it. */
const secret = z.string().optional();

export const createEndpointBody = z.strictObject({
  url,
  events: events.default([...TERMINAL_EVENTS]),
  description: description.default(null),
  secret,
});
export type CreateEndpoint = z.output<typeof createEndpointBody>;

export const changeEndpointBody = z.strictObject({
  url: url.optional(),
  events: events.optional(),
  description: description.optional(),
  disabled: z.boolean().optional(),
});
export type ChangeEndpoint = z.output<typeof changeEndpointBody>;

/** May be left out. */
export const rotateSecretBody = z
  .strictObject({ secret, overlap_seconds: z.int().min(0).max(MAX_OVERLAP_SECONDS).default(DEFAULT_OVERLAP_SECONDS) })
  .nullish();
export type RotateSecret = { secret?: string; overlap_seconds: number };
export const ROTATE_DEFAULTS: RotateSecret = { overlap_seconds: DEFAULT_OVERLAP_SECONDS };

export const noBody = z.strictObject({}).nullish();
