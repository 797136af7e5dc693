import { z } from 'zod';

/** What is read of an interaction. `data` is the ordinal of the bytes that were taken out of it. */
const content = z.object({
  type: z.string().nullish(),
  text: z.string().nullish(),
  data: z.number().nullish(),
  uri: z.string().nullish(),
  mime_type: z.string().nullish(),
});

const step = z.object({
  type: z.string().nullish(),
  /** Only outputs are read; steps of other kinds put anything here. */
  content: z.array(content).nullish().catch(null),
  error: z.object({ code: z.number().nullish(), message: z.string().nullish() }).nullish().catch(null),
});

export const interaction = z.object({
  id: z.string().min(1).nullish(),
  status: z.string().min(1),
  steps: z.array(step).nullish(),
  errors: z.array(z.object({ code: z.string().nullish(), message: z.string().nullish() })).nullish(),
});
export type Interaction = z.output<typeof interaction>;

/** Without its id a background run can't be asked about. */
export const accepted = interaction.extend({ id: z.string().min(1) });
