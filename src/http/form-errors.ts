import { invalidRequest, KilnError, messageOf } from '../common/errors.js';

/** What went wrong while a form was read: 400 for the parser's own errors (a body that breaks off, a name that is none), else as it is. */
export function formError(error: unknown): unknown {
  if (error instanceof KilnError) return error;
  const { statusCode, code } = (error ?? {}) as { statusCode?: unknown; code?: unknown };
  if (statusCode === 413) return error;
  // Errors of the disk, the database or the object store bear codes of their own; what the parser can't read is a plain error.
  if (code !== undefined && !(typeof code === 'string' && code.startsWith('FST_'))) return error;
  return invalidRequest(`The multipart/form-data body is malformed: ${messageOf(error).slice(0, 200)}.`);
}
