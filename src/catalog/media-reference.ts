import { invalidRequest } from '../common/errors.js';
import { isBase64 } from '../common/base64.js';
import { isId } from '../common/ids.js';
import type { ReferenceRole } from '../providers/contract.js';
import { MEDIA_SHAPES, shown } from './fields.js';

export type ReferenceSource =
  | { kind: 'url'; url: string }
  | { kind: 'data'; contentType: string; base64: string }
  | { kind: 'upload'; id: string }
  | { kind: 'output'; jobId: string; output: number };

/** A media field of the input as the client gave it; nothing is fetched yet. */
export interface ReferenceInput {
  role: ReferenceRole;
  /** Position within the role. */
  index: number;
  /** `input.image`, `input.images[1]`. */
  param: string;
  source: ReferenceSource;
}

const URL_MAX_CHARS = 8192;

const refuse = (param: string, value: unknown): never => {
  throw invalidRequest(`'${param}' must be ${MEDIA_SHAPES}; got ${shown(value)}.`, param);
};

function fromDataUri(text: string, param: string): ReferenceSource {
  const comma = text.indexOf(',');
  const header = /^data:([\w.+-]+\/[\w.+-]+)?((?:;[\w-]+=[^;,]*)*);base64$/i.exec(text.slice(0, Math.min(comma, 256)));
  if (comma < 0 || !header)
    throw invalidRequest(`'${param}' is no base64 data URI: it must begin like "data:image/png;base64,".`, param);
  const base64 = text.slice(comma + 1);
  if (!isBase64(base64)) throw invalidRequest(`'${param}' is a data URI whose content is not base64.`, param);
  return { kind: 'data', contentType: header[1]?.toLowerCase() ?? 'application/octet-stream', base64 };
}

function fromUrl(text: string, param: string): ReferenceSource {
  if (text.length > URL_MAX_CHARS || !URL.canParse(text) || !/^https?:\/\//i.test(text)) return refuse(param, text);
  return { kind: 'url', url: text };
}

function fromUpload(id: string, param: string): ReferenceSource {
  if (isId('upload', id)) return { kind: 'upload', id };
  throw invalidRequest(
    `'${param}' is not an upload id: ids look like upload_01h455vb4pex5vsknk084sn02q; got ${shown(id)}.`,
    param,
  );
}

/** Reads one media reference. Throws KilnError 400 that names `param`, what came and what is allowed. */
export function readReference(value: unknown, param: string): ReferenceSource {
  if (typeof value === 'string') {
    if (/^data:/i.test(value)) return fromDataUri(value, param);
    return value.startsWith('upload_') ? fromUpload(value, param) : fromUrl(value, param);
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return refuse(param, value);
  const entries = new Map(Object.entries(value));
  const [name] = entries.keys();
  if (entries.size === 1) {
    const only = entries.get(name ?? '');
    if (name === 'upload_id' && typeof only === 'string') return fromUpload(only, `${param}.upload_id`);
    if (name === 'url' && typeof only === 'string') return fromUrl(only, `${param}.url`);
    if (name === 'data' && typeof only === 'string') return fromDataUri(only, `${param}.data`);
  }
  if (entries.has('job_id') && [...entries.keys()].every((key) => key === 'job_id' || key === 'output')) {
    const jobId = entries.get('job_id');
    const output = entries.get('output') ?? 0;
    if (typeof jobId !== 'string' || !isId('job', jobId))
      throw invalidRequest(`'${param}.job_id' is not a job id; got ${shown(jobId)}.`, `${param}.job_id`);
    if (typeof output !== 'number' || !Number.isInteger(output) || output < 0)
      throw invalidRequest(
        `'${param}.output' must be the output's number, counted from 0; got ${shown(output)}.`,
        `${param}.output`,
      );
    return { kind: 'output', jobId, output };
  }
  return refuse(param, value);
}
