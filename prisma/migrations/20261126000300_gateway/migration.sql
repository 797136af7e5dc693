-- The synchronous gateway: one row a request, its open holds with the process that owns each, and items of stored responses.
-- CreateTable
CREATE TABLE "usage_record" (
    "id" TEXT NOT NULL,
    "key_id" TEXT NOT NULL,
    "day" DATE NOT NULL,
    "endpoint" TEXT NOT NULL,
    "model" TEXT NOT NULL,
    "route" TEXT,
    "provider" TEXT,
    "upstream_model" TEXT,
    "status" TEXT NOT NULL,
    "http_status" INTEGER NOT NULL,
    "input_tokens" BIGINT NOT NULL DEFAULT 0,
    "cache_read_tokens" BIGINT NOT NULL DEFAULT 0,
    "cache_write_tokens" BIGINT NOT NULL DEFAULT 0,
    "cache_write_1h_tokens" BIGINT NOT NULL DEFAULT 0,
    "input_audio_tokens" BIGINT NOT NULL DEFAULT 0,
    "output_tokens" BIGINT NOT NULL DEFAULT 0,
    "reasoning_tokens" BIGINT NOT NULL DEFAULT 0,
    "output_audio_tokens" BIGINT NOT NULL DEFAULT 0,
    "characters" BIGINT NOT NULL DEFAULT 0,
    "audio_seconds" DOUBLE PRECISION NOT NULL DEFAULT 0,
    "images" BIGINT NOT NULL DEFAULT 0,
    "charged_micro_usd" BIGINT NOT NULL,
    "loss_micro_usd" BIGINT NOT NULL DEFAULT 0,
    "upstream_cost_micro_usd" BIGINT NOT NULL DEFAULT 0,
    "latency_ms" INTEGER NOT NULL,
    "ttfb_ms" INTEGER,
    "attempts" INTEGER NOT NULL DEFAULT 1,
    "streamed" BOOLEAN NOT NULL DEFAULT false,
    "sandbox" BOOLEAN NOT NULL DEFAULT false,
    "error_code" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "usage_record_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "response_item" (
    "key_id" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "item" JSONB NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "response_item_pkey" PRIMARY KEY ("key_id","id")
);

-- CreateTable
CREATE TABLE "gateway_process" (
    "id" TEXT NOT NULL,
    "started_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "beat_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "gateway_process_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "gateway_hold" (
    "work_id" TEXT NOT NULL,
    "key_id" TEXT NOT NULL,
    "owner" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "gateway_hold_pkey" PRIMARY KEY ("work_id")
);

-- CreateIndex
CREATE INDEX "usage_record_key_id_day_idx" ON "usage_record"("key_id", "day");

-- CreateIndex
CREATE INDEX "usage_record_created_at_idx" ON "usage_record"("created_at");

-- CreateIndex
CREATE INDEX "response_item_expires_at_idx" ON "response_item"("expires_at");

-- Check constraints that the Prisma schema language can't say.
ALTER TABLE "usage_record" ADD CONSTRAINT "usage_record_status" CHECK ("status" IN ('ok', 'failed', 'canceled', 'partial'));
