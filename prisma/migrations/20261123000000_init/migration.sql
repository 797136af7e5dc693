
-- Partial and check constraints that the Prisma schema language can't say.
CREATE UNIQUE INDEX "ledger_entry_once" ON "ledger_entry" ("work_id", "run", "kind");
CREATE INDEX "job_waiting" ON "job" ("lane", "key_id", "priority" DESC, "queued_at", "id") WHERE "stage" = 'waiting';
CREATE INDEX "job_wake" ON "job" ("wake_at") WHERE "wake_at" IS NOT NULL;
CREATE INDEX "job_live_key" ON "job" ("key_id") WHERE "status" IN ('queued', 'running');
CREATE INDEX "job_metadata" ON "job" USING gin ("metadata" jsonb_path_ops) WHERE "metadata" <> '{}'::jsonb;
CREATE INDEX "job_ops" ON "job" ("status", "id" DESC);
CREATE INDEX "job_expires" ON "job" ("expires_at") WHERE "expires_at" IS NOT NULL;
CREATE INDEX "job_quarantined" ON "job" ("quarantined_at") WHERE "quarantined_at" IS NOT NULL;
CREATE INDEX "attempt_open_lane" ON "attempt" ("lane", "slot_until") WHERE "state" IN ('reserved', 'submitting', 'running', 'unknown', 'orphan');
CREATE INDEX "attempt_open_key" ON "attempt" ("key_id") WHERE "state" IN ('reserved', 'submitting', 'running', 'unknown', 'orphan');
CREATE INDEX "attempt_wake" ON "attempt" ("wake_at") WHERE "wake_at" IS NOT NULL;
CREATE UNIQUE INDEX "attempt_callback" ON "attempt" ("callback_hash") WHERE "callback_hash" IS NOT NULL;
CREATE INDEX "upload_pending" ON "upload" ("created_at") WHERE "status" = 'pending';
CREATE INDEX "webhook_delivery_due" ON "webhook_delivery" ("wake_at") WHERE "wake_at" IS NOT NULL;

ALTER TABLE "job" ADD CONSTRAINT "job_status" CHECK ("status" IN ('queued', 'running', 'succeeded', 'failed', 'canceled'));
ALTER TABLE "job" ADD CONSTRAINT "job_stage" CHECK ("stage" IN ('preparing', 'waiting', 'submitting', 'generating', 'storing', 'processing'));
ALTER TABLE "attempt" ADD CONSTRAINT "attempt_state" CHECK ("state" IN ('reserved', 'submitting', 'running', 'unknown', 'succeeded', 'failed', 'canceled', 'orphan', 'lost'));
ALTER TABLE "ledger_entry" ADD CONSTRAINT "ledger_kind" CHECK ("kind" IN ('hold', 'settle', 'release'));
