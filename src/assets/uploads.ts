import { createHash } from 'node:crypto';
import { type Readable, Transform } from 'node:stream';
import { conflict, invalidRequest, KilnError, notFound } from '../common/errors.js';
import { newId } from '../common/ids.js';
import { assertCursor, type Page } from '../common/page.js';
import { DAY_MS, MINUTE_MS } from '../common/time.js';
import type { AuthKey } from '../keys/auth-key.js';
import type { Enqueue } from '../queue/enqueue.js';
import type { ObjectStore, PresignedPut } from '../storage/object-store.js';
import type { AssetsOptions } from './assets-options.js';
import { cappedStream } from './byte-streams.js';
import { deletePrefix } from './delete-prefix.js';
import { cleanFilename } from './filename.js';
import type { Links } from './links.js';
import type { UploadDecision } from './upload-decision.js';
import type { UploadSignals } from './upload-signals.js';
import type { UploadRow, UploadsRepository, UploadSource } from './uploads.repository.js';

/** A presigned PUT may begin within this time. */
export const PRESIGN_TTL_MS = 15 * MINUTE_MS;
const STAGING_TTL_SECONDS = DAY_MS / 1000;
/** Between looks at the row while waiting for a decision that another process makes. */
const LOOK_EVERY_MS = 250;

export type UploadOwner = Pick<AuthKey, 'id'>;

/** Reference media that clients send: staged by the API, decided in the worker, read only from keys that never change. */
export class Uploads {
  constructor(
    private readonly repository: UploadsRepository,
    private readonly store: ObjectStore,
    private readonly queue: Pick<Enqueue, 'enqueue'>,
    private readonly decision: UploadDecision,
    private readonly signals: UploadSignals,
    private readonly links: Links,
    private readonly options: AssetsOptions,
  ) {}

