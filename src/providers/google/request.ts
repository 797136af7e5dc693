import type { z } from 'zod';
import type { JsonObject } from '../../common/json.js';
import type { ResolvedReference } from '../contract.js';
import { givenFields, invalidInput, readReference } from '../task-input.js';

/** What the requests of all of Google's wires have in common. */

export const oneOf = (field: string, value: unknown, allowed: readonly (string | number)[]): string[] =>
  value === null || value === undefined || allowed.some((item) => item === value)
    ? []
    : [`${field} ${JSON.stringify(value)} is not one of ${allowed.join(', ')}`];

/** The fields a model takes, and what is wrong with the rest; `input` is null where a type is wrong. */
export function readFields<S extends z.ZodObject>(
  fields: S,
  given: JsonObject,
  who: string,
): { input: z.output<S> | null; problems: string[] } {
  const problems = givenFields(given)
    .filter((field) => !Object.hasOwn(fields.shape, field))
    .map((field) => `${field} is not taken by ${who}`);
  const parsed = fields.safeParse(given);
  if (parsed.success) return { input: parsed.data, problems };
  return {
    input: null,
    problems: [...problems, ...parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)],
  };
}

/** Bytes of a picture that goes into the request itself. */
export async function imageBytes(
  reference: ResolvedReference,
  types: readonly string[],
  maxBytes: number,
): Promise<Buffer> {
  if (!types.includes(reference.contentType))
    throw invalidInput(
      `${reference.role} is ${reference.contentType}; this route takes ${types.join(', ')}`,
      reference.role,
    );
  return readReference(reference, maxBytes);
}
