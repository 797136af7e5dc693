-- What a key asks to be sent once more, without a walk over all that was delivered.
CREATE INDEX "webhook_delivery_undelivered" ON "webhook_delivery" ("key_id", "id") WHERE "status" <> 'delivered';