  /** Streams the bytes to staging and asks for the decision. Throws 413 above the limit, 400 when empty; nothing is left then. */
  async create(
    key: UploadOwner,
    stream: Readable,
    about: { filename: string | null; source: UploadSource },
  ): Promise<UploadRow> {
    const id = newId('upload');
    const stagingKey = `staging/${id}`;
    const { maxUploadBytes } = this.options;
    const capped = cappedStream(maxUploadBytes, () => tooLarge(maxUploadBytes));
    const hash = createHash('sha256');
    const hashing = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        hash.update(chunk);
        done(null, chunk);
      },
    });
    stream.on('error', (error) => capped.destroy(error));
    capped.on('error', (error) => hashing.destroy(error));
    try {
      const body = stream.pipe(capped).pipe(hashing);
      const { bytes } = await this.store.put(stagingKey, body, { contentType: 'application/octet-stream' });
      if (bytes === 0) throw invalidRequest("'file' is empty; send at least one byte.", 'file');
      await this.repository.insert({
        id,
        keyId: key.id,
        status: 'pending',
        source: about.source,
        filename: cleanFilename(about.filename),
        stagingKey,
        bytes,
        sha256: hash.digest('hex'),
        declared: {},
        ttlSeconds: this.options.uploadRetentionSeconds,
      });
    } catch (error) {
      await this.store.delete([stagingKey]).catch(() => undefined);
      if (capped.errored instanceof KilnError) throw capped.errored;
      throw capped.errored ? invalidRequest("'file' broke off before its end.", 'file') : error;
    }
    await this.ring(id);
    return this.existing(key.id, id);
  }

  /** A place to PUT exactly this many bytes of this type, once, within 15 minutes. */
  async presign(
    key: UploadOwner,
    want: { contentType: string; bytes: number; filename: string | null },
  ): Promise<{ row: UploadRow; put: PresignedPut; expiresAt: Date }> {
    if (want.bytes > this.options.maxUploadBytes) throw tooLarge(this.options.maxUploadBytes, 'bytes');
    const id = newId('upload');
    const stagingKey = `staging/${id}`;
    const { contentType, bytes } = want;
    const expiresAt = new Date(Date.now() + PRESIGN_TTL_MS);
    const put = (await this.store.presignPut(stagingKey, {
      expiresSeconds: PRESIGN_TTL_MS / 1000,
      contentType,
      bytes,
    })) ?? {
      method: 'PUT',
      url: this.links.signPut({
        uploadId: id,
        keyId: key.id,
        bytes,
        contentType,
        expires: Math.floor(expiresAt.getTime() / 1000),
      }),
      headers: { 'content-type': contentType, 'if-none-match': '*' },
    };
    await this.repository.insert({
      id,
      keyId: key.id,
      status: 'awaiting',
      source: 'presigned',
      filename: cleanFilename(want.filename),
      stagingKey,
      bytes: null,
      declared: { content_type: contentType, bytes },
      ttlSeconds: STAGING_TTL_SECONDS,
    });
    return { row: await this.existing(key.id, id), put, expiresAt };
  }

  /** Says that the PUT is done. 409 when nothing has arrived; saying it again is no error. */
  async complete(key: UploadOwner, id: string): Promise<UploadRow> {
    const row = await this.existing(key.id, id);
    if (row.status !== 'awaiting' || row.source !== 'presigned') return row;
    const head = await this.store.head(row.stagingKey ?? '');
    if (head === null) {
      throw conflict(`Nothing was PUT to upload '${id}' yet; send the bytes to its link first.`, 'upload_incomplete');
    }
    if (await this.repository.arrived(id, head.bytes, this.options.uploadRetentionSeconds)) await this.ring(id);
    return this.existing(key.id, id);
  }

  /** Throws 404 for another key's. */
  async get(key: UploadOwner, id: string): Promise<UploadRow> {
    return this.existing(key.id, id);
  }

  async list(key: UploadOwner, page: Page): Promise<UploadRow[]> {
    await assertCursor(page, 'upload', async (id) => (await this.repository.find(key.id, id)) !== null);
    return this.repository.list(key.id, page);
  }

  /** 409 while a live job reads it. */
  async remove(key: UploadOwner, id: string): Promise<void> {
    const row = await this.repository.tombstone(key.id, id);
    if (row === null) throw notFound('upload', id);
    if (row === 'pinned') throw conflict(`Upload '${id}' is used by a job that has not finished.`, 'upload_in_use');
    await this.erase(row);
  }

  /** In the worker; see UploadDecision. Null when the upload is gone. */
  async decide(uploadId: string): Promise<UploadRow | null> {
    return this.decision.decide(uploadId);
  }

  /** The row once it is decided, or as it is after `ms`. */
  async waitDecided(key: UploadOwner, id: string, ms: number, signal?: AbortSignal): Promise<UploadRow> {
    const until = Date.now() + ms;
    for (;;) {
      // Listening begins before the look, so that a decision between the two is not missed.
      const told = this.signals.wait(id, Math.max(0, Math.min(LOOK_EVERY_MS, until - Date.now())), signal);
      told.catch(() => undefined);
      const row = await this.existing(key.id, id);
      if (row.status === 'ready' || row.status === 'rejected' || Date.now() >= until) return row;
      await told;
    }
  }

  /** Asks again for decisions whose message was lost; how many. */
  async rering(limit: number): Promise<number> {
    const ids = await this.overdue(limit);
    for (const id of ids) await this.ring(id);
    return ids.length;
  }

  async overdue(limit: number): Promise<string[]> {
    return this.repository.overdue(limit);
  }

  /** Deletes unused ones past their time and what interrupted deletes left; how many. */
  async sweep(limit: number): Promise<number> {
    const rows = await this.repository.removable(limit);
    for (const row of rows) await this.erase(row);
    return rows.length;
  }

  /** Deletes staged bytes that no request finished with: a crash between them and their row leaves them. How many. */
  async sweepStaging(now = new Date()): Promise<number> {
    const old: string[] = [];
    for await (const { key, modifiedAt } of this.store.list('staging/')) {
      if (now.getTime() - modifiedAt.getTime() > DAY_MS) old.push(key);
    }
    await this.store.delete(old);
    return old.length;
  }

  /** Objects first, row last: a crash between leaves a row that the sweep finds. By prefix, for a dead worker's try is there too. */
  private async erase(row: UploadRow): Promise<void> {
    await deletePrefix(this.store, `uploads/${row.id}/`);
    if (row.stagingKey !== null) await this.store.delete([row.stagingKey]);
    await this.repository.deleteRow(row.id);
  }

  /** A new message each time, for the queue ignores an id that it holds. A lost one is found by `rering`. */
  private async ring(uploadId: string): Promise<void> {
    const n = Date.now();
    await this.queue.enqueue('media', `${uploadId}-${n}`, { uploadId, n });
  }

  private async existing(keyId: string, id: string): Promise<UploadRow> {
    const row = await this.repository.find(keyId, id);
    if (row === null) throw notFound('upload', id);
    return row;
  }
}

export const tooLarge = (maxBytes: number, param = 'file'): KilnError =>
  new KilnError(413, 'payload_too_large', `'${param}' is larger than ${maxBytes} bytes.`, {
    param,
    headers: { connection: 'close' },
  });
