-- A key's videos, newest first (GET /v1/videos): among many other jobs they may be few and far between.
CREATE INDEX "job_videos" ON "job" ("key_id", "id" DESC) WHERE "modality" = 'video' AND "deleted_at" IS NULL;
