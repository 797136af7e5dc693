import { createHmac, timingSafeEqual } from 'node:crypto';
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

/** What one presigned PUT to the file store allows. */
export interface PutGrant {
  uploadId: string;
  keyId: string;
  bytes: number;
  contentType: string;
  /** Unix seconds. */
  expires: number;
}

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

  /** An absolute URL; its token is `{upload}.{expires}.{signature}`, and the rest of the grant stands on the row. */
  signPut(grant: PutGrant): string {
    const signature = this.mac(this.options.linkKeys[0], putText(grant)).toString('base64url');
    return `${this.options.publicUrl()}/files/put/${grant.uploadId}.${grant.expires}.${signature}`;
  }

  verifyPut(grant: PutGrant, signature: string): boolean {
    return this.isSigned(putText(grant), signature);
  }

  private isSigned(text: string, signature: string): boolean {
    // Compared as text: a decoder passes over the last character's spare bits, and one link has one spelling.
    const given = Buffer.from(signature);
    return this.options.linkKeys.some((key) => {
      const expected = Buffer.from(this.mac(key, text).toString('base64url'));
      return given.length === expected.length && timingSafeEqual(given, expected);
    });
  }

  private mac(key: Buffer, text: string): Buffer {
    return createHmac('sha256', key).update(text).digest();
  }
}

const linkText = (keyId: string, assetId: string, variant: string, expires: number): string =>
  ['get', keyId, assetId, variant, expires].join('\n');
const putText = ({ uploadId, keyId, bytes, contentType, expires }: PutGrant): string =>
  ['put', keyId, uploadId, bytes, contentType, expires].join('\n');
