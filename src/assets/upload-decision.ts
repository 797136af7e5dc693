import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { type Media, type MediaFacts, UnusableMedia } from '../media/media.js';
import { ObjectNotFound, type ObjectStore } from '../storage/object-store.js';
import type { AssetsOptions } from './assets-options.js';
import { hashFile, saveToFile } from './byte-streams.js';
import { extensionOf } from './media-types.js';
import { withTempFolder } from './temp-folder.js';
import type { UploadSignals } from './upload-signals.js';
import type { Decided, Rejection, UploadClaim, UploadRow, UploadsRepository } from './uploads.repository.js';

const MAX_CLAIMS = 3;
/** Longer than download, decoder timeout and upload together; a dead worker's upload is decided after it. */
const LEASE_MARGIN_SECONDS = 120;
const TROUBLE_DELAY_SECONDS = 3;

/**
 * Decides one upload in the worker: the staged bytes are copied once into a private folder, and everything that follows
 * (type, limits, cleaning, the stored object) is about that copy, so a second PUT to staging changes nothing.
 */
export class UploadDecision {
  constructor(
    private readonly repository: UploadsRepository,
    private readonly store: ObjectStore,
    private readonly media: Media,
    private readonly signals: UploadSignals,
    private readonly options: AssetsOptions,
  ) {}

  /** The row afterwards, or null when it is gone. Throws where the store or the database fail; the upload is then undecided still. */
  async decide(uploadId: string): Promise<UploadRow | null> {
    const leaseSeconds = LEASE_MARGIN_SECONDS + Math.ceil(this.options.mediaTimeoutMs / 1000);
    const claim = await this.repository.claim(uploadId, 'pending', leaseSeconds);
    if (claim !== null) await this.decideClaimed(claim);
    return this.repository.findAny(uploadId);
  }

  /** Ends a claimed upload as unusable and removes its staged bytes. */
  async reject(claim: UploadClaim, error: Rejection): Promise<void> {
    const { id, stagingKey } = claim.row;
    if (await this.repository.markRejected(claim, error)) {
      if (stagingKey !== null) await this.store.delete([stagingKey]);
      this.signals.decided(id);
    }
  }

  private async decideClaimed(claim: UploadClaim): Promise<void> {
    if (claim.row.claims > MAX_CLAIMS) {
      return this.reject(claim, {
        code: 'damaged',
        message: 'The file could not be read: every try to decode it failed.',
      });
    }
    try {
      const facts = await withTempFolder(this.options.tempDir, async (dir) => this.storeClean(claim.row, dir));
      await this.finish(claim, facts);
    } catch (error) {
      if (error instanceof UnusableMedia) return this.reject(claim, { code: error.reason, message: error.message });
      if (error instanceof ObjectNotFound) {
        return this.reject(claim, { code: 'missing', message: 'The uploaded bytes are not there.' });
      }
      await this.repository.giveBack(claim, TROUBLE_DELAY_SECONDS, false);
      throw error;
    }
  }

  private async storeClean(row: UploadRow, dir: string): Promise<Decided> {
    const { maxUploadBytes, maxPixels, maxDurationSeconds, mediaTimeoutMs } = this.options;
    const source = join(dir, 'source');
    const clean = join(dir, 'clean');
    const tooLarge = (): UnusableMedia =>
      new UnusableMedia('too_large', `The file is larger than ${maxUploadBytes} bytes.`);
    const { body } = await this.store.get(row.stagingKey ?? '');
    await saveToFile(body, source, { maxBytes: maxUploadBytes, tooLarge });
    const limits = { maxBytes: maxUploadBytes, maxPixels, maxDurationSeconds, timeoutMs: mediaTimeoutMs };
    const facts: MediaFacts = await this.media.sanitise(source, clean, limits);
    const { contentType, kind, width, height, durationSeconds } = facts;
    const { size: bytes } = await stat(clean);
    const sha256 = await hashFile(clean);
    // A key of this try's own: two workers on one upload never write the same object, and the row names the winner's.
    const objectKey = `uploads/${row.id}/${randomBytes(8).toString('hex')}.${extensionOf(contentType)}`;
    await this.store.put(objectKey, createReadStream(clean), { contentType });
    return { objectKey, contentType, bytes, sha256, kind, width, height, durationSeconds };
  }

  private async finish(claim: UploadClaim, facts: Decided): Promise<void> {
    const { id, stagingKey } = claim.row;
    if (await this.repository.markReady(claim, facts)) {
      if (stagingKey !== null) await this.store.delete([stagingKey]);
      this.signals.decided(id);
    } else {
      await this.store.delete([facts.objectKey]);
    }
  }
}
