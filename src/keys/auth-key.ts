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
  /** POSTs that ask for work; see rate-limits.ts. */
  requestsPerMinute: number | null;
  /** Addresses and CIDR ranges that it may be used from; empty: from anywhere. */
  allowedIps: string[];
  expiresAt: Date | null;
}

/** What each may: `app` calls /v1 only, the others also /admin, each all that the one before it may. */
export const KEY_ROLES = ['app', 'viewer', 'operator', 'admin'] as const;
export type KeyRole = (typeof KEY_ROLES)[number];

export const hasRole = (role: KeyRole, needed: KeyRole): boolean =>
  KEY_ROLES.indexOf(role) >= KEY_ROLES.indexOf(needed);

/** A key as ops see it: no secret, only the ends of them. */
export interface KeyRecord extends AuthKey {
  description: string | null;
  disabled: boolean;
  createdAt: Date;
  /** Newest first: one, or two while it is rotated. */
  secrets: SecretRecord[];
}

export interface SecretRecord {
  /** `sk-…` and the last four characters. */
  preview: string;
  createdAt: Date;
  /** When it ends, after a rotation. */
  expiresAt: Date | null;
  /** Within a minute. */
  lastUsedAt: Date | null;
}

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
