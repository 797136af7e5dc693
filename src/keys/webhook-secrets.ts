import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { PurposeKeys } from '../config/secret.js';
import { seal, unseal } from './sealed.js';

/** How long the former secret still signs after a rotation. */
export const WEBHOOK_SECRET_OVERLAP_MS = 24 * 3_600_000;
const SECRET_BYTES = 32;
/** What Standard Webhooks asks for. */
const ALLOWED_BYTES = { min: 24, max: 64 };
const PREFIX = 'whsec_';
export const WEBHOOK_SECRET_ALLOWED = `must be ${PREFIX} and ${ALLOWED_BYTES.min} to ${ALLOWED_BYTES.max} bytes as base64`;

/** Columns `api_key.webhook_secrets` and `webhook_endpoint.secrets`: newest first, at most two. */
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

/** The owner is an API key or an endpoint: ids of both are never the same. */
const context = (ownerId: string): string => `webhook-secret:${ownerId}`;

/** A random one where none is given. */
export const newWebhookSecret = (
  ownerId: string,
  keys: PurposeKeys,
  now: Date,
  secret: Uint8Array = randomBytes(SECRET_BYTES),
): StoredWebhookSecret => ({
  ...seal(secret, keys, context(ownerId)),
  createdAt: now.toISOString(),
});

export const openWebhookSecret = (stored: StoredWebhookSecret, ownerId: string, keys: PurposeKeys): Buffer =>
  unseal(stored, keys, context(ownerId));

export const liveSecrets = (stored: readonly StoredWebhookSecret[], now: Date): StoredWebhookSecret[] =>
  stored.filter(({ expiresAt }) => expiresAt === undefined || new Date(expiresAt) > now);

/** A new secret in front; the one before it lives on for the overlap, older ones are gone. */
export function rotated(
  stored: readonly StoredWebhookSecret[],
  ownerId: string,
  keys: PurposeKeys,
  now: Date,
  { secret, overlapMs = WEBHOOK_SECRET_OVERLAP_MS }: { secret?: Uint8Array; overlapMs?: number } = {},
): StoredWebhookSecret[] {
  const [previous] = liveSecrets(stored, now);
  const next = newWebhookSecret(ownerId, keys, now, secret);
  if (previous === undefined || overlapMs === 0) return [next];
  return [next, { ...previous, expiresAt: new Date(now.getTime() + overlapMs).toISOString() }];
}

/** What an owner may see of its secrets. */
export interface WebhookSecretState {
  /** `whsec_` and base64: the newest secret. */
  secret: string;
  rotatedAt: Date;
  /** Until then messages carry the former secret's signature too. */
  previousExpiresAt: Date | null;
}

/** Null where there is none. */
export function stateOfSecrets(
  stored: readonly StoredWebhookSecret[],
  ownerId: string,
  keys: PurposeKeys,
  now: Date,
): WebhookSecretState | null {
  const [newest, previous] = liveSecrets(stored, now);
  return newest === undefined
    ? null
    : {
        secret: formatWebhookSecret(openWebhookSecret(newest, ownerId, keys)),
        rotatedAt: new Date(newest.createdAt),
        previousExpiresAt: previous?.expiresAt === undefined ? null : new Date(previous.expiresAt),
      };
}

/** The form that Standard Webhooks libraries take. */
const formatWebhookSecret = (secret: Buffer): string => `${PREFIX}${secret.toString('base64')}`;

/** The bytes of a secret in that form; null where it is not, or of another length than allowed. */
export function parseWebhookSecret(text: string): Buffer | null {
  const secret = Buffer.from(text.slice(PREFIX.length), 'base64');
  const isAllowed = secret.length >= ALLOWED_BYTES.min && secret.length <= ALLOWED_BYTES.max;
  // Libraries decode strictly: what Node reads leniently would verify here and nowhere else.
  return isAllowed && formatWebhookSecret(secret) === text ? secret : null;
}
