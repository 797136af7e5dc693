import { LINK_TTL_MS } from './links.js';

interface Expiring {
  expiresAt: Date;
  deletedAt: Date | null;
}

export const isExpiredAt = (row: Expiring, now: Date): boolean => row.deletedAt !== null || row.expiresAt <= now;

/** A link ends with what it opens. */
export const linkExpiry = (row: Expiring, now: Date, ttlMs: number = LINK_TTL_MS): Date =>
  new Date(Math.min(now.getTime() + ttlMs, row.expiresAt.getTime()));
