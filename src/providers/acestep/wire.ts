import { z } from 'zod';

const one = z.object({ task_id: z.string().min(1) });
/** One task of the server; of an extraction there is one a stem. */
export const taskId = z.union([one, z.object({ tasks: z.array(one.extend({ stem: z.string() })).min(1) })]);
export type TaskId = z.output<typeof taskId>;

/** Every JSON answer is wrapped; some routes say `code: 500` with HTTP 200, so both are checked. */
const envelope = <S extends z.ZodType>(data: S) =>
  z.object({ data: data.nullish(), code: z.number().optional(), error: z.string().nullish() });

export const released = envelope(z.object({ task_id: z.string().min(1) }));

export const queried = envelope(
  z.array(
    z.object({
      task_id: z.string().optional(),
      /** 0 queued or running, 1 succeeded, 2 failed. */
      status: z.number(),
      /** A JSON text, to be parsed again. */
      result: z.string().nullish(),
      progress_text: z.string().nullish(),
    }),
  ),
);

/** Inside `result`: one element per piece. */
export const pieces = z.array(
  z.object({
    file: z.string().nullish(),
    progress: z.number().nullish(),
    stage: z.string().nullish(),
    error: z.string().nullish(),
  }),
);

export const stats = envelope(
  z.object({ jobs: z.object({ queued: z.number().optional(), running: z.number().optional() }) }),
);

export const errorBody = z.object({
  detail: z.unknown().optional(),
  error: z.string().nullish(),
  code: z.number().optional(),
});

/** An artifact as it is kept on the attempt. */
export const source = z.object({ file: z.string().min(1) });
