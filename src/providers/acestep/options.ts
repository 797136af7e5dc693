import { z } from 'zod';
import { jsonSchema } from '../task-input.js';

export const TASKS = ['generate', 'cover', 'repaint', 'extract'] as const;

/** `tasks`: what the loaded model can do; `extract` needs a base model, turbo models lack it. */
export const settingsShape = z.strictObject({
  tasks: z.array(z.enum(TASKS)).min(1).default(['generate', 'cover', 'repaint']),
});
export const settings = jsonSchema(settingsShape);

/** Not here: batch_size (cost), model, server paths, and what the request's own vocabulary names. */
export const optionsShape = z.strictObject({
  thinking: z.boolean().optional(),
  key_scale: z.string().max(20).optional(),
  time_signature: z.enum(['2', '3', '4', '6']).optional(),
  shift: z.number().min(1).max(5).optional(),
  infer_method: z.enum(['ode', 'sde']).optional(),
  use_cot_caption: z.boolean().optional(),
});
export const options = jsonSchema(optionsShape);
