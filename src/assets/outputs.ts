import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { conflict, KilnError } from '../common/errors.js';
import { newId } from '../common/ids.js';
import { delay } from '../common/time.js';
import type { Tx } from '../database/database.js';
import { EgressError } from '../egress/egress.js';
import type { Media } from '../media/media.js';
import { type Artifact, type ArtifactStream, type MediaKind, ProviderError } from '../providers/contract.js';
import { ObjectNotFound, type ObjectStore } from '../storage/object-store.js';
import { ArtifactError } from './artifact-error.js';
import { ArtifactReader } from './artifact-reader.js';
import type { AssetsOptions } from './assets-options.js';
import { deletePrefix } from './delete-prefix.js';
import type { Links } from './links.js';
import { extensionOf } from './media-types.js';
import { type Derivable, type DerivedOutput, OutputDerivation } from './output-derivation.js';
import { deferredLinks, outputView, type OutputView, signedLinks } from './output-view.js';
import type { OutputRow, OutputsRepository } from './outputs.repository.js';
import { withTempFolder } from './temp-folder.js';

export type { DerivedOutput } from './output-derivation.js';
export type { OutputView } from './output-view.js';
export type { OutputRow } from './outputs.repository.js';

export interface StoredArtifact {
  n: number;
  type: MediaKind;
  name: string | null;
  objectKey: string;
  contentType: string;
  bytes: number;
  sha256: string;
}

export interface StoreArtifact {
  jobId: string;
  keyId: string;
  run: number;
  n: number;
  /** Part of the key: a worker that lost its claim writes beside the winner, never over it. */
  claimToken: string;
  artifact: Pick<Artifact, 'type' | 'name'>;
  open: (offset: number) => Promise<ArtifactStream>;
  signal: AbortSignal;
  onBytes?: (bytes: number) => void | Promise<void>;
}

/** Enough of a file's beginning to tell its type. */
const SNIFF_BYTES = 64 * 1024;
/** Between tries to keep an answer's bytes, doubling. */
const KEEP_AGAIN_MS = 200;
const MAX_KEEP_AGAIN_MS = 5000;

/** What jobs have made: stored from the provider, looked at, listed, deleted. */
export class Outputs {
  private readonly derivation: OutputDerivation;

  constructor(
    private readonly repository: OutputsRepository,
    private readonly objects: ObjectStore,
    private readonly media: Media,
    private readonly links: Links,
    private readonly options: AssetsOptions,
  ) {
    this.derivation = new OutputDerivation(objects, media, options);
  }

  /**
   * Streams one artifact into the object store in constant memory: hashed, capped, its type taken from its first bytes, gone on
   * with by Range after a cut. Throws ArtifactError; errors of the object store and ProviderErrors pass as they are.
   */
  async store(a: StoreArtifact): Promise<StoredArtifact> {
    const { maxOutputBytes: maxBytes } = this.options;
    const reader = new ArtifactReader({ ...a, maxBytes });
    const chunks = reader.read();
    try {
      const head = await readHead(chunks);
      const contentType = await this.contentTypeOf(head, a.artifact);
      const objectKey = `outputs/${a.jobId}/${a.run}/${a.claimToken}/${a.n}.${extensionOf(contentType)}`;
      const body = Readable.from(whole(head, chunks), { objectMode: false });
      await this.objects.put(objectKey, body, { contentType, signal: a.signal });
      const { type, name } = a.artifact;
      return { n: a.n, type, name: name ?? null, objectKey, contentType, bytes: reader.bytes, sha256: reader.digest() };
    } catch (error) {
      a.signal.throwIfAborted();
      throw asArtifactError(error);
    } finally {
      await chunks.return(undefined).catch(() => undefined);
    }
  }

