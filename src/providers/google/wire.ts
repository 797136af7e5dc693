import { z } from 'zod';

/** What is read of Google's answers; everything else may come and go. */

export const taskId = z.object({ wire: z.enum(['vertex', 'gemini']), model: z.string(), name: z.string() });
export type TaskId = z.output<typeof taskId>;

export const started = z.object({ name: z.string().min(1) });

const filtered = {
  raiMediaFilteredCount: z.number().optional(),
  raiMediaFilteredReasons: z.array(z.string()).optional(),
};

const failure = z.object({ code: z.number().optional(), message: z.string().optional() });

/** GET on the operation's name (Gemini API). */
export const geminiOperation = z.object({
  done: z.boolean().optional(),
  error: failure.optional(),
  response: z
    .object({
      generateVideoResponse: z
        .object({
          generatedSamples: z
            .array(z.object({ video: z.object({ uri: z.string().optional() }).optional() }))
            .optional(),
          ...filtered,
        })
        .optional(),
    })
    .optional(),
});

/** POST :fetchPredictOperation (Vertex), where no inline bytes are in it. */
export const vertexOperation = z.object({
  done: z.boolean().optional(),
  error: failure.optional(),
  response: z
    .object({
      videos: z.array(z.object({ gcsUri: z.string().optional() })).optional(),
      ...filtered,
    })
    .optional(),
});

export const errorBody = z.object({
  error: z.object({
    code: z.number().optional(),
    message: z.string().optional(),
    status: z.string().optional(),
    details: z.array(z.object({ reason: z.string().optional(), retryDelay: z.string().optional() })).optional(),
  }),
});

/** A result as it is kept on the attempt: an address, or the ordinal of inline bytes in the operation. */
export const source = z.union([z.object({ uri: z.string() }), z.object({ inline: z.number().int() })]);
