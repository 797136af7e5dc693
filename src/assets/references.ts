import { Readable } from 'node:stream';
import { invalidRequest, KilnError, notFound, unusable } from '../common/errors.js';
import { HOUR_MS } from '../common/time.js';
import type { Sql, Tx } from '../database/database.js';
import { type Egress, EgressError } from '../egress/egress.js';
import type { MediaKind, ReferenceRole, ResolvedReference } from '../providers/contract.js';
import type { ObjectStore } from '../storage/object-store.js';
import { isExpiredAt } from './expiry.js';
import type { Links } from './links.js';
import { kindOfRole } from './media-types.js';
import type { OutputRow, OutputsRepository } from './outputs.repository.js';
import type { ReferenceFetch } from './reference-fetch.js';
import type { Preparation, PreparedReference, ReferenceInput, StoredReference } from './reference-types.js';
import type { ReferencesRepository } from './references.repository.js';
import type { Uploads } from './uploads.js';
import { errorOf } from './upload-view.js';
import type { UploadRow } from './uploads.repository.js';

export type { Preparation, PreparedReference, ReferenceInput, StoredReference } from './reference-types.js';

/** Links that providers fetch references by. */
const PROVIDER_LINK_TTL_MS = 6 * HOUR_MS;
const PENDING_RETRY_MS = 1000;
const DECISION_WAIT_MS = 1000;

/** Media that jobs read: accepted by the API, made safe in the worker, pinned while a job lives. */
export class References {
  constructor(
    private readonly repository: ReferencesRepository,
    private readonly uploads: Uploads,
    private readonly outputs: OutputsRepository,
    private readonly fetch: ReferenceFetch,
    private readonly sources: ReferenceSources,
  ) {}

  /**
   * API side, decodes nothing. Throws 404 for what is not the key's, 422 for what is known to be unusable or of the wrong
   * kind, 400 for a URL that would be refused, 413 for a data URI above the limit.
   */
  async accept(keyId: string, refs: readonly ReferenceInput[]): Promise<StoredReference[]> {
    const accepted: StoredReference[] = [];
    try {
      // In order, so that the first wrong field is the one named.
      for (const ref of refs) accepted.push(await this.acceptOne(keyId, ref));
      return accepted;
    } catch (error) {
      await this.discard(keyId, refs, accepted);
      throw error;
    }
  }

  /** Before a replay. Throws 422 where an upload or output is gone, expired or rejected. */
  async assertUsable(keyId: string, refs: readonly StoredReference[]): Promise<void> {
    for (const { param, role, source } of refs) {
      if (source.kind === 'upload') {
        const row = await this.uploads.get({ id: keyId }, source.id).catch(nullWhenMissing);
        if (row === null) throw unusable(`'${param}': upload '${source.id}' was deleted.`, param);
        assertUploadUsable(row, role, param);
      } else if (source.kind === 'output') {
        const row = await this.outputs.findAny(source.outputId);
        if (row === null) throw unusable(`'${param}': the output was deleted.`, param);
        assertOutputUsable(row, role, param);
      }
    }
  }

  /** CTEs named `pinned_uploads`, `pinned_outputs`, `pins`; null where there is nothing to pin. */
  pinCtes(jobId: string, refs: readonly StoredReference[], from: Sql): Sql | null {
    return this.repository.pinCtes(jobId, assetIdsOf(refs), from);
  }

  /** Throws 422 where one was deleted meanwhile. */
  async pin(tx: Tx, jobId: string, refs: readonly StoredReference[]): Promise<void> {
    const ids = assetIdsOf(refs);
    const pinned = await this.repository.pin(tx, jobId, ids);
    if (pinned < ids.length) throw unusable('A referenced upload or output was deleted.', refs[0]?.param ?? 'input');
  }

  async unpin(tx: Tx, jobId: string): Promise<void> {
    await this.repository.unpin(tx, jobId);
  }

  /** Worker side: fetches URLs and decides uploads. Trouble on the way is `pending`; throws where our own servers fail. */
  async prepare(
    keyId: string,
    jobId: string,
    refs: readonly StoredReference[],
    signal: AbortSignal,
  ): Promise<Preparation> {
    const prepared: PreparedReference[] = [];
    let pending = false;
    for (const ref of refs) {
      signal.throwIfAborted();
      try {
        const one = await this.prepareOne(keyId, jobId, ref, signal);
        if (one === null) pending = true;
        else prepared.push(one);
      } catch (error) {
        if (!(error instanceof Unprepared)) throw error;
        return { state: 'unusable', param: ref.param, code: error.code, message: error.message };
      }
    }
    return pending ? { state: 'pending', retryAfterMs: PENDING_RETRY_MS } : { state: 'ready', references: prepared };
  }

