import { z } from 'zod';
import { KilnError } from '../common/errors.js';

/** Who makes a request, with everything that limits it. */
export interface AuthKey {
  id: string;
  name: string;
  role: KeyRole;
  /** Aliases, or patterns with `*` (`deepseek/*`); empty allows every model. */
  allowedModels: string[];
  maxConcurrentJobs: number | null;
  /** Jobs that may wait at once; one more is 429. */
  maxQueuedJobs: number | null;
  /** Share of a busy lane, relative to other keys. */
  weight: number;
  dailyBudgetMicroUsd: number | null;
}

export const KEY_ROLES = ['app', 'admin'] as const;
export type KeyRole = (typeof KEY_ROLES)[number];

/** A key as ops see it: no secret, only the end of it. */
export interface KeyRecord extends AuthKey {
  preview: string | null;
  createdAt: Date;
}

const MODEL_PATTERN = /^[A-Za-z0-9._:/@*-]{1,128}$/;

/** Body of POST /admin/keys. */
export const createKeyBody = z.strictObject({
  name: z.string().trim().min(1).max(100),
  role: z.enum(KEY_ROLES).default('app'),
  daily_budget_micro_usd: z.int().min(0).nullable().default(null),
  allowed_models: z
    .array(z.string().regex(MODEL_PATTERN, 'an alias or a pattern with *, at most 128 of A–Z a–z 0–9 . _ : / @ - *'))
    .max(200)
    .default([]),
  max_concurrent_jobs: z.int().min(1).max(100_000).nullable().default(null),
  max_queued_jobs: z.int().min(1).max(10_000_000).nullable().default(null),
  weight: z.int().min(1).max(1000).default(1),
});
export type CreateKey = z.infer<typeof createKeyBody>;

/** `*` stands for any run of characters; everything else is itself. */
function matches(pattern: string, model: string): boolean {
  const [head = '', ...rest] = pattern.split('*');
  if (rest.length === 0) return pattern === model;
  if (!model.startsWith(head)) return false;
  const tail = rest.pop() ?? '';
  let at = head.length;
  for (const part of rest) {
    const found = model.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return model.length - tail.length >= at && model.endsWith(tail);
}

export const isModelAllowed = (key: Pick<AuthKey, 'allowedModels'>, model: string): boolean =>
  key.allowedModels.length === 0 || key.allowedModels.some((pattern) => matches(pattern, model));

/** 403 `key_model_access_denied`, naming what the key may call. */
export function assertModelAllowed(key: AuthKey, model: string): void {
  if (isModelAllowed(key, model)) return;
  throw new KilnError(
    403,
    'key_model_access_denied',
    `This key may not call model '${model}'; it may call ${key.allowedModels.join(', ')}.`,
    { param: 'model' },
  );
}
