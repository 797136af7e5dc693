import { z } from 'zod';
import { jsonSchema } from '../task-input.js';

/** Media fields a worker may take, by their name in the request. */
const ROLES = [
  'image',
  'last_image',
  'reference_images',
  'reference_videos',
  'reference_audios',
  'video',
  'images',
  'mask',
  'audio',
] as const;

const field = z.string().regex(/^[a-z][a-z0-9_]*$/, 'must be the name of a request field');

/**
 * `kiln`: the contract of docs/gpu-endpoint.md; the endpoint is the server's base URL. `runpod`: RunPod's serverless API; the
 * endpoint is `https://api.runpod.ai/v2/{endpoint id}`.
 */
export const settingsShape = z
  .strictObject({
    dialect: z.enum(['kiln', 'runpod']),
    /** Request fields that the model takes, beside media; anything else passes the route over. */
    fields: z.array(field).min(1),
    /** Media fields that the model takes. */
    roles: z.array(z.enum(ROLES)).default([]),
    /** When the server shall give a run up, from its start. RunPod takes 5 s to 7 days. */
    timeout_seconds: z.int().min(5).max(604_800).default(3600),
    /** RunPod only: when it deletes a job, even a running one, from the submit. It must leave room for the queue. */
    ttl_seconds: z.int().min(10).max(604_800).default(86_400),
  })
  .refine(
    ({ dialect, timeout_seconds, ttl_seconds }) => dialect === 'kiln' || ttl_seconds >= timeout_seconds,
    'ttl_seconds must not be shorter than timeout_seconds: RunPod deletes a job that still runs',
  );
export type Settings = z.output<typeof settingsShape>;
export const settings = jsonSchema(settingsShape);

/** Nothing: what a model takes beyond the vocabulary is the server's own configuration. */
export const optionsShape = z.strictObject({});
export const options = jsonSchema(optionsShape);
