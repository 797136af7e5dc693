import { z } from 'zod';

/** What is read of Kling's answers; everything else may come and go. */

/** Create paths of the legacy wire; a task is asked for below the path that made it. */
export const LEGACY_PATHS = ['/v1/videos/text2video', '/v1/videos/image2video'] as const;

export const taskId = z.union([
  z.object({ wire: z.literal('current'), id: z.string().min(1) }),
  z.object({ wire: z.literal('legacy'), path: z.enum(LEGACY_PATHS), id: z.string().min(1) }),
]);
export type TaskId = z.output<typeof taskId>;

/** Every JSON answer is wrapped; `code` 0 is success, and also HTTP 200 may carry another. */
export const envelope = z.object({ code: z.number(), message: z.string().nullish() });
const wrapped = <S extends z.ZodType>(data: S) => z.object({ code: z.literal(0), data });

export const currentCreated = wrapped(z.object({ id: z.string().min(1) }));
export const legacyCreated = wrapped(z.object({ task_id: z.string().min(1) }));

const billing = z.object({
  charge_type: z.string().nullish(),
  currency: z.string().nullish(),
  amount: z.string().nullish(),
});
export type Billing = z.output<typeof billing>;

const currentTask = z.object({
  id: z.string(),
  status: z.string(),
  message: z.string().nullish(),
  external_id: z.string().nullish(),
  outputs: z.array(z.object({ type: z.string().nullish(), url: z.string().nullish() })).nullish(),
  billing: z.array(billing).nullish(),
});
export type CurrentTask = z.output<typeof currentTask>;
/** GET /tasks: those of the asked ids that Kling has; an unknown one is left out. */
export const currentTasks = wrapped(z.array(currentTask));

const legacyTask = z.object({
  task_id: z.string().min(1),
  task_status: z.string(),
  task_status_msg: z.string().nullish(),
  task_result: z.object({ videos: z.array(z.object({ url: z.string().nullish() })).nullish() }).nullish(),
});
export type LegacyTask = z.output<typeof legacyTask>;
export const legacyQueried = wrapped(legacyTask);

/** An artifact as it is kept on the attempt. */
export const source = z.object({ url: z.string().min(1) });
