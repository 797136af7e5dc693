import { z } from 'zod';

/** What poll and cancel take back. The addresses are those of the submit's answer, where they lie below the endpoint. */
export const taskId = z.object({
  /** Model id with its sub-path: what was bought. */
  model: z.string().min(1),
  request_id: z.string().min(1),
  status_url: z.string().min(1),
  response_url: z.string().min(1),
  cancel_url: z.string().min(1),
});
export type TaskId = z.output<typeof taskId>;

export const submitted = z.object({
  request_id: z.string().min(1),
  status_url: z.string().nullish(),
  response_url: z.string().nullish(),
  cancel_url: z.string().nullish(),
});

/** There is no FAILED and no CANCELLED: both are COMPLETED with `error`. */
export const queueStatus = z.object({
  status: z.string().min(1),
  queue_position: z.number().nullish(),
  error: z.unknown().optional(),
  error_type: z.string().nullish(),
});
export type QueueStatus = z.output<typeof queueStatus>;

const file = z.object({ url: z.string().min(1), content_type: z.string().nullish(), file_name: z.string().nullish() });
export type FalFile = z.output<typeof file>;

/** Every model answers an object of its own; files stand under these names (client 1.10.1, endpoint types). */
export const output = z.object({
  video: file.nullish(),
  videos: z.array(file).nullish(),
  images: z.array(file).nullish(),
  image: file.nullish(),
  audio: file.nullish(),
  /** By picture: a true one was blackened by the safety checker. */
  has_nsfw_concepts: z.array(z.boolean()).nullish(),
});
export type Output = z.output<typeof output>;

const modelError = z.object({
  loc: z.array(z.union([z.string(), z.number()])).nullish(),
  msg: z.string().nullish(),
  type: z.string().nullish(),
});

/**
 * Two bodies: the platform's `{"detail": "text", "error_type"}` and a model's `{"detail": [{loc, msg, type}]}`. Some models
 * still answer another shape, so everything is optional.
 */
export const errorBody = z.object({
  detail: z.union([z.string(), z.array(modelError), modelError]).nullish(),
  error_type: z.string().nullish(),
  error: z.union([z.string(), z.object({ message: z.string().nullish() })]).nullish(),
  message: z.string().nullish(),
});

/** Answer to PUT cancel: OK, CANCELLATION_REQUESTED, ALREADY_COMPLETED, NOT_FOUND. */
export const cancelAnswer = z.object({ status: z.string().nullish() });

export const jwks = z.object({
  keys: z.array(z.object({ kty: z.string().nullish(), crv: z.string().nullish(), x: z.string().nullish() })),
});

/** An artifact as it is kept on the attempt. */
export const source = z.object({ url: z.string().min(1) });
