import { z } from 'zod';

const kind = z.enum(['video', 'image', 'audio']);

/** `kind`: what a result is whose name and type say nothing. `boot_id`: the process that took the job. */
export const taskId = z.discriminatedUnion('dialect', [
  z.object({ dialect: z.literal('kiln'), id: z.string().min(1), kind, boot_id: z.string().nullable() }),
  z.object({ dialect: z.literal('runpod'), id: z.string().min(1), kind }),
]);
export type TaskId = z.output<typeof taskId>;

/** An artifact as it is kept on the attempt. */
export const source = z.object({ url: z.string().min(1) });

/** Why a job failed or was refused. */
export const failure = z.object({
  code: z.string().nullish(),
  message: z.string().nullish(),
  retryable: z.boolean().nullish(),
  param: z.string().nullish(),
});
export type Failure = z.output<typeof failure>;

/** Where a file lies; the rest of an entry may be missing. */
const file = z.object({
  name: z.string().nullish(),
  content_type: z.string().nullish(),
  url: z.string().nullish(),
});

/** Contract: a job, at the submit and at every poll. */
export const kilnJob = z.object({
  id: z.string().min(1),
  status: z.string().min(1),
  progress: z.number().nullish(),
  queue_position: z.number().nullish(),
  artifacts: z.array(file).nullish(),
  warnings: z.array(z.string()).nullish(),
  error: failure.nullish(),
  boot_id: z.string().nullish(),
});
export type KilnJob = z.output<typeof kilnJob>;

/** Contract: a refusal. A server that loads says `state` instead of `error`, or both. */
export const kilnRefusal = z.object({
  error: failure.nullish(),
  state: z.string().nullish(),
  eta_s: z.number().nullish(),
});

/** Contract: GET /readyz. */
export const readiness = z.object({ queued: z.number().nullish(), running: z.number().nullish() });

/** RunPod: a job, at the submit and at every poll. `output` is what the worker returned, or its last progress update. */
export const runpodJob = z.object({
  id: z.string().min(1),
  status: z.string().min(1),
  output: z.unknown().optional(),
  error: z.unknown().optional(),
});
export type RunpodJob = z.output<typeof runpodJob>;

/** RunPod: what the worker's progress update holds, where it follows docs/gpu-endpoint.md. */
export const runpodProgress = z.object({ progress: z.number() });

/** RunPod: the results as docs/gpu-endpoint.md asks for them. */
export const runpodOutput = z.object({ artifacts: z.array(file), warnings: z.array(z.string()).nullish() });

/** RunPod: what its SDK makes of an exception in the worker, as JSON in `error`. */
export const runpodException = z.object({ error_type: z.string().nullish(), error_message: z.string() });

export const runpodHealth = z.object({
  jobs: z.object({ inQueue: z.number().nullish(), inProgress: z.number().nullish() }),
});

/** RunPod: refusals; only the text is used. */
export const runpodRefusal = z.object({
  error: z.string().nullish(),
  message: z.string().nullish(),
  detail: z.string().nullish(),
  title: z.string().nullish(),
});
