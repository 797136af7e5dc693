import { createHmac } from 'node:crypto';

export interface SignedMessage {
  /** Stays the same at every try. */
  id: string;
  /** Of this try. */
  sentAt: Date;
  /** The very text that is sent. */
  body: string;
}

/**
 * Headers of Standard Webhooks (github.com/standard-webhooks/standard-webhooks, spec): HMAC-SHA256 over `id.timestamp.body`,
 * one `v1` signature for each live secret, newest first.
 */
export function signatureHeaders(
  { id, sentAt, body }: SignedMessage,
  secrets: readonly Buffer[],
): Record<string, string> {
  const timestamp = String(Math.floor(sentAt.getTime() / 1000));
  const signed = `${id}.${timestamp}.${body}`;
  const signatures = secrets.map((secret) => `v1,${createHmac('sha256', secret).update(signed).digest('base64')}`);
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') };
}
