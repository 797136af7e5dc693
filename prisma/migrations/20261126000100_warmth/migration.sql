-- Endpoints that sleep: when one was last seen ready, since when it is being woken, and when ops were told that it does not wake.
ALTER TABLE "endpoint_state" ADD COLUMN "ready_at" TIMESTAMPTZ(3),
ADD COLUMN "wake_asked_at" TIMESTAMPTZ(3),
ADD COLUMN "cold_told_at" TIMESTAMPTZ(3);
