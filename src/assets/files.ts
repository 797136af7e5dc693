import type { Readable } from 'node:stream';
import { z } from 'zod';
import { KilnError } from '../common/errors.js';
import { ObjectNotFound, type ObjectStore } from '../storage/object-store.js';
import type { AssetsOptions } from './assets-options.js';
import { cappedStream } from './byte-streams.js';
import { isExpiredAt } from './expiry.js';
import type { Links } from './links.js';
import { isInline, isVariant } from './media-types.js';
import { type OutputsRepository, variantsOf } from './outputs.repository.js';
import type { UploadsRepository } from './uploads.repository.js';

/** An object that a signed link opens. */
export interface OpenedFile {
  objectKey: string;
  contentType: string;
  inline: boolean;
  filename: string;
}

/** Column `upload.declared` of a presigned one. */
const declaration = z.object({ bytes: z.number(), content_type: z.string() });

interface Asset {
  keyId: string;
  objectKey: string | null;
  contentType: string | null;
  expired: boolean;
}

/** Longest life of a link to the object store itself. */
const STORE_LINK_SECONDS = 15 * 60;

/** One answer for every wrong link: what exists is nobody's business who holds no signature. */
const forbidden = (): KilnError => new KilnError(403, 'invalid_link', 'This link is not valid or has expired.');

/** What stands behind `/files`: signed links to stored media, and the file store's presigned PUTs. */
export class Files {
  constructor(
    private readonly uploads: UploadsRepository,
    private readonly outputs: OutputsRepository,
    private readonly store: ObjectStore,
    private readonly links: Links,
    private readonly options: AssetsOptions,
  ) {}

  /** Throws 403 for a link that is unsigned, changed or past its time, 410 when the content is gone. */
  async open(assetId: string, variant: string, query: { expires?: unknown; signature?: unknown }): Promise<OpenedFile> {
    const { expires: rawExpires, signature } = query;
    const expires = typeof rawExpires === 'string' && /^\d{1,12}$/.test(rawExpires) ? Number(rawExpires) : 0;
    if (!isVariant(variant) || typeof signature !== 'string' || expires * 1000 <= Date.now()) throw forbidden();
    const asset = await this.find(assetId, variant);
    if (asset === null || !this.links.verify({ assetId, keyId: asset.keyId, variant, expires }, signature))
      throw forbidden();
    const { objectKey, contentType, expired } = asset;
    if (expired || objectKey === null || contentType === null)
      throw new KilnError(410, 'expired', 'This file has been deleted.');
    const extension = objectKey.split('.').at(-1) ?? 'bin';
    return { objectKey, contentType, inline: isInline(contentType), filename: `${assetId}-${variant}.${extension}` };
  }

  /** A link into the object store, or null where Kiln streams. */
  async redirect({ objectKey, ...shown }: OpenedFile): Promise<string | null> {
    return this.store.presignGet(objectKey, { expiresSeconds: STORE_LINK_SECONDS, ...shown });
  }

  /** Throws 410 when the object is gone. */
  async size({ objectKey }: OpenedFile): Promise<number> {
    const head = await this.store.head(objectKey);
    if (head === null) throw new KilnError(410, 'expired', 'This file has been deleted.');
    return head.bytes;
  }

  async read({ objectKey }: OpenedFile, range: { start: number; end: number } | null): Promise<Readable> {
    try {
      return (await this.store.get(objectKey, range ?? undefined)).body;
    } catch (error) {
      if (error instanceof ObjectNotFound) throw new KilnError(410, 'expired', 'This file has been deleted.');
      throw error;
    }
  }

  /** Takes a presigned PUT: exactly the granted bytes of the granted type, once. */
  async put(token: string, body: unknown, headers: { type?: string; length?: string }): Promise<void> {
    const [uploadId = '', rawExpires = '', signature = ''] = token.split('.');
    const expires = /^\d{1,12}$/.test(rawExpires) ? Number(rawExpires) : 0;
    const row = expires * 1000 > Date.now() ? await this.uploads.findAny(uploadId) : null;
    if (row === null || row.source !== 'presigned') throw forbidden();
    const { bytes, content_type: contentType } = declaration.parse(row.declared);
    if (!this.links.verifyPut({ uploadId, keyId: row.keyId, bytes, contentType, expires }, signature))
      throw forbidden();
    if (headers.type !== contentType) {
      throw new KilnError(
        400,
        'invalid_request_error',
        `'content-type' must be ${contentType}, as presigned; got ${headers.type ?? 'none'}.`,
        {
          param: 'content-type',
        },
      );
    }
    if (headers.length !== String(bytes)) {
      throw new KilnError(
        400,
        'invalid_request_error',
        `'content-length' must be ${bytes}, as presigned; got ${headers.length ?? 'none'}.`,
        {
          param: 'content-length',
        },
      );
    }
    if (row.status !== 'awaiting' || row.stagingKey === null || (await this.store.head(row.stagingKey)) !== null) {
      throw new KilnError(412, 'already_uploaded', 'The bytes of this upload were sent before.', {
        shouldRetry: false,
      });
    }
    if (body === null || typeof body !== 'object' || !('pipe' in body)) throw forbidden();
    const source = body as Readable;
    const capped = cappedStream(
      Math.min(bytes, this.options.maxUploadBytes),
      () => new Error('more bytes than announced'),
    );
    source.on('error', (error) => capped.destroy(error));
    await this.store.put(row.stagingKey, source.pipe(capped), { contentType });
  }

  private async find(assetId: string, variant: string): Promise<Asset | null> {
    const now = new Date();
    if (assetId.startsWith('upload_')) {
      const row = variant === 'content' ? await this.uploads.findAny(assetId) : null;
      return (
        row && {
          keyId: row.keyId,
          objectKey: row.objectKey,
          contentType: row.contentType,
          expired: isExpiredAt(row, now),
        }
      );
    }
    const row = await this.outputs.findAny(assetId);
    if (row === null) return null;
    const { keyId } = row;
    const expired = isExpiredAt(row, now);
    if (variant === 'content') return { keyId, objectKey: row.objectKey, contentType: row.contentType, expired };
    const derived = variantsOf(row)[variant];
    return { keyId, objectKey: derived?.key ?? null, contentType: derived?.contentType ?? null, expired };
  }
}
