import type { WebhookSecretState } from '../keys/webhook-secrets.js';

/** A signing secret, of a key or of an endpoint. */
export interface WebhookSecretView {
  object: 'webhook_secret';
  /** `whsec_` and base64, as Standard Webhooks libraries take it. */
  secret: string;
  rotated_at: string;
  /** Until then messages carry the former secret's signature too. */
  previous_expires_at: string | null;
}

export const secretView = ({ secret, rotatedAt, previousExpiresAt }: WebhookSecretState): WebhookSecretView => ({
  object: 'webhook_secret',
  secret,
  rotated_at: rotatedAt.toISOString(),
  previous_expires_at: previousExpiresAt?.toISOString() ?? null,
});
