import { createHmac } from 'node:crypto';

export interface SignedHeaders {
  'webhook-id': string;
  'webhook-timestamp': string;
  'webhook-signature': string;
}

/**
 * Headers of Standard Webhooks (https://github.com/standard-webhooks/standard-webhooks, spec, "Webhook headers"):
 * HMAC-SHA256 over `{id}.{unix seconds}.{body}`, one `v1,{base64}` for each secret with spaces between, so that a
 * receiver accepts the message with the old or the new secret while one is being rotated.
 * `body` is exactly what is sent.
 */
export function signMessage(
  message: { id: string; sentAt: Date; body: string },
  secrets: readonly Uint8Array[],
): SignedHeaders {
  const seconds = String(Math.floor(message.sentAt.getTime() / 1000));
  const signed = `${message.id}.${seconds}.${message.body}`;
  const signatures = secrets.map((secret) => `v1,${createHmac('sha256', secret).update(signed).digest('base64')}`);
  return { 'webhook-id': message.id, 'webhook-timestamp': seconds, 'webhook-signature': signatures.join(' ') };
}
