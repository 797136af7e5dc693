import type { z } from 'zod';
import { assertText, requestError } from './request-errors.js';

/** Parses a body or query; throws 400 that names the first wrong field and what is allowed there. */
export function parseRequest<S extends z.ZodType>(schema: S, raw: unknown): z.output<S> {
  const parsed = schema.safeParse(raw);
  if (parsed.success) {
    assertText(parsed.data);
    return parsed.data;
  }
  const [issue] = parsed.error.issues;
  throw requestError(schema, issue ?? { message: 'Invalid request' }, raw);
}