  /** What adapters take. */
  resolve(prepared: readonly PreparedReference[]): ResolvedReference[] {
    return prepared.map((reference) => this.sources.resolve(reference));
  }

  /** Of a request that is refused: what its data URIs had become. */
  private async discard(
    keyId: string,
    refs: readonly ReferenceInput[],
    accepted: readonly StoredReference[],
  ): Promise<void> {
    for (const [at, { source }] of accepted.entries()) {
      if (refs[at]?.source.kind !== 'data' || source.kind !== 'upload') continue;
      // What stays is unused, and the sweep takes it.
      await this.uploads.remove({ id: keyId }, source.id).catch(() => undefined);
    }
  }

  private async acceptOne(keyId: string, { role, index, param, source }: ReferenceInput): Promise<StoredReference> {
    const ref = { role, index, param };
    switch (source.kind) {
      case 'url':
        await this.sources.assertFetchable(source.url, param);
        return { ...ref, source };
      case 'upload':
        assertUploadUsable(await this.owned(keyId, source.id, param), role, param);
        return { ...ref, source };
      case 'output': {
        const row = await this.outputs.find(keyId, source.jobId, source.output);
        if (row === null) throw renamed(notFound(`output ${source.output} of job`, source.jobId), param);
        assertOutputUsable(row, role, param);
        return { ...ref, source: { ...source, outputId: row.id } };
      }
      case 'data': {
        const bytes = Buffer.from(source.base64, 'base64');
        const body = Readable.from([bytes], { objectMode: false });
        const row = await this.uploads
          .create({ id: keyId }, body, { filename: null, source: 'data' })
          .catch((error: unknown) => {
            throw error instanceof KilnError && error.status < 500 ? renamed(error, param) : error;
          });
        return {
          ...ref,
          source: { kind: 'upload', id: row.id },
          ...(row.sha256 === null ? {} : { fingerprint: row.sha256 }),
        };
      }
    }
  }

  private async owned(keyId: string, uploadId: string, param: string): Promise<UploadRow> {
    return this.uploads.get({ id: keyId }, uploadId).catch((error: unknown) => {
      throw error instanceof KilnError ? renamed(error, param) : error;
    });
  }

  private async prepareOne(
    keyId: string,
    jobId: string,
    ref: StoredReference,
    signal: AbortSignal,
  ): Promise<PreparedReference | null> {
    const { role, index, param, source, fingerprint } = ref;
    const stored: StoredReference = {
      role,
      index,
      param,
      source,
      ...(fingerprint === undefined ? {} : { fingerprint }),
    };
    if (source.kind === 'output') {
      const row = await this.outputs.findAny(source.outputId);
      if (row === null || isExpiredAt(row, new Date()))
        throw new Unprepared('media_expired', 'The referenced output is gone.');
      return { ...stored, ...fromOutput(row) };
    }
    const row =
      source.kind === 'url'
        ? await this.fetch.fetch(keyId, jobId, param, source.url, signal)
        : await this.uploads.get({ id: keyId }, source.id).catch(nullWhenMissing);
    if (row === null) throw new Unprepared('media_expired', 'The referenced upload is gone.');
    const decided = row.status === 'pending' ? await this.decide(keyId, row.id, signal) : row;
    if (decided === null) throw new Unprepared('media_expired', 'The referenced upload is gone.');
    if (decided.status === 'rejected') {
      const { code, message } = errorOf(decided) ?? { code: 'unusable_media', message: 'The media can not be used.' };
      throw new Unprepared(code, message);
    }
    const facts = fromUpload(decided);
    if (facts === null) return null;
    if (facts.kind !== kindOfRole(role)) {
      throw new Unprepared('wrong_kind', `It must be ${article(kindOfRole(role))}, not ${article(facts.kind)}.`);
    }
    return { ...stored, ...facts };
  }

  /** The upload's own message may be at work on it in this moment: then a short wait spares the job a round of the queue. */
  private async decide(keyId: string, id: string, signal: AbortSignal): Promise<UploadRow | null> {
    const row = await this.uploads.decide(id);
    return row?.status === 'pending' ? this.uploads.waitDecided({ id: keyId }, id, DECISION_WAIT_MS, signal) : row;
  }
}

