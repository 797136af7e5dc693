import { sqlRaw } from '../../database/database.js';

/**
 * Columns of `job` that JobRow has, for statements with a name: the server keeps those, and `*` would break each of them on
 * an open connection once a newer version's migration adds a column.
 */
export const JOB_COLUMNS =
  sqlRaw(`id, key_id, run, status, stage, model, modality, operation, input, provider_options, routing, webhook,
  metadata, priority, sandbox, "references", plan, plan_index, lane, route, expected_seconds, ready_at, failover, attempts, progress,
  held_micro_usd, charged_micro_usd, price, error, warnings, deadline_at, start_by, retention_seconds, wake_at, ring, tick, claims,
  claim_token, claim_until, quarantine_reason, quarantined_at, version, event_seq, created_at, queued_at, started_at, finished_at,
  expires_at, updated_at, deleted_at, request_id, endpoint`);
