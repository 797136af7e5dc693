import { z } from 'zod';
import { invalidRequest } from '../../common/errors.js';
import type { JsonObject } from '../../common/json.js';
import { requestError } from '../../common/request-errors.js';

/**
 * A value whose schema depends on what it is. A plain union would only say that the whole of it fits nowhere; here the error
 * names the field inside. `expected` is said where `pick` finds no schema.
 */
export const chosen = <T>(expected: string, pick: (value: unknown) => z.ZodType<T> | undefined): z.ZodType<T> =>
  z.unknown().transform((value, context): T => {
    const schema = pick(value);
    if (schema === undefined) {
      context.addIssue({ code: 'custom', message: `expected ${expected}` });
      return z.NEVER;
    }
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    for (const issue of parsed.error.issues) context.issues.push({ ...issue, input: value } as z.core.$ZodRawIssue);
    return z.NEVER;
  });

export const isObject = (value: unknown): value is JsonObject =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

/** Objects told apart by `type`; a type that is not in the table is refused with those that are. */
export const byType = <T>(table: Record<string, z.ZodType<T>>): z.ZodType<T> => {
  const names = Object.keys(table);
  const wrongType = z.looseObject({ type: z.enum(names) }) as unknown as z.ZodType<T>;
  return chosen<T>(`an object with a type of ${names.join(', ')}`, (value) => {
    if (!isObject(value)) return undefined;
    return typeof value['type'] === 'string' && Object.hasOwn(table, value['type']) ? table[value['type']] : wrongType;
  });
};

/** `content` of a message: text, or parts. */
export const textOr = <T>(part: z.ZodType<T>): z.ZodType<string | T[]> => {
  const text = z.string() as z.ZodType<string | T[]>;
  const parts = z.array(part) as z.ZodType<string | T[]>;
  return chosen('a string or an array of parts', (value) =>
    typeof value === 'string' ? text : Array.isArray(value) ? parts : undefined,
  );
};

/** Any JSON object, kept as it is. */
export const jsonObject = z.record(z.string(), z.unknown()) as unknown as z.ZodType<JsonObject>;

/** Throws 400 for the first field that the schema refuses. */
export function read<T>(schema: z.ZodType<T>, body: JsonObject): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw requestError(schema, issue ?? { message: 'Invalid request' }, body);
}

/** Fields of the body that are not in `known`. Null asks for nothing. */
export const foreignFields = (body: JsonObject, known: ReadonlySet<string>): string[] =>
  Object.keys(body).filter((name) => !known.has(name) && body[name] !== null && body[name] !== undefined);

export const refuse = (field: string, problem: string): never => {
  throw invalidRequest(`'${field}' ${problem}.`, field);
};

/** The object without its undefined fields: what was not asked for is left out. */
export const given = <T extends object>(fields: { [K in keyof T]: T[K] | null | undefined }): T =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null)) as T;
