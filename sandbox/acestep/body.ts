import type { FastifyRequest } from 'fastify';
import { FastApiError } from './validate.js';

export interface ReadBody {
  fields: Record<string, unknown>;
  /** Form values are all text. */
  isForm: boolean;
  /** The uploaded files, by field. */
  files: ReadonlyMap<string, Buffer>;
}

const FILE_FIELDS = ['ref_audio', 'reference_audio', 'ctx_audio', 'src_audio'];

/** Reads JSON, a urlencoded form or multipart, as `/release_task` takes them. */
export async function readFields(request: FastifyRequest): Promise<ReadBody> {
  if (!request.isMultipart()) {
    const isForm = request.headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true;
    if (typeof request.body !== 'object' || request.body === null || Array.isArray(request.body))
      throw new FastApiError(400, 'JSON payload must be an object');
    return { fields: request.body as Record<string, unknown>, isForm, files: new Map() };
  }
  const fields: Record<string, unknown> = {};
  const files = new Map<string, Buffer>();
  for await (const part of request.parts()) {
    if (part.type === 'field') {
      fields[part.fieldname] = part.value;
      continue;
    }
    if (!FILE_FIELDS.includes(part.fieldname)) throw new FastApiError(400, `Unknown field: ${part.fieldname}`);
    const bytes = await part.toBuffer();
    if (bytes.length === 0) throw new FastApiError(400, `${part.fieldname}: the file is empty`);
    files.set(part.fieldname, bytes);
  }
  return { fields, isForm: true, files };
}
