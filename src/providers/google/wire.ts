import { z } from 'zod';

/** What every one of Google's wires has in common; the rest stands beside each wire. */

/** google.rpc.Status, as HTTP answers carry it. */
export const errorBody = z.object({
  error: z.object({
    code: z.number().optional(),
    message: z.string().optional(),
    status: z.string().optional(),
    details: z.array(z.object({ reason: z.string().optional(), retryDelay: z.string().optional() })).optional(),
  }),
});

/** A task as it is kept on the attempt. Synchronous wires have none. */
export const taskId = z.discriminatedUnion('wire', [
  z.object({ wire: z.enum(['vertex', 'gemini']), model: z.string(), name: z.string() }),
  z.object({ wire: z.literal('interactions'), id: z.string() }),
]);
export type TaskId = z.output<typeof taskId>;

/** A result as it is kept on the attempt: an address, or the ordinal of inline bytes in the status answer. */
export const source = z.union([z.object({ uri: z.string() }), z.object({ inline: z.number().int() })]);
