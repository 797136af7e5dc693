import { Readable } from 'node:stream';
import {
  CopyObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
  S3ServiceException,
  paginateListObjectsV2,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { runCanary } from './canary.js';
import { contentDisposition } from './content-disposition.js';
import { keySegments } from './object-key.js';
import { ObjectNotFound, type ObjectStore } from './object-store.js';

export interface S3StoreOptions {
  /** Default: Amazon's endpoint for the region. */
  endpoint?: string;
  /** Host that clients' links name, where it differs from `endpoint`. */
  publicEndpoint?: string;
  region: string;
  bucket: string;
  accessKeyId: string;
  secretAccessKey: string;
  /** Bucket in the path, as most servers other than Amazon's want it. */
  forcePathStyle: boolean;
}

/** Two parts in flight keep one upload under about 32 MiB; 10,000 parts of 8 MiB allow 78 GiB. */
const PART_BYTES = 8 * 1024 * 1024;
const PARTS_IN_FLIGHT = 2;
const DELETE_BATCH = 1000;
const SIGNED_PUT_HEADERS = new Set(['host', 'content-length', 'content-type', 'if-none-match']);

const isMissing = (error: unknown): boolean =>
  error instanceof S3ServiceException && error.$metadata.httpStatusCode === 404 && error.name !== 'NoSuchBucket';

/** Objects in a bucket of any S3-compatible server. */
export function createS3Store(options: S3StoreOptions): ObjectStore {
  const { bucket } = options;
  const settings: S3ClientConfig = {
    region: options.region,
    forcePathStyle: options.forcePathStyle,
    credentials: { accessKeyId: options.accessKeyId, secretAccessKey: options.secretAccessKey },
    // By default a presigned PUT pins the checksum of an empty body, and other servers refuse the trailing checksums.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: 5000,
      requestTimeout: 120_000,
      httpAgent: { maxSockets: 128 },
      httpsAgent: { maxSockets: 128 },
    },
  };
  const client = new S3Client({ ...settings, endpoint: options.endpoint });
  const signer = new S3Client({ ...settings, endpoint: options.publicEndpoint ?? options.endpoint });

  const orNotFound = (key: string) => (error: unknown) => {
    throw isMissing(error) ? new ObjectNotFound(key) : error;
  };
  const named = (key: string): { Bucket: string; Key: string } => ({ Bucket: bucket, Key: keySegments(key).join('/') });

  async function putStream(key: string, body: Readable, contentType: string, signal?: AbortSignal): Promise<number> {
    let bytes = 0;
    let sourceError: unknown;
    async function* counted(): AsyncGenerator<Buffer> {
      try {
        for await (const chunk of body) {
          bytes += (chunk as Buffer).length;
          yield chunk as Buffer;
        }
      } catch (error) {
        sourceError = error;
        throw error;
      }
    }
    const source = Readable.from(counted(), { objectMode: false });
    // An unfinished multipart upload is aborted and leaves no object.
    const upload = new Upload({
      client,
      params: { ...named(key), Body: source, ContentType: contentType },
      partSize: PART_BYTES,
      queueSize: PARTS_IN_FLIGHT,
      leavePartsOnError: false,
    });
    const onAbort = (): void => {
      body.destroy();
      void upload.abort();
    };
    signal?.throwIfAborted();
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      await upload.done();
      return bytes;
    } catch (error) {
      body.destroy();
      source.destroy();
      signal?.throwIfAborted();
      // Not the error of the clean-up that follows it.
      throw sourceError ?? error;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  const store: ObjectStore = {
    kind: 's3',
    async put(key, body, { contentType, signal }) {
      if (body instanceof Readable) return { bytes: await putStream(key, body, contentType, signal) };
      await client.send(new PutObjectCommand({ ...named(key), Body: body, ContentType: contentType }), {
        abortSignal: signal,
      });
      return { bytes: body.length };
    },
    async get(key, range) {
      const Range = range === undefined ? undefined : `bytes=${range.start}-${range.end ?? ''}`;
      const answer = await client.send(new GetObjectCommand({ ...named(key), Range })).catch((error: unknown) => {
        if (error instanceof S3ServiceException && error.$metadata.httpStatusCode === 416) {
          throw new RangeError(`range ${Range} lies outside of ${key}`, { cause: error });
        }
        return orNotFound(key)(error);
      });
      const bytes = answer.ContentLength ?? 0;
      return {
        bytes,
        totalBytes: Number(answer.ContentRange?.split('/')[1] ?? bytes),
        contentType: answer.ContentType ?? 'application/octet-stream',
        body: answer.Body instanceof Readable ? answer.Body : Readable.from([]),
      };
    },
    async head(key) {
      try {
        const answer = await client.send(new HeadObjectCommand(named(key)));
        return { bytes: answer.ContentLength ?? 0, contentType: answer.ContentType ?? 'application/octet-stream' };
      } catch (error) {
        if (isMissing(error)) return null;
        throw error;
      }
    },
    async copy(from, to, { contentType }) {
      const source = [bucket, ...keySegments(from)].map(encodeURIComponent).join('/');
      await client
        .send(
          new CopyObjectCommand({
            ...named(to),
            CopySource: source,
            ContentType: contentType,
            MetadataDirective: 'REPLACE',
          }),
        )
        .catch(orNotFound(from));
    },
    async delete(keys) {
      for (let from = 0; from < keys.length; from += DELETE_BATCH) {
        const Objects = keys.slice(from, from + DELETE_BATCH).map((key) => ({ Key: named(key).Key }));
        const answer = await client.send(
          new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } }),
        );
        const failed = answer.Errors?.find((error) => error.Code !== 'NoSuchKey');
        if (failed !== undefined) throw new Error(`deleting ${failed.Key} failed: ${failed.Code} ${failed.Message}`);
      }
    },
    async *list(prefix) {
      for await (const page of paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: prefix })) {
        for (const { Key, Size, LastModified } of page.Contents ?? []) {
          if (Key !== undefined) yield { key: Key, bytes: Size ?? 0, modifiedAt: LastModified ?? new Date(0) };
        }
      }
    },
    presignGet(key, { expiresSeconds, contentType, filename, inline }) {
      const command = new GetObjectCommand({
        ...named(key),
        ResponseContentType: contentType,
        ResponseContentDisposition: contentDisposition({ filename, inline }),
      });
      return getSignedUrl(signer, command, { expiresIn: expiresSeconds });
    },
    async presignPut(key, { expiresSeconds, contentType, bytes }) {
      const command = new PutObjectCommand({
        ...named(key),
        ContentType: contentType,
        ContentLength: bytes,
        IfNoneMatch: '*',
      });
      const url = await getSignedUrl(signer, command, {
        expiresIn: expiresSeconds,
        signableHeaders: SIGNED_PUT_HEADERS,
      });
      return {
        method: 'PUT',
        url,
        headers: { 'content-type': contentType, 'content-length': String(bytes), 'if-none-match': '*' },
      };
    },
    canary: () => runCanary(store),
    async close() {
      client.destroy();
      signer.destroy();
    },
  };
  return store;
}
