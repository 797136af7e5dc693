-- Usage records of jobs, one a run, the request that made each job, and the ledger in order within a day.
-- DropIndex
DROP INDEX "ledger_entry_key_id_day_idx";

-- AlterTable
ALTER TABLE "job" ADD COLUMN     "endpoint" TEXT NOT NULL DEFAULT 'jobs',
ADD COLUMN     "request_id" TEXT;

-- AlterTable
ALTER TABLE "usage_record" ADD COLUMN     "media_seconds" DOUBLE PRECISION NOT NULL DEFAULT 0;

-- CreateIndex
CREATE INDEX "ledger_entry_key_id_day_id_idx" ON "ledger_entry"("key_id", "day", "id");

-- CreateIndex
CREATE INDEX "usage_record_day_idx" ON "usage_record"("day");

-- Partial indexes that the Prisma schema language can't say.
CREATE INDEX "job_request" ON "job" ("request_id") WHERE "request_id" IS NOT NULL;

-- Runs that were closed before jobs had usage records, as far back as those are kept. What their attempts cost is not known here.
INSERT INTO "usage_record" ("id", "key_id", "day", "endpoint", "model", "route", "provider", "upstream_model", "status", "http_status",
  "media_seconds", "images", "charged_micro_usd", "latency_ms", "attempts", "sandbox", "error_code", "created_at")
SELECT CASE c."run" WHEN 1 THEN c."work_id" ELSE c."work_id" || '/' || c."run" END, c."key_id", c."day", 'jobs', coalesce(j."model", c."price" ->> 'model', ''),
  j."route" ->> 'id', j."route" ->> 'provider', j."route" ->> 'model',
  CASE WHEN j."status" = 'succeeded' THEN 'ok' WHEN j."status" IS NOT NULL THEN j."status" WHEN c."kind" = 'settle' THEN 'ok' WHEN c."reason" = 'canceled' THEN 'canceled' ELSE 'failed' END,
  200, coalesce(o."seconds", 0), coalesce(o."images", 0), CASE c."kind" WHEN 'settle' THEN c."amount_micro_usd" ELSE 0 END,
  least(greatest(extract(epoch FROM c."created_at" - h."created_at") * 1000, 0), 2147483647)::int, coalesce(j."attempts", 1), coalesce(j."sandbox", false),
  j."error" ->> 'code', c."created_at"
FROM "ledger_entry" c
JOIN "ledger_entry" h ON h."work_id" = c."work_id" AND h."run" = c."run" AND h."kind" = 'hold'
LEFT JOIN "job" j ON j."id" = c."work_id" AND j."run" = c."run" AND j."status" IN ('succeeded', 'failed', 'canceled')
LEFT JOIN LATERAL (
  SELECT sum("duration_seconds") FILTER (WHERE "type" <> 'image') AS "seconds", count(*) FILTER (WHERE "type" = 'image') AS "images"
  FROM "output" WHERE "output"."job_id" = j."id" AND "output"."run" = j."run" AND j."status" = 'succeeded'
) o ON true
WHERE c."kind" IN ('settle', 'release') AND c."work_id" LIKE 'job\_%' AND c."created_at" > now() - interval '13 months'
ON CONFLICT ("id") DO NOTHING;
