-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateTable
CREATE TABLE "api_key" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "role" TEXT NOT NULL DEFAULT 'app',
    "daily_budget_micro_usd" BIGINT,
    "allowed_models" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "max_concurrent_jobs" INTEGER,
    "max_queued_jobs" INTEGER,
    "weight" INTEGER NOT NULL DEFAULT 1,
    "webhook_secrets" JSONB NOT NULL DEFAULT '[]',
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "disabled_at" TIMESTAMPTZ(3),

    CONSTRAINT "api_key_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "api_key_secret" (
    "hash" BYTEA NOT NULL,
    "key_id" TEXT NOT NULL,
    "preview" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(3),

    CONSTRAINT "api_key_secret_pkey" PRIMARY KEY ("hash")
);

-- CreateTable
CREATE TABLE "job" (
    "id" TEXT NOT NULL,
    "key_id" TEXT NOT NULL,
    "run" INTEGER NOT NULL DEFAULT 1,
    "status" TEXT NOT NULL DEFAULT 'queued',
    "stage" TEXT,
    "model" TEXT NOT NULL,
    "modality" TEXT NOT NULL,
    "operation" TEXT NOT NULL,
    "input" JSONB NOT NULL,
    "provider_options" JSONB NOT NULL DEFAULT '{}',
    "routing" JSONB NOT NULL DEFAULT '{}',
    "webhook" JSONB,
    "metadata" JSONB NOT NULL DEFAULT '{}',
    "priority" SMALLINT NOT NULL DEFAULT 1,
    "sandbox" BOOLEAN NOT NULL DEFAULT false,
    "references" JSONB NOT NULL DEFAULT '[]',
    "plan" JSONB NOT NULL DEFAULT '[]',
    "plan_index" INTEGER NOT NULL DEFAULT 0,
    "lane" TEXT,
    "route" JSONB,
    "expected_seconds" DOUBLE PRECISION NOT NULL DEFAULT 30,
    "ready_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "failover" BOOLEAN NOT NULL DEFAULT false,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "progress" DOUBLE PRECISION,
    "held_micro_usd" BIGINT NOT NULL,
    "charged_micro_usd" BIGINT,
    "price" JSONB NOT NULL,
    "error" JSONB,
    "warnings" JSONB NOT NULL DEFAULT '[]',
    "deadline_at" TIMESTAMPTZ(3) NOT NULL,
    "start_by" TIMESTAMPTZ(3),
    "retention_seconds" INTEGER NOT NULL,
    "wake_at" TIMESTAMPTZ(3),
    "ring" INTEGER NOT NULL DEFAULT 0,
    "tick" INTEGER NOT NULL DEFAULT 0,
    "claims" SMALLINT NOT NULL DEFAULT 0,
    "claim_token" TEXT,
    "claim_until" TIMESTAMPTZ(3),
    "quarantine_reason" TEXT,
    "quarantined_at" TIMESTAMPTZ(3),
    "version" INTEGER NOT NULL DEFAULT 0,
    "event_seq" INTEGER NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "queued_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "started_at" TIMESTAMPTZ(3),
    "finished_at" TIMESTAMPTZ(3),
    "expires_at" TIMESTAMPTZ(3),
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deleted_at" TIMESTAMPTZ(3),

    CONSTRAINT "job_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "attempt" (
    "id" TEXT NOT NULL,
    "job_id" TEXT NOT NULL,
    "key_id" TEXT NOT NULL,
    "run" INTEGER NOT NULL,
    "seq" INTEGER NOT NULL,
    "lane" TEXT NOT NULL,
    "route" JSONB NOT NULL,
    "provider" TEXT NOT NULL,
    "model" TEXT NOT NULL,
    "credential" TEXT,
    "endpoint" TEXT NOT NULL,
    "token" TEXT NOT NULL,
    "task_id" JSONB,
    "artifacts" JSONB,
    "state" TEXT NOT NULL DEFAULT 'reserved',
    "lease_token" TEXT,
    "lease_until" TIMESTAMPTZ(3),
    "wake_at" TIMESTAMPTZ(3),
    "slot_until" TIMESTAMPTZ(3),
    "polls" INTEGER NOT NULL DEFAULT 0,
    "tries" INTEGER NOT NULL DEFAULT 0,
    "fresh_links" INTEGER NOT NULL DEFAULT 0,
    "progress" DOUBLE PRECISION,
    "missing" INTEGER NOT NULL DEFAULT 0,
    "cancel_requested_at" TIMESTAMPTZ(3),
    "callback_hash" BYTEA,
    "error" JSONB,
    "upstream_cost_micro_usd" BIGINT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "submitted_at" TIMESTAMPTZ(3),
    "provider_done_at" TIMESTAMPTZ(3),
    "finished_at" TIMESTAMPTZ(3),

    CONSTRAINT "attempt_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "lane" (
    "id" TEXT NOT NULL,
    "capacity" INTEGER NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'open',
    "virtual_clock" DOUBLE PRECISION NOT NULL DEFAULT 0,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "lane_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "lane_key" (
    "lane" TEXT NOT NULL,
    "key_id" TEXT NOT NULL,
    "tag" DOUBLE PRECISION NOT NULL DEFAULT 0,

    CONSTRAINT "lane_key_pkey" PRIMARY KEY ("lane","key_id")
);

