import { z } from 'zod';

/** What is read of an answer to generateContent. `data` is the ordinal of the bytes that were taken out of it. */
const part = z.object({
  text: z.string().nullish(),
  thought: z.boolean().nullish(),
  inlineData: z.object({ mimeType: z.string().nullish(), data: z.number().nullish() }).nullish(),
});

export const contentAnswer = z.object({
  promptFeedback: z.object({ blockReason: z.string().nullish(), blockReasonMessage: z.string().nullish() }).nullish(),
  candidates: z
    .array(
      z.object({
        finishReason: z.string().nullish(),
        finishMessage: z.string().nullish(),
        content: z.object({ parts: z.array(part).nullish() }).nullish(),
      }),
    )
    .nullish(),
});
export type ContentAnswer = z.output<typeof contentAnswer>;
