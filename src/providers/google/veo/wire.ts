import { z } from 'zod';

/** What is read of the answers to predictLongRunning; everything else may come and go. */

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