/** Where references come from and how their bytes are read. */
export class ReferenceSources {
  constructor(
    private readonly store: ObjectStore,
    private readonly egress: Pick<Egress, 'assertForeign'>,
    private readonly links: Links,
  ) {}

  async assertFetchable(url: string, param: string): Promise<void> {
    try {
      await this.egress.assertForeign(url);
    } catch (error) {
      // A name that can't be looked up just now may be known when the worker fetches it.
      if (!(error instanceof EgressError) || error.reason !== 'blocked') return;
      throw invalidRequest(`'${param}' may not be fetched: ${error.message}. Public https URLs are allowed.`, param);
    }
  }

  resolve(reference: PreparedReference): ResolvedReference {
    const { role, index, kind, contentType, bytes, width, height, durationSeconds, filename, objectKey } = reference;
    const open = async (): Promise<Readable> => (await this.store.get(objectKey)).body;
    return {
      role,
      index,
      kind,
      contentType,
      bytes,
      width,
      height,
      durationSeconds,
      filename,
      open,
      read: async (maxBytes) => {
        if (bytes > maxBytes) throw new Error(`the reference has ${bytes} bytes, more than ${maxBytes}`);
        const chunks: Buffer[] = [];
        for await (const chunk of await open()) chunks.push(chunk as Buffer);
        return Buffer.concat(chunks);
      },
      url: async () =>
        this.links.sign({
          assetId: reference.assetId,
          keyId: reference.keyId,
          variant: 'content',
          expiresAt: new Date(Date.now() + PROVIDER_LINK_TTL_MS),
        }),
    };
  }
}

class Unprepared extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

const assetIdsOf = (refs: readonly StoredReference[]): string[] => [
  ...new Set(
    refs.flatMap(({ source }) =>
      source.kind === 'upload' ? [source.id] : source.kind === 'output' ? [source.outputId] : [],
    ),
  ),
];

const nullWhenMissing = (error: unknown): null => {
  if (error instanceof KilnError && error.status === 404) return null;
  throw error;
};

const renamed = (error: KilnError, param: string): KilnError =>
  new KilnError(error.status, error.type, error.message.replaceAll("'file'", `'${param}'`), { ...error.detail, param });

const article = (kind: string): string => (kind === 'video' ? 'a video' : kind === 'image' ? 'an image' : 'audio');

function assertKind(kind: string | null, role: ReferenceRole, param: string): void {
  const wanted = kindOfRole(role);
  if (kind !== null && kind !== wanted) {
    throw unusable(`'${param}' must be ${article(wanted)}, not ${article(kind)}.`, param);
  }
}

function assertUploadUsable(row: UploadRow, role: ReferenceRole, param: string): void {
  if (row.status === 'rejected') {
    throw unusable(
      `'${param}': upload '${row.id}' was rejected: ${errorOf(row)?.message ?? 'it can not be used'}`,
      param,
    );
  }
  if (row.status === 'awaiting') {
    throw unusable(`'${param}': upload '${row.id}' has no content yet; complete it first.`, param);
  }
  if (isExpiredAt(row, new Date())) throw unusable(`'${param}': upload '${row.id}' has expired.`, param);
  assertKind(row.kind, role, param);
}

function assertOutputUsable(row: OutputRow, role: ReferenceRole, param: string): void {
  if (isExpiredAt(row, new Date())) throw unusable(`'${param}': the output has expired.`, param);
  assertKind(row.type, role, param);
}

type AssetFacts = Omit<PreparedReference, keyof StoredReference>;

function fromUpload(row: UploadRow): AssetFacts | null {
  const { objectKey, contentType, kind, bytes, width, height, durationSeconds } = row;
  if (row.status !== 'ready' || objectKey === null || contentType === null || kind === null) return null;
  return {
    assetId: row.id,
    keyId: row.keyId,
    objectKey,
    contentType,
    width,
    height,
    durationSeconds,
    kind: kind as MediaKind,
    bytes: Number(bytes),
    filename: nameOf(objectKey),
  };
}

const fromOutput = (row: OutputRow): AssetFacts => ({
  assetId: row.id,
  keyId: row.keyId,
  objectKey: row.objectKey,
  contentType: row.contentType,
  width: row.width,
  height: row.height,
  durationSeconds: row.durationSeconds,
  kind: row.type as MediaKind,
  bytes: Number(row.bytes),
  filename: nameOf(row.objectKey),
});

/** Our own name: a client's filename never reaches a provider. */
const nameOf = (objectKey: string): string => objectKey.split('/').slice(-1).join('');
