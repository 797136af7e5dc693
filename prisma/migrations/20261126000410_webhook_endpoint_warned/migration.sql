-- When ops were told that an endpoint fails: once, by whichever worker notices.
-- AlterTable
ALTER TABLE "webhook_endpoint" ADD COLUMN     "warned_at" TIMESTAMPTZ(3);
