import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { HOUR_MS } from '../common/time.js';
import type { AssetsOptions } from './assets-options.js';
import type { Variant } from './media-types.js';

/** How long links in answers live. */
export const LINK_TTL_MS = HOUR_MS;
/** A webhook may be read late. */
export const WEBHOOK_LINK_TTL_MS = 24 * HOUR_MS;

export interface LinkTarget {
  assetId: string;
  /** Owner of the asset: a link signed for one key opens nothing of another. */
  keyId: string;
  variant: Variant;
  expiresAt: Date;
}

const putGrant = z.object({
  uploadId: z.string(),
  keyId: z.string(),
  bytes: z.int().positive(),
  contentType: z.string(),
  expires: z.int(),
});
/** What one presigned PUT to the file store allows. `expires`: unix seconds. */
export type PutGrant = z.infer<typeof putGrant>;

/** Links that need no API key: HMAC-SHA256 over what they open and until when. */
export class Links {
  constructor(private readonly options: Pick<AssetsOptions, 'publicUrl' | 'linkKeys'>) {}

  /** An absolute URL. */
  sign({ assetId, keyId, variant, expiresAt }: LinkTarget): string {
    const expires = Math.floor(expiresAt.getTime() / 1000);
    const signature = this.mac(this.options.linkKeys[0], linkText(keyId, assetId, variant, expires)).toString(
      'base64url',
    );
    return `${this.options.publicUrl()}/files/${assetId}/${variant}?expires=${expires}&signature=${signature}`;
  }

  /** Whether `signature` was made for exactly this, under the current or the former key. Says nothing about the time. */
  verify(target: { assetId: string; keyId: string; variant: string; expires: number }, signature: string): boolean {
    return this.isSigned(linkText(target.keyId, target.assetId, target.variant, target.expires), signature);
  }

  signPut(grant: PutGrant): string {
    const payload = Buffer.from(JSON.stringify(grant)).toString('base64url');
    const token = `${payload}.${this.mac(this.options.linkKeys[0], putText(payload)).toString('base64url')}`;
    return `${this.options.publicUrl()}/files/put/${token}`;
  }

  /** Null for a token that was not signed here. */
  verifyPut(token: string): PutGrant | null {
    const [payload = '', signature = ''] = token.split('.');
    if (!this.isSigned(putText(payload), signature)) return null;
    const parsed = putGrant.safeParse(JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')));
    return parsed.success ? parsed.data : null;
  }

  private isSigned(text: string, signature: string): boolean {
    const given = Buffer.from(signature, 'base64url');
    return this.options.linkKeys.some((key) => {
      const expected = this.mac(key, text);
      return given.length === expected.length && timingSafeEqual(given, expected);
    });
  }

  private mac(key: Buffer, text: string): Buffer {
    return createHmac('sha256', key).update(text).digest();
  }
}

const linkText = (keyId: string, assetId: string, variant: string, expires: number): string =>
  ['get', keyId, assetId, variant, expires].join('\n');
const putText = (payload: string): string => `put\n${payload}`;