  /**
   * Bytes that came with a provider's answer, until `store` has looked at them. They exist nowhere else, so they are on disk
   * before the object store is asked, and it is asked until `signal` aborts. Throws what `body` throws, and what the object
   * store threw last.
   */
  async keep(
    at: Pick<StoreArtifact, 'jobId' | 'run' | 'claimToken'>,
    body: Readable | Uint8Array,
    signal: AbortSignal,
    onTrouble: () => Promise<unknown>,
  ): Promise<string> {
    const key = `${keptPrefix(at)}${randomUUID()}`;
    // It may break off before anything reads it: then the reader is told, and the process must not end of it.
    if (body instanceof Readable) body.on('error', () => undefined);
    return withTempFolder(this.options.tempDir, async (dir) => {
      const file = join(dir, 'kept');
      await writeFile(file, body, { signal });
      for (let waitMs = KEEP_AGAIN_MS; ; waitMs = Math.min(waitMs * 2, MAX_KEEP_AGAIN_MS)) {
        try {
          await this.objects.put(key, createReadStream(file), { contentType: 'application/octet-stream', signal });
          return key;
        } catch (error) {
          if (signal.aborted) throw error;
          await onTrouble();
          await delay(waitMs, signal).catch(() => {
            throw error;
          });
        }
      }
    });
  }

  /** Kept bytes, as an adapter would open them. Throws ArtifactError `gone`. */
  async openKept(key: string, offset: number): Promise<ArtifactStream> {
    try {
      const { body, totalBytes } = await this.objects.get(key, offset > 0 ? { start: offset } : undefined);
      return { body, contentType: null, totalBytes, offset };
    } catch (error) {
      if (error instanceof ObjectNotFound) throw new ArtifactError('gone', error.message, { cause: error });
      throw error;
    }
  }

  async dropKept(keys: readonly string[]): Promise<void> {
    if (keys.length > 0) await this.objects.delete(keys);
  }

  /** What one submit had kept, when nothing names it. */
  async discardKept(at: Pick<StoreArtifact, 'jobId' | 'run' | 'claimToken'>): Promise<void> {
    await deletePrefix(this.objects, keptPrefix(at));
  }

  /** See OutputDerivation: `a` is what `stored` gave, with this claim's token. */
  async derive(a: Derivable, signal: AbortSignal): Promise<DerivedOutput> {
    return this.derivation.derive(a, signal);
  }

  /** The rows of what a run has stored; again is no error. */
  async record(
    tx: Tx,
    job: { jobId: string; keyId: string; run: number; retentionSeconds: number },
    artifacts: readonly StoredArtifact[],
  ): Promise<void> {
    await this.repository.insert(
      tx,
      artifacts.map((artifact) => ({ id: newId('out'), ...job, ...artifact })),
    );
  }

  /** What `record` wrote for one run, in order. */
  async stored(jobId: string, run: number): Promise<StoredArtifact[]> {
    const rows = await this.repository.ofRun(jobId, run);
    return rows.map(({ n, type, name, objectKey, contentType, bytes, sha256 }) => ({
      n,
      name,
      objectKey,
      contentType,
      sha256,
      type: type as MediaKind,
      bytes: Number(bytes),
    }));
  }

  async saveDerived(tx: Tx, jobId: string, run: number, derived: readonly DerivedOutput[]): Promise<void> {
    for (const one of derived) await this.repository.saveFacts(tx, { jobId, run, n: one.n }, one);
  }

  /** After the rows were saved: deletes what they no longer name. What a crash leaves goes when the output expires. */
  async dropReplaced(derived: readonly DerivedOutput[]): Promise<void> {
    await this.objects.delete(derived.flatMap(({ replacedKey }) => (replacedKey === null ? [] : [replacedKey])));
  }

  /** Outputs of each job's newest run that has some; `tx` to see what an open transaction wrote. */
  async forJobs(jobIds: readonly string[], tx?: Tx): Promise<Map<string, OutputRow[]>> {
    const byJob = new Map<string, OutputRow[]>();
    for (const row of await this.repository.forJobs(jobIds, tx)) {
      const known = byJob.get(row.jobId);
      if (known !== undefined && known[0]?.run === row.run) known.push(row);
      else byJob.set(row.jobId, [row]);
    }
    return byJob;
  }

  /** Null for another key's. */
  async get(keyId: string, jobId: string, n: number): Promise<OutputRow | null> {
    return this.repository.find(keyId, jobId, n);
  }

