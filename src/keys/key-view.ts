import type { AuthKey, KeyRecord, SecretRecord } from './auth-key.js';
import type { Rotated } from './key-admin.repository.js';

/** A key as its owner sees it: who it is, and what limits it. */
export interface OwnKeyView {
  id: string;
  object: 'key';
  name: string;
  role: AuthKey['role'];
  daily_budget_micro_usd: number | null;
  allowed_models: string[];
  max_concurrent_jobs: number | null;
  max_queued_jobs: number | null;
  weight: number;
  requests_per_minute: number | null;
  allowed_ips: string[];
  expires_at: string | null;
}

export interface KeyView extends OwnKeyView {
  description: string | null;
  disabled: boolean;
  created_at: string;
  /** Of the newest secret. */
  preview: string | null;
  /** Newest first; two while it is rotated. */
  secrets: { preview: string; created_at: string; expires_at: string | null; last_used_at: string | null }[];
}

/** `key` is the secret, shown this once. */
export type KeyWithSecret = KeyView & { key: string };

export const ownKeyView = (key: AuthKey): OwnKeyView => ({
  id: key.id,
  object: 'key',
  name: key.name,
  role: key.role,
  daily_budget_micro_usd: key.dailyBudgetMicroUsd,
  allowed_models: key.allowedModels,
  max_concurrent_jobs: key.maxConcurrentJobs,
  max_queued_jobs: key.maxQueuedJobs,
  weight: key.weight,
  requests_per_minute: key.requestsPerMinute,
  allowed_ips: key.allowedIps,
  expires_at: time(key.expiresAt),
});

export const keyView = (key: KeyRecord): KeyView => ({
  ...ownKeyView(key),
  description: key.description,
  disabled: key.disabled,
  created_at: key.createdAt.toISOString(),
  preview: key.secrets[0]?.preview ?? null,
  secrets: key.secrets.map(secretView),
});

export interface RotatedKeyView extends KeyWithSecret {
  /** When the former secret ends; null: it ended at once. */
  previous_expires_at: string | null;
  /** Previews of secrets that ended at once, so that never more than two live. */
  ended_secrets: string[];
}

export const rotatedKeyView = ({
  key,
  secret,
  previousExpiresAt,
  ended,
}: Rotated & { key: KeyRecord; secret: string }): RotatedKeyView => ({
  ...keyView(key),
  key: secret,
  previous_expires_at: time(previousExpiresAt),
  ended_secrets: ended,
});

/** Fields of a key that differ, as they were and as they are; for the audit. */
export function keyChanges(before: KeyRecord, after: KeyRecord): Record<string, { before: unknown; after: unknown }> {
  const [was, is] = [keyView(before), keyView(after)];
  const names = Object.keys(is) as (keyof KeyView)[];
  const changed = names.filter((name) => JSON.stringify(was[name]) !== JSON.stringify(is[name]));
  return Object.fromEntries(changed.map((name) => [name, { before: was[name], after: is[name] }]));
}

const time = (at: Date | null): string | null => at?.toISOString() ?? null;

const secretView = (secret: SecretRecord): KeyView['secrets'][number] => ({
  preview: secret.preview,
  created_at: secret.createdAt.toISOString(),
  expires_at: time(secret.expiresAt),
  last_used_at: time(secret.lastUsedAt),
});
