import { newId } from '../common/ids.js';
import type { Database } from '../database/database.js';
import { type Egress, EgressError, type EgressReason } from '../egress/egress.js';
import { UnusableMedia } from '../media/media.js';
import type { ObjectStore } from '../storage/object-store.js';
import type { AssetsOptions } from './assets-options.js';
import { cappedStream } from './byte-streams.js';
import { cleanFilename } from './filename.js';
import type { ReferencesRepository } from './references.repository.js';
import type { UploadDecision } from './upload-decision.js';
import type { Rejection, UploadClaim, UploadRow, UploadsRepository } from './uploads.repository.js';

const MAX_TRIES = 5;
const RETRY_FACTOR = 3;
/** Above the total time of a fetch. */
const LEASE_SECONDS = 300;

/**
 * Fetches the URLs of a job's references, once each: the first look makes an upload pinned to the job, later ones find it,
 * whichever worker they run in.
 */
export class ReferenceFetch {
  constructor(
    private readonly db: Database,
    private readonly references: ReferencesRepository,
    private readonly uploads: UploadsRepository,
    private readonly store: ObjectStore,
    private readonly egress: Egress,
    private readonly decision: UploadDecision,
    private readonly options: AssetsOptions,
  ) {}

  /** The upload as far as it has come: `awaiting` while the URL could not be read yet. */
  async fetch(
    keyId: string,
    jobId: string,
    param: string,
    url: string,
    signal: AbortSignal,
  ): Promise<UploadRow | null> {
    const known = (await this.references.uploadOfUrl(jobId, param)) ?? (await this.begin(keyId, jobId, param, url));
    if (known.status !== 'awaiting') return known;
    const claim = await this.uploads.claim(known.id, 'awaiting', LEASE_SECONDS);
    if (claim !== null) await this.fetchClaimed(claim, url, signal);
    return this.uploads.findAny(known.id);
  }

  private async begin(keyId: string, jobId: string, param: string, url: string): Promise<UploadRow> {
    const id = newId('upload');
    await this.db.transaction(async (tx) => {
      await this.uploads.insert(
        {
          id,
          keyId,
          status: 'awaiting',
          source: 'url',
          filename: cleanFilename(URL.parse(url)?.pathname ?? ''),
          stagingKey: `staging/${id}`,
          bytes: null,
          declared: { param },
          ttlSeconds: this.options.uploadRetentionSeconds,
        },
        tx,
      );
      await this.references.pin(tx, jobId, [id]);
    });
    const row = await this.uploads.findAny(id);
    if (row === null) throw new Error(`upload ${id} is gone at once`);
    return row;
  }

  private async fetchClaimed(claim: UploadClaim, url: string, signal: AbortSignal): Promise<void> {
    const stagingKey = claim.row.stagingKey ?? '';
    try {
      const refusal = await this.download(stagingKey, url, signal);
      if (refusal !== null) return await this.decision.reject(claim, refusal);
      const { bytes } = (await this.store.head(stagingKey)) ?? { bytes: 0 };
      await this.uploads.arrived(claim.row.id, bytes, this.options.uploadRetentionSeconds);
    } catch (error) {
      const isPeerTrouble = error instanceof EgressError;
      if (isPeerTrouble && claim.row.claims >= MAX_TRIES) {
        return this.decision.reject(claim, {
          code: 'url_unreachable',
          message: `The URL could not be read: ${wordsFor(error)}.`,
        });
      }
      // Trouble of ours, or a stop of this process, says nothing about the URL.
      await this.uploads.giveBack(claim, this.pauseSeconds(claim), isPeerTrouble && error.reason !== 'aborted');
      if (!isPeerTrouble) throw error;
    }
  }

  private pauseSeconds({ row }: UploadClaim): number {
    return (this.options.urlFetch.firstRetryMs / 1000) * RETRY_FACTOR ** (row.claims - 1);
  }

  /** Null when the bytes are in staging, else why they never will be. Throws what may pass. */
  private async download(stagingKey: string, url: string, stop: AbortSignal): Promise<Rejection | null> {
    const { maxUploadBytes, urlFetch } = this.options;
    // A host that sends a byte now and then would hold the worker for ever.
    const late = AbortSignal.timeout(urlFetch.totalTimeoutMs);
    const signal = AbortSignal.any([stop, late]);
    const tooLarge: Rejection = { code: 'too_large', message: `The file is larger than ${maxUploadBytes} bytes.` };
    try {
      const response = await this.egress.foreign(url, {
        timeoutMs: urlFetch.headersTimeoutMs,
        maxBytes: maxUploadBytes,
        signal,
      });
      const { status } = response;
      if (status !== 200) {
        await response.discard();
        if (status === 408 || status === 425 || status === 429 || status >= 500) {
          throw new BusyHost(status);
        }
        return { code: 'url_refused', message: `The URL answered with HTTP ${status}.` };
      }
      if (Number(response.headers.get('content-length') ?? 0) > maxUploadBytes) {
        response.body.destroy();
        return tooLarge;
      }
      const capped = cappedStream(maxUploadBytes, () => new UnusableMedia('too_large', tooLarge.message));
      response.body.on('error', (error) => capped.destroy(error));
      await this.store.put(stagingKey, response.body.pipe(capped), { contentType: 'application/octet-stream', signal });
      return null;
    } catch (error) {
      if (late.aborted && !stop.aborted) {
        const seconds = urlFetch.totalTimeoutMs / 1000;
        return { code: 'url_unreachable', message: `The URL did not deliver the whole file within ${seconds} s.` };
      }
      const cause = rootOf(error);
      if (cause instanceof UnusableMedia) return tooLarge;
      if (!(cause instanceof EgressError)) throw error;
      if (cause.reason === 'too_large') return tooLarge;
      if (cause.reason === 'blocked')
        return { code: 'url_blocked', message: `The URL may not be fetched: ${cause.message}.` };
      if (cause.reason === 'redirect') return { code: 'url_refused', message: 'The URL redirects too often.' };
      throw cause;
    }
  }
}

/** An answer that may be another one soon. */
class BusyHost extends EgressError {
  constructor(status: number) {
    super('reset', `it answered with HTTP ${status}`, true);
  }
}

const WORDS: Partial<Record<EgressReason, string>> = {
  dns: 'its host name can not be looked up',
  connect: 'its host does not take connections',
  tls: 'its host has no valid certificate',
  timeout: 'its host does not answer in time',
};

/** For the client, whose URL it is; an EgressError's own message is for operators. */
function wordsFor(error: EgressError): string {
  if (error instanceof BusyHost) return error.message;
  return WORDS[error.reason] ?? 'the connection broke off';
}

/** The error that a store may have wrapped. */
function rootOf(error: unknown): unknown {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    if (at instanceof EgressError || at instanceof UnusableMedia) return at;
  }
  return error;
}
