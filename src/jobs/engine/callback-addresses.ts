import { Injectable } from '@nestjs/common';
import { createHmac, timingSafeEqual } from 'node:crypto';
import { KilnConfig } from '../../config/config.js';
import { publicUrlOf } from '../../config/public-url.js';
import { Keyring } from '../../config/secret.js';
import type { AttemptRow } from '../store/rows.js';

/**
 * Addresses that providers ring: `/callbacks/{provider}/{attempt}.{mac}`, the mac 256 bits of HMAC over both under KILN_SECRET.
 * Derived, not drawn: the same request can be sent again under the same idempotency key, and there is nothing to keep.
 */
@Injectable()
export class CallbackAddresses {
  private readonly keys: readonly Buffer[];

  constructor(
    private readonly config: KilnConfig,
    keyring: Keyring,
  ) {
    this.keys = keyring.keys('callbacks').map(({ key }) => key);
  }

  /** Undefined where the provider could not reach it: a public one rings https only, one in the cluster or the sandbox also http. */
  of(attempt: Pick<AttemptRow, 'id' | 'provider' | 'endpoint'>): string | undefined {
    const base = publicUrlOf(this.config);
    if (!base.startsWith('https:') && attempt.endpoint.startsWith('https:')) return undefined;
    const [current] = this.keys;
    if (!current) return undefined;
    return `${base}/callbacks/${attempt.provider}/${attempt.id}.${mac(current, attempt.provider, attempt.id)}`;
  }

  /** The attempt that the address was made for, or null. */
  read(provider: string, token: string): string | null {
    const [, attemptId = '', given = ''] = /^([\w-]{1,64})\.([\w-]{43})$/.exec(token) ?? [];
    if (attemptId === '') return null;
    const isOurs = this.keys.some((key) =>
      timingSafeEqual(Buffer.from(mac(key, provider, attemptId)), Buffer.from(given)),
    );
    return isOurs ? attemptId : null;
  }
}

const mac = (key: Buffer, provider: string, attemptId: string): string =>
  createHmac('sha256', key).update(`${provider}\n${attemptId}`).digest('base64url');
