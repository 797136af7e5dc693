-- Registered webhook endpoints, what each sending was, and the order of a job's messages.
-- AlterTable
ALTER TABLE "webhook_delivery" ADD COLUMN     "endpoint_id" TEXT,
ADD COLUMN     "sequence" INTEGER,
ADD COLUMN     "tries" INTEGER NOT NULL DEFAULT 0,
ALTER COLUMN "job_id" DROP NOT NULL;

-- CreateTable
CREATE TABLE "webhook_endpoint" (
    "id" TEXT NOT NULL,
    "key_id" TEXT NOT NULL,
    "url" TEXT NOT NULL,
    "description" TEXT,
    "events" TEXT[],
    "secrets" JSONB NOT NULL DEFAULT '[]',
    "disabled_at" TIMESTAMPTZ(3),
    "disabled_reason" TEXT,
    "failing_since" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deleted_at" TIMESTAMPTZ(3),

    CONSTRAINT "webhook_endpoint_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "webhook_try" (
    "delivery_id" TEXT NOT NULL,
    "n" INTEGER NOT NULL,
    "sent_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "duration_ms" INTEGER NOT NULL,
    "status" INTEGER,
    "error" TEXT,
    "request_headers" JSONB NOT NULL DEFAULT '{}',
    "response_headers" JSONB NOT NULL DEFAULT '{}',
    "response_body" TEXT,

    CONSTRAINT "webhook_try_pkey" PRIMARY KEY ("delivery_id","n")
);

-- CreateIndex
CREATE INDEX "webhook_endpoint_key_id_id_idx" ON "webhook_endpoint"("key_id", "id" DESC);

-- CreateIndex
CREATE INDEX "webhook_delivery_endpoint_id_id_idx" ON "webhook_delivery"("endpoint_id", "id" DESC);

-- A run ends once: one terminal message a run and receiver.
CREATE UNIQUE INDEX "webhook_delivery_terminal_once" ON "webhook_delivery" ("job_id", "run", coalesce("endpoint_id", ''))
  WHERE "job_id" IS NOT NULL AND "event" IN ('job.succeeded', 'job.failed', 'job.canceled');

-- Check constraints that the Prisma schema language can't say.
ALTER TABLE "webhook_endpoint" ADD CONSTRAINT "webhook_endpoint_disabled_reason" CHECK ("disabled_reason" IN ('owner', 'gone', 'failing'));
