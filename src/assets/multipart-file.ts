import type { FastifyRequest } from 'fastify';
import type { Readable } from 'node:stream';
import { invalidRequest, KilnError } from '../common/errors.js';

export interface MultipartFile {
  stream: Readable;
  filename: string | null;
}

/** The one part `file` of a multipart body, before its bytes are read. Throws 415 for another body, 400 for other parts. */
export async function multipartFile(request: FastifyRequest): Promise<MultipartFile> {
  if (!request.isMultipart()) {
    const type = request.headers['content-type'] ?? 'none';
    throw new KilnError(
      415,
      'unsupported_media_type',
      `Send multipart/form-data with a part 'file'; got content-type ${type}.`,
    );
  }
  try {
    for await (const part of request.parts()) {
      if (part.fieldname !== 'file')
        throw invalidRequest(`Unknown part '${part.fieldname}'; only 'file' is allowed.`, part.fieldname);
      if (part.type !== 'file') throw invalidRequest("'file' must be a file part, with a filename.", 'file');
      return { stream: part.file, filename: part.filename };
    }
  } catch (error) {
    if (error instanceof KilnError) throw error;
    throw invalidRequest('The multipart body is malformed.', 'file');
  }
  throw invalidRequest("The part 'file' is missing.", 'file');
}
