import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Uploads } from '../../assets/uploads.js';
import { invalidRequest, KilnError } from '../../common/errors.js';
import { assertText } from '../../common/request-errors.js';
import { KilnConfig } from '../../config/config.js';
import { formError } from '../../http/form-errors.js';
import { fingerprintOf } from '../../idempotency/body-fingerprint.js';
import type { AuthKey } from '../../keys/auth-key.js';
import { type FormFields, setField } from './form-fields.js';

const MAX_FILES = 32;
const MAX_FIELDS = 256;

/** A facade's request, however it was written. */
export interface FacadeForm {
  /** As JSON would have them; a file stands as `{upload_id}`. Null fields are left out: SDKs send them for "not given". */
  fields: FormFields;
  /** Values came as text: numbers, booleans and JSON too. */
  isText: boolean;
  /** What the files became, should nothing come of the request. */
  uploadIds: string[];
  /** The same for the same fields and file bytes. */
  fingerprint: string;
}

/**
 * Reads JSON, or multipart/form-data with its parts in any order. For handlers with `@RouteConfig(STREAMED_BODY)`. Files go to
 * uploads as they come: capped, hashed, never held. Throws 415 for another body, 400 for a broken one, 413 for a large one.
 */
@Injectable()
export class FormReader {
  constructor(
    private readonly uploads: Uploads,
    private readonly config: KilnConfig,
  ) {}

  async read(key: AuthKey, request: FastifyRequest): Promise<FacadeForm> {
    if (request.isMultipart()) return this.readParts(key, request);
    const type = request.headers['content-type'] ?? '';
    if (!/^application\/json\s*(;|$)/i.test(type))
      throw new KilnError(
        415,
        'unsupported_media_type',
        `Send application/json or multipart/form-data; got content-type ${type === '' ? 'none' : `'${type.slice(0, 100)}'`}.`,
        { param: 'Content-Type' },
      );
    const { body } = request;
    if (body === null || typeof body !== 'object' || Array.isArray(body))
      throw invalidRequest('The request needs a JSON object as its body.');
    assertText(body);
    const given = Object.entries(body).filter(([, value]) => value !== null);
    return {
      fields: Object.fromEntries(given),
      isText: false,
      uploadIds: [],
      fingerprint: await fingerprintOf(request).finish(),
    };
  }

  /** Deletes what files had become; what can't be deleted now is unused, and the sweep takes it. */
  async discard(key: AuthKey, { uploadIds }: Pick<FacadeForm, 'uploadIds'>): Promise<void> {
    for (const id of uploadIds) await this.uploads.remove(key, id).catch(() => undefined);
  }

  private async readParts(key: AuthKey, request: FastifyRequest): Promise<FacadeForm> {
    const { maxBodyBytes } = this.config.http;
    const fingerprint = fingerprintOf(request);
    const fields: FormFields = {};
    const uploadIds: string[] = [];
    let textBytes = 0;
    try {
      const limits = { files: MAX_FILES, fields: MAX_FIELDS, fieldSize: maxBodyBytes + 1 };
      for await (const part of request.parts({ limits })) {
        if (part.type === 'file') {
          const source = { filename: part.filename, source: 'multipart' } as const;
          const { id } = await this.uploads.create(key, part.file, source).catch((error: unknown) => {
            throw named(error, part.fieldname);
          });
          uploadIds.push(id);
          setField(fields, part.fieldname, { upload_id: id });
        } else {
          const value = typeof part.value === 'string' ? part.value : JSON.stringify(part.value);
          textBytes += Buffer.byteLength(value);
          if (textBytes > maxBodyBytes)
            throw new KilnError(413, 'payload_too_large', `The fields are larger than ${maxBodyBytes} bytes.`, {
              param: part.fieldname.slice(0, 200),
              headers: { connection: 'close' },
            });
          setField(fields, part.fieldname, value);
        }
      }
      assertText(fields);
      return { fields, isText: true, uploadIds, fingerprint: await fingerprint.finish() };
    } catch (error) {
      await this.discard(key, { uploadIds });
      throw formError(error);
    }
  }
}

/** A refused file is called as its part. */
function named(error: unknown, fieldname: string): unknown {
  if (!(error instanceof KilnError) || error.param !== 'file') return error;
  const name = fieldname.slice(0, 200);
  return new KilnError(error.status, error.type, error.message.replaceAll("'file'", `'${name}'`), {
    ...error.detail,
    param: name,
  });
}
