import { z } from 'zod';

/** What is read of the answers; everything else may come and go. */

export const taskId = z.object({ id: z.string().min(1) });
export type TaskId = z.output<typeof taskId>;

export const created = z.object({ id: z.string().min(1) });

/** The inner error, as it stands in an error answer and in a failed video. */
export const failure = z.object({
  message: z.string().nullish(),
  type: z.string().nullish(),
  param: z.string().nullish(),
  /** Gateways put the status here, as a number. */
  code: z.union([z.string(), z.number()]).nullish(),
  /** Of a failed video: headers of the answer that made it fail, e.g. `Retry-After-Ms`. */
  headers: z.record(z.string(), z.string()).nullish().catch(null),
});
export type Failure = z.output<typeof failure>;

export const errorBody = z.object({ error: failure });

/** GET /videos/{id}. */
export const video = z.object({
  status: z.string(),
  /** Percent. */
  progress: z.number().nullish(),
  error: failure.nullish().catch(null),
});

const count = z.number().int().nonnegative();

/** Answer of both image calls, its pictures taken out already. */
export const imagesAnswer = z.object({
  data: z.array(z.unknown()).nullish(),
  error: failure.nullish().catch(null),
  usage: z
    .object({
      input_tokens_details: z.object({
        text_tokens: count,
        image_tokens: count,
        cached_tokens: count.nullish(),
      }),
      output_tokens: count,
      output_tokens_details: z.object({ text_tokens: count.nullish() }).nullish(),
    })
    .nullish()
    .catch(null),
});
export type Usage = NonNullable<z.output<typeof imagesAnswer>['usage']>;

/** A finished video's bytes have one address, made of its id. */
export const source = z.object({ variant: z.literal('video') });
