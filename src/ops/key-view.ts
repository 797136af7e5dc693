import type { AuthKey, KeyRecord } from '../keys/auth-key.js';

export interface KeyView {
  id: string;
  object: 'key';
  name: string;
  role: AuthKey['role'];
  daily_budget_micro_usd: number | null;
  allowed_models: string[];
  max_concurrent_jobs: number | null;
  max_queued_jobs: number | null;
  weight: number;
}

export const keyView = (key: AuthKey): KeyView => ({
  id: key.id,
  object: 'key',
  name: key.name,
  role: key.role,
  daily_budget_micro_usd: key.dailyBudgetMicroUsd,
  allowed_models: key.allowedModels,
  max_concurrent_jobs: key.maxConcurrentJobs,
  max_queued_jobs: key.maxQueuedJobs,
  weight: key.weight,
});

/** With the end of its secret, which is all that is left to tell it by. */
export const keyRecordView = (key: KeyRecord): KeyView & { preview: string | null; created_at: string } => ({
  ...keyView(key),
  preview: key.preview,
  created_at: key.createdAt.toISOString(),
});