-- CreateTable
CREATE TABLE "job_event" (
    "job_id" TEXT NOT NULL,
    "seq" INTEGER NOT NULL,
    "type" TEXT NOT NULL,
    "data" JSONB NOT NULL DEFAULT '{}',
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "job_event_pkey" PRIMARY KEY ("job_id","seq")
);

-- CreateTable
CREATE TABLE "upload" (
    "id" TEXT NOT NULL,
    "key_id" TEXT NOT NULL,
    "status" TEXT NOT NULL DEFAULT 'pending',
    "source" TEXT NOT NULL,
    "filename" TEXT,
    "object_key" TEXT,
    "staging_key" TEXT,
    "content_type" TEXT,
    "bytes" BIGINT,
    "sha256" TEXT,
    "kind" TEXT,
    "width" INTEGER,
    "height" INTEGER,
    "duration_seconds" DOUBLE PRECISION,
    "error" JSONB,
    "declared" JSONB NOT NULL DEFAULT '{}',
    "claims" SMALLINT NOT NULL DEFAULT 0,
    "claim_until" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "decided_at" TIMESTAMPTZ(3),
    "used_at" TIMESTAMPTZ(3),
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "deleted_at" TIMESTAMPTZ(3),

    CONSTRAINT "upload_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "output" (
    "id" TEXT NOT NULL,
    "job_id" TEXT NOT NULL,
    "key_id" TEXT NOT NULL,
    "run" INTEGER NOT NULL,
    "n" INTEGER NOT NULL,
    "type" TEXT NOT NULL,
    "name" TEXT,
    "object_key" TEXT NOT NULL,
    "content_type" TEXT NOT NULL,
    "bytes" BIGINT NOT NULL,
    "sha256" TEXT NOT NULL,
    "width" INTEGER,
    "height" INTEGER,
    "duration_seconds" DOUBLE PRECISION,
    "fps" DOUBLE PRECISION,
    "has_audio" BOOLEAN,
    "blurhash" TEXT,
    "variants" JSONB NOT NULL DEFAULT '{}',
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "deleted_at" TIMESTAMPTZ(3),

    CONSTRAINT "output_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "asset_pin" (
    "asset_id" TEXT NOT NULL,
    "job_id" TEXT NOT NULL,

    CONSTRAINT "asset_pin_pkey" PRIMARY KEY ("asset_id","job_id")
);

-- CreateTable
CREATE TABLE "idempotency" (
    "key_id" TEXT NOT NULL,
    "path" TEXT NOT NULL,
    "idem_key" TEXT NOT NULL,
    "fingerprint" TEXT NOT NULL,
    "work_id" TEXT,
    "owner_token" TEXT,
    "owner_until" TIMESTAMPTZ(3),
    "answer" JSONB,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "idempotency_pkey" PRIMARY KEY ("key_id","path","idem_key")
);

-- CreateTable
CREATE TABLE "ledger_entry" (
    "id" TEXT NOT NULL,
    "key_id" TEXT NOT NULL,
    "day" DATE NOT NULL,
    "work_id" TEXT NOT NULL,
    "run" INTEGER NOT NULL DEFAULT 1,
    "kind" TEXT NOT NULL,
    "amount_micro_usd" BIGINT NOT NULL,
    "price" JSONB NOT NULL,
    "reason" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "ledger_entry_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "budget_day" (
    "key_id" TEXT NOT NULL,
    "day" DATE NOT NULL,
    "spent_micro_usd" BIGINT NOT NULL DEFAULT 0,
    "held_micro_usd" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "budget_day_pkey" PRIMARY KEY ("key_id","day")
);

