import { z } from 'zod';

/** What is read of Ark's answers; everything else may come and go. */

/** `micro_usd_per_million_tokens`: what this task's tokens cost, from the route's settings; null where they say nothing. */
export const taskId = z.object({ id: z.string().min(1), micro_usd_per_million_tokens: z.int().nullable() });
export type TaskId = z.output<typeof taskId>;

/** Answer to a create: the id and nothing else. */
export const created = z.object({ id: z.string().min(1) });

const failure = z.object({ code: z.string().nullish(), message: z.string().nullish() });

/** A task as GET tells it. */
export const task = z.object({
  status: z.string(),
  content: z.object({ video_url: z.string().nullish() }).nullish(),
  usage: z.object({ completion_tokens: z.number().nullish() }).nullish(),
  error: failure.nullish(),
});
export type Task = z.output<typeof task>;

/** `{"error":{code,message}}`; some gateways put the two at the top, as @ai-sdk/bytedance 1.0.29 expects too. */
export const errorBody = z.object({ error: failure.nullish(), ...failure.shape });

/** An artifact as it is kept on the attempt. */
export const source = z.object({ uri: z.string().min(1) });
