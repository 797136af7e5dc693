import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { FastifyRequest } from 'fastify';
import { invalidRequest, KilnError } from '../../common/errors.js';
import { assertText } from '../../common/request-errors.js';
import { formError } from '../../http/form-errors.js';

/** OpenAI's limit (guide "Speech to text"). */
const MAX_FILE_BYTES = 25 * 1024 * 1024;
const MAX_FIELDS = 50;
const MAX_FIELD_BYTES = 1024 * 1024;
const NAME_CHARS = 200;

/** What a client sent: its fields, and its file on disk. */
export interface AudioForm {
  fields: Map<string, string[]>;
  file: { path: string; filename: string; contentType: string; bytes: number } | null;
  /** Takes the file from the disk. */
  remove(): Promise<void>;
}

const safeName = (name: string): string =>
  basename(name)
    .replaceAll(/[^\w.\- ]/g, '_')
    .slice(-NAME_CHARS);

/** Reads a form whose parts come in any order; its one file goes to a folder of its own, which `remove` takes away. */
export async function readAudioForm(request: FastifyRequest): Promise<AudioForm> {
  if (!request.isMultipart())
    throw new KilnError(415, 'unsupported_media_type', 'Send the audio as multipart/form-data.', {
      param: 'Content-Type',
    });
  const folder = await mkdtemp(join(tmpdir(), 'kiln-audio-'));
  const form: AudioForm = {
    fields: new Map(),
    file: null,
    remove: () => rm(folder, { recursive: true, force: true }),
  };
  try {
    // One more than is allowed, so that it is refused by name.
    const limits = { fileSize: MAX_FILE_BYTES, files: 2, fields: MAX_FIELDS, fieldSize: MAX_FIELD_BYTES };
    for await (const part of request.parts({ limits })) {
      if (part.type === 'field') {
        const name = part.fieldname.replace(/\[\]$/, '');
        const value = String(part.value);
        assertText(value, [name]);
        form.fields.set(name, [...(form.fields.get(name) ?? []), value]);
        continue;
      }
      if (part.fieldname !== 'file')
        throw invalidRequest(`'${part.fieldname.slice(0, 100)}' is a file; only 'file' may be one.`, 'file');
      if (form.file) throw invalidRequest("'file' is given twice; allowed is once.", 'file');
      const path = join(folder, 'audio');
      await pipeline(part.file, createWriteStream(path, { flags: 'wx', mode: 0o600 }));
      if (part.file.truncated)
        throw new KilnError(413, 'payload_too_large', `'file' is larger than ${MAX_FILE_BYTES} bytes.`, {
          param: 'file',
        });
      form.file = {
        path,
        filename: safeName(part.filename),
        contentType: part.mimetype,
        bytes: part.file.bytesRead,
      };
    }
    return form;
  } catch (error) {
    await form.remove();
    throw formError(error);
  }
}