  /** Its bytes. Throws 410 when they are gone. */
  async read({ objectKey }: Pick<OutputRow, 'objectKey'>): Promise<Readable> {
    try {
      return (await this.objects.get(objectKey)).body;
    } catch (error) {
      if (error instanceof ObjectNotFound) throw new KilnError(410, 'output_expired', 'The output has been deleted.');
      throw error;
    }
  }

  /** The item of `outputs[]`, with links that work for an hour. */
  view(row: OutputRow, now: Date): OutputView {
    return outputView(row, now, signedLinks(row, this.links, now));
  }

  /** The same for a webhook body: its links are signed at each delivery. */
  viewForWebhook(row: OutputRow): OutputView {
    return outputView(row, new Date(), deferredLinks(row));
  }

  /** Throws 409 while another job reads an output of this one. The rows stay locked until `tx` ends, so no pin slips in. */
  async assertUnpinned(tx: Tx, jobId: string): Promise<void> {
    if (!(await this.repository.lockAndFindPin(tx, jobId))) return;
    throw conflict('Another job that has not finished reads an output of this one.', 'output_in_use');
  }

  /** Deletes what one claim stored for a run, when no row will name it. */
  async discard({ jobId, run, claimToken }: Pick<StoreArtifact, 'jobId' | 'run' | 'claimToken'>): Promise<void> {
    await deletePrefix(this.objects, `outputs/${jobId}/${run}/${claimToken}/`);
  }

  /** Tombstone, objects by prefix, rows: may be repeated after a crash, and once more later for what late writers left. */
  async removeForJob(jobId: string): Promise<void> {
    await this.repository.tombstone(jobId);
    await deletePrefix(this.objects, `outputs/${jobId}/`);
    await this.repository.deleteRows(jobId);
  }

  /** Deletes the objects of expired outputs; the rows go on saying `expired`. How many. */
  async sweep(limit: number): Promise<number> {
    const rows = await this.repository.expire(limit);
    for (const { jobId, run, n } of rows) {
      // By prefix: what losing claims and faststart left behind goes too.
      const own = new RegExp(`/(${n}[-.][^/]*|kept/[^/]*)$`);
      await deletePrefix(this.objects, `outputs/${jobId}/${run}/`, (key) => own.test(key));
    }
    return rows.length;
  }

  private async contentTypeOf(head: Buffer, artifact: Pick<Artifact, 'type'>): Promise<string> {
    const found = await withTempFolder(this.options.tempDir, async (dir) => {
      const path = join(dir, 'head');
      await writeFile(path, head.subarray(0, SNIFF_BYTES), { mode: 0o600 });
      return this.media.sniff(path);
    });
    // The same container may hold sound or pictures, so these two are told apart by the probe, not here.
    const isPicture = found?.kind === 'image';
    if (found === null || isPicture !== (artifact.type === 'image')) {
      throw new ArtifactError(
        'not_media',
        `the artifact is ${found?.contentType ?? 'of no known type'}, not ${artifact.type}`,
      );
    }
    return found.contentType;
  }
}

const keptPrefix = ({ jobId, run, claimToken }: Pick<StoreArtifact, 'jobId' | 'run' | 'claimToken'>): string =>
  `outputs/${jobId}/${run}/${claimToken}/kept/`;

async function readHead(chunks: AsyncGenerator<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (let bytes = 0; bytes < SNIFF_BYTES;) {
    const { value, done } = await chunks.next();
    if (done) break;
    parts.push(value);
    bytes += value.length;
  }
  return Buffer.concat(parts);
}

async function* whole(head: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  yield head;
  yield* rest;
}

const isBlocked = (error: unknown): boolean => error instanceof EgressError && error.reason === 'blocked';

function asArtifactError(error: unknown): unknown {
  // A store wraps what its source threw.
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    if (at instanceof ArtifactError) return at;
    if (at instanceof ProviderError) {
      if (at.kind === 'not_found') return new ArtifactError('expired', at.message, { cause: at });
      return isBlocked(at.cause) ? new ArtifactError('blocked', at.message, { cause: at }) : at;
    }
  }
  if (error instanceof ObjectNotFound) return new ArtifactError('retry', error.message, { cause: error });
  return error;
}
