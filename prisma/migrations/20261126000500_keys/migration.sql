-- What keys may be limited by, their rotation, and what they have used of their requests a minute.
-- AlterTable
ALTER TABLE "api_key" ADD COLUMN     "allowed_ips" TEXT[] DEFAULT ARRAY[]::TEXT[],
ADD COLUMN     "deleted_at" TIMESTAMPTZ(3),
ADD COLUMN     "description" TEXT,
ADD COLUMN     "expires_at" TIMESTAMPTZ(3),
ADD COLUMN     "requests_per_minute" INTEGER;

-- AlterTable
ALTER TABLE "api_key_secret" ADD COLUMN     "last_used_at" TIMESTAMPTZ(3);

-- CreateTable
CREATE TABLE "key_rate" (
    "key_id" TEXT NOT NULL,
    "empty_at" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "key_rate_pkey" PRIMARY KEY ("key_id")
);

-- Until now a key was only ever taken out of use for good. From here on it may be disabled for a while, too.
UPDATE "api_key" SET "deleted_at" = "disabled_at" WHERE "disabled_at" IS NOT NULL;
