import { Injectable } from '@nestjs/common';
import { createHmac, timingSafeEqual } from 'node:crypto';
import { Keyring } from '../../config/secret.js';

const LIFE_SECONDS = 3600;

/** Read tokens for one job's event stream, since a browser's EventSource sends no headers: `{expiry}.{key id}.{mac}`. */
@Injectable()
export class EventTokens {
  private readonly keys: readonly Buffer[];

  constructor(keyring: Keyring) {
    this.keys = keyring.keys('events').map((one) => one.key);
  }

  sign(keyId: string, jobId: string, now = Date.now()): string {
    // Rounded, so that a job's link stays the same for a while and caches well.
    const expires = Math.ceil(now / 1000 / 300) * 300 + LIFE_SECONDS;
    return `${expires}.${keyId}.${this.mac(this.keys[0], keyId, jobId, expires)}`;
  }

  /** The key id the token was made for, or null when it is not valid for this job now. */
  verify(token: string, jobId: string, now = Date.now()): string | null {
    const [expires, keyId, mac] = token.split('.');
    if (!expires || !keyId || !mac || !(Number(expires) * 1000 > now)) return null;
    const given = Buffer.from(mac);
    const valid = this.keys.some((key) => {
      const expected = Buffer.from(this.mac(key, keyId, jobId, Number(expires)));
      return expected.length === given.length && timingSafeEqual(expected, given);
    });
    return valid ? keyId : null;
  }

  private mac(key: Buffer | undefined, keyId: string, jobId: string, expires: number): string {
    if (!key) throw new Error('no secret is configured');
    return createHmac('sha256', key).update(`${keyId}\n${jobId}\n${expires}`).digest('base64url');
  }
}
