-- A callback's token is derived from the attempt's id, so nothing of it is kept.
DROP INDEX "attempt_callback";
ALTER TABLE "attempt" DROP COLUMN "callback_hash",
ADD COLUMN "rung_at" TIMESTAMPTZ(3);
