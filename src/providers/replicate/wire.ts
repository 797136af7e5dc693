import { z } from 'zod';

/** What is read of Replicate's answers (shapes: `Prediction`, `FileObject`, `WebhookSecret` of the `replicate` package 1.4.0). */

export const taskId = z.object({
  id: z.string().min(1),
  /** What the model makes, so that a poll knows the files from their companions. */
  kind: z.enum(['image', 'video']),
  /** How many files were asked for. */
  count: z.number().int().min(1),
});
export type TaskId = z.output<typeof taskId>;

export const created = z.object({ id: z.string().min(1) });

/** `output` has no fixed type: each model defines its own. Six states are documented; others are read defensively. */
export const prediction = z.object({
  status: z.string(),
  output: z.json().nullish(),
  error: z.json().nullish(),
  logs: z.string().nullish(),
  data_removed: z.boolean().nullish(),
  completed_at: z.string().nullish(),
});
export type Prediction = z.output<typeof prediction>;

export const uploaded = z.object({ urls: z.object({ get: z.url() }) });

export const webhookSecret = z.object({ key: z.string().min(1) });

/** Problem details; 429 has `detail` alone. */
export const errorBody = z.object({
  title: z.string().nullish(),
  detail: z.string().nullish(),
  invalid_fields: z.array(z.unknown()).nullish(),
});

/** A result as it is kept on the attempt. */
export const source = z.object({ url: z.string().min(1) });
