import { createHash } from 'node:crypto';
import type { z } from 'zod';
import type { JsonObject, JsonValue } from '../common/json.js';
import { ProviderError, type MediaTask, type ReferenceRole, type ResolvedReference } from './contract.js';

const isGiven = (value: JsonValue | undefined): boolean =>
  value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0);

/** Names of the fields a request really gives: null and empty lists say nothing. */
export const givenFields = (input: JsonObject): string[] => Object.keys(input).filter((field) => isGiven(input[field]));

/** Roles with at least one reference. */
export const givenRoles = (references: Partial<Record<ReferenceRole, number>>): ReferenceRole[] =>
  (Object.keys(references) as ReferenceRole[]).filter((role) => (references[role] ?? 0) > 0);

/** The references of one role, in order. */
export const referencesOf = (task: MediaTask, role: ReferenceRole): ResolvedReference[] =>
  task.references.filter((reference) => reference.role === role).toSorted((a, b) => a.index - b.index);

/** Fields by type; a wrong one is the client's error, named. */
export function readInput<S extends z.ZodType>(schema: S, input: JsonObject): z.output<S> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const param = issue?.path.join('.') ?? '';
  throw invalidInput(`${param}: ${issue?.message ?? 'wrong type'}`, param);
}

export const invalidInput = (message: string, param: string): ProviderError =>
  new ProviderError('invalid_input', 'rejected', message, { param });

/** Whole content of a reference, refused by name where it is larger than the wire takes. */
export async function readReference(reference: ResolvedReference, maxBytes: number): Promise<Buffer> {
  if (reference.bytes > maxBytes)
    throw invalidInput(
      `${reference.role} has ${reference.bytes} bytes; this route takes at most ${maxBytes}`,
      reference.role,
    );
  return reference.read(maxBytes);
}

/** The same attempt always draws the same seed; at most 2^53-1, which JSON carries exactly. */
export function seedFromToken(token: string): number {
  const digest = createHash('sha256').update(token).digest();
  return Number(digest.readBigUInt64BE(0) >> 11n);
}

/**
 * Schemas of options and settings hold optional fields, whose `undefined` the JSON type does not know; parsed values lack
 * the key instead, so this only changes the type.
 */
export const jsonSchema = (schema: z.ZodType): z.ZodType<JsonObject> => schema as z.ZodType<JsonObject>;