-- CreateTable
CREATE TABLE "webhook_delivery" (
    "id" TEXT NOT NULL,
    "key_id" TEXT NOT NULL,
    "job_id" TEXT NOT NULL,
    "run" INTEGER NOT NULL DEFAULT 1,
    "event" TEXT NOT NULL,
    "url" TEXT NOT NULL,
    "body" JSONB NOT NULL,
    "status" TEXT NOT NULL DEFAULT 'pending',
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "tick" INTEGER NOT NULL DEFAULT 0,
    "claim_until" TIMESTAMPTZ(3),
    "wake_at" TIMESTAMPTZ(3),
    "last_status" INTEGER,
    "last_error" TEXT,
    "last_response" TEXT,
    "last_attempt_at" TIMESTAMPTZ(3),
    "delivered_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "webhook_delivery_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "route_state" (
    "id" TEXT NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'open',
    "cooldown_until" TIMESTAMPTZ(3),
    "reason" TEXT,
    "failures" INTEGER NOT NULL DEFAULT 0,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "route_state_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "endpoint_state" (
    "id" TEXT NOT NULL,
    "cooldown_until" TIMESTAMPTZ(3),
    "reason" TEXT,
    "failures" INTEGER NOT NULL DEFAULT 0,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "endpoint_state_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "ops_event" (
    "id" TEXT NOT NULL,
    "severity" TEXT NOT NULL,
    "type" TEXT NOT NULL,
    "message" TEXT NOT NULL,
    "data" JSONB NOT NULL DEFAULT '{}',
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "ops_event_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "admin_audit" (
    "id" TEXT NOT NULL,
    "actor" TEXT NOT NULL,
    "action" TEXT NOT NULL,
    "target" TEXT NOT NULL,
    "data" JSONB NOT NULL DEFAULT '{}',
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "admin_audit_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "replay_batch" (
    "id" TEXT NOT NULL,
    "filter" JSONB NOT NULL,
    "route" TEXT,
    "total" INTEGER NOT NULL,
    "done" INTEGER NOT NULL DEFAULT 0,
    "skipped" INTEGER NOT NULL DEFAULT 0,
    "cost_micro_usd" BIGINT NOT NULL DEFAULT 0,
    "last_id" TEXT,
    "cursor" TEXT,
    "skip_reasons" JSONB NOT NULL DEFAULT '{}',
    "status" TEXT NOT NULL DEFAULT 'running',
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "claim_until" TIMESTAMPTZ(3),
    "finished_at" TIMESTAMPTZ(3),

    CONSTRAINT "replay_batch_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "run_timing" (
    "route" TEXT NOT NULL,
    "bucket" TEXT NOT NULL,
    "seconds" DOUBLE PRECISION NOT NULL,
    "samples" INTEGER NOT NULL DEFAULT 1,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "run_timing_pkey" PRIMARY KEY ("route","bucket")
);

-- CreateIndex
CREATE INDEX "api_key_secret_key_id_idx" ON "api_key_secret"("key_id");

-- CreateIndex
CREATE INDEX "job_key_id_id_idx" ON "job"("key_id", "id" DESC);

-- CreateIndex
CREATE INDEX "job_key_id_status_id_idx" ON "job"("key_id", "status", "id" DESC);

-- CreateIndex
CREATE UNIQUE INDEX "attempt_job_id_run_seq_key" ON "attempt"("job_id", "run", "seq");

-- CreateIndex
CREATE INDEX "job_event_created_at_idx" ON "job_event"("created_at");

-- CreateIndex
CREATE INDEX "upload_key_id_id_idx" ON "upload"("key_id", "id" DESC);

-- CreateIndex
CREATE INDEX "upload_expires_at_idx" ON "upload"("expires_at");

-- CreateIndex
CREATE INDEX "output_expires_at_idx" ON "output"("expires_at");

-- CreateIndex
CREATE UNIQUE INDEX "output_job_id_run_n_key" ON "output"("job_id", "run", "n");

-- CreateIndex
CREATE INDEX "asset_pin_job_id_idx" ON "asset_pin"("job_id");

-- CreateIndex
CREATE INDEX "idempotency_created_at_idx" ON "idempotency"("created_at");

-- CreateIndex
CREATE INDEX "ledger_entry_key_id_day_idx" ON "ledger_entry"("key_id", "day");

-- CreateIndex
CREATE INDEX "webhook_delivery_job_id_idx" ON "webhook_delivery"("job_id");

-- CreateIndex
CREATE INDEX "webhook_delivery_key_id_id_idx" ON "webhook_delivery"("key_id", "id" DESC);

-- CreateIndex
CREATE INDEX "ops_event_created_at_idx" ON "ops_event"("created_at");

-- CreateIndex
CREATE INDEX "admin_audit_created_at_idx" ON "admin_audit"("created_at");

-- AddForeignKey
ALTER TABLE "api_key_secret" ADD CONSTRAINT "api_key_secret_key_id_fkey" FOREIGN KEY ("key_id") REFERENCES "api_key"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- Partial and check constraints that the Prisma schema language can't say.
CREATE UNIQUE INDEX "ledger_entry_once" ON "ledger_entry" ("work_id", "run", "kind");
CREATE UNIQUE INDEX "ledger_entry_closed_once" ON "ledger_entry" ("work_id", "run") WHERE "kind" IN ('settle', 'release');
CREATE INDEX "job_waiting" ON "job" ("lane", "key_id", "failover" DESC, "priority" DESC, "queued_at", "id") WHERE "stage" = 'waiting';
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
CREATE INDEX "job_text" ON "job" ("finished_at") WHERE "finished_at" IS NOT NULL AND "input" <> 'null'::jsonb;
CREATE INDEX "job_unsettled" ON "job" ("finished_at") WHERE "finished_at" IS NOT NULL AND "charged_micro_usd" IS NULL;
CREATE INDEX "job_deleted" ON "job" ("deleted_at") WHERE "deleted_at" IS NOT NULL;
