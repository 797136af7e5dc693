import type { z } from 'zod';
import { invalidRequest } from './errors.js';

const pathText = (path: readonly PropertyKey[]): string =>
  path.map((part, at) => (typeof part === 'number' ? `[${part}]` : `${at === 0 ? '' : '.'}${String(part)}`)).join('');

/** Parses a body or query; throws 400 that names the first wrong field and what is allowed there. */
export function parseRequest<S extends z.ZodType>(schema: S, raw: unknown): z.output<S> {
  const parsed = schema.safeParse(raw);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const path = pathText([...(issue?.path ?? []), ...(unknown === undefined ? [] : [unknown])]);
  if (unknown !== undefined) throw invalidRequest(`Unknown field '${path}'.`, path);
  throw invalidRequest(
    path === '' ? (issue?.message ?? 'Invalid request.') : `'${path}': ${issue?.message}.`,
    path || undefined,
  );
}
