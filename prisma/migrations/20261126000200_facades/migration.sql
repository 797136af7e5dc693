-- What a facade's request was, so that a client that sends it again finds the job that it made.
ALTER TABLE "job" ADD COLUMN "fingerprint" TEXT,
ADD COLUMN "is_repeat" BOOLEAN NOT NULL DEFAULT false;
CREATE INDEX "job_fingerprint" ON "job" ("key_id", "fingerprint", "id" DESC) WHERE "fingerprint" IS NOT NULL;
