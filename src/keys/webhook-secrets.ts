import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { PurposeKeys } from '../config/secret.js';
import { seal, unseal } from './sealed.js';

/** How long the former secret still signs after a rotation. */
export const WEBHOOK_SECRET_OVERLAP_MS = 24 * 3_600_000;
/** Standard Webhooks asks for 24 to 64 bytes. */
const SECRET_BYTES = 32;

/** Column `api_key.webhook_secrets`: newest first, at most two. */
const storedSecrets = z.array(
  z.object({
    kid: z.string(),
    data: z.string(),
    createdAt: z.iso.datetime(),
    expiresAt: z.iso.datetime().optional(),
  }),
);
export type StoredWebhookSecret = z.infer<typeof storedSecrets>[number];

export const parseStoredSecrets = (column: unknown): StoredWebhookSecret[] => storedSecrets.parse(column);

const context = (keyId: string): string => `webhook-secret:${keyId}`;

export const newWebhookSecret = (keyId: string, keys: PurposeKeys, now: Date): StoredWebhookSecret => ({
  ...seal(randomBytes(SECRET_BYTES), keys, context(keyId)),
  createdAt: now.toISOString(),
});

export const openWebhookSecret = (stored: StoredWebhookSecret, keyId: string, keys: PurposeKeys): Buffer =>
  unseal(stored, keys, context(keyId));

export const liveSecrets = (stored: readonly StoredWebhookSecret[], now: Date): StoredWebhookSecret[] =>
  stored.filter(({ expiresAt }) => expiresAt === undefined || new Date(expiresAt) > now);

/** A new secret in front; the one before it lives on for the overlap, older ones are gone. */
export function rotated(
  stored: readonly StoredWebhookSecret[],
  keyId: string,
  keys: PurposeKeys,
  now: Date,
): StoredWebhookSecret[] {
  const [previous] = liveSecrets(stored, now);
  const next = newWebhookSecret(keyId, keys, now);
  if (previous === undefined) return [next];
  return [next, { ...previous, expiresAt: new Date(now.getTime() + WEBHOOK_SECRET_OVERLAP_MS).toISOString() }];
}

/** The form that Standard Webhooks libraries take. */
export const formatWebhookSecret = (secret: Buffer): string => `whsec_${secret.toString('base64')}`;
