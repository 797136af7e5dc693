import type { z } from 'zod';
import { invalid } from './errors.js';

type Issue = z.core.$ZodIssue;

const NOUNS: Readonly<Record<string, string>> = {
  string: 'string',
  array: 'list',
  object: 'dictionary',
  record: 'dictionary',
  boolean: 'boolean',
  number: 'number',
  int: 'integer',
};

/** Checks a value and words the first problem as Anthropic's own validator does (`messages.0.role: Field required`). */
export function checked<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  const [first] = result.error.issues;
  throw invalid(first === undefined ? 'Invalid request' : wording(first));
}

function wording(issue: Issue, above: PropertyKey[] = []): string {
  const path = [...above, ...issue.path];
  const at = (more: PropertyKey[] = []) => [...path, ...more].map(String).join('.');
  const other = `${at()}: ${issue.message}`;
  switch (issue.code) {
    case 'unrecognized_keys':
      return `${at([issue.keys[0] ?? ''])}: Extra inputs are not permitted`;
    case 'invalid_type':
      return `${at()}: ${issue.input === undefined ? 'Field required' : shouldBe(issue.expected)}`;
    case 'invalid_value':
      return `${at()}: ${issue.input === undefined ? 'Field required' : `Input should be ${oneOf(issue.values)}`}`;
    case 'too_small':
      return `${at()}: ${bound(issue.origin, 'at least', 'greater than or equal to', issue.minimum)}`;
    case 'too_big':
      return `${at()}: ${bound(issue.origin, 'at most', 'less than or equal to', issue.maximum)}`;
    case 'invalid_format':
      return `${at()}: String should match pattern '${issue.pattern ?? issue.format}'`;
    case 'invalid_union':
      return ofUnion(issue, path, at());
    case 'custom':
    case 'invalid_element':
    case 'invalid_key':
    case 'not_multiple_of':
      return other;
  }
}

const shouldBe = (expected: string): string => `Input should be a valid ${NOUNS[expected] ?? expected}`;
const oneOf = (values: readonly unknown[]): string => values.map((value) => `'${String(value)}'`).join(' or ');

function bound(origin: string, length: string, range: string, limit: number | bigint): string {
  if (origin === 'string') return `String should have ${length} ${limit} characters`;
  if (origin === 'array') return `List should have ${length} ${limit} items`;
  return `Input should be ${range} ${limit}`;
}

/** Of alternatives the one that got furthest tells what is wrong: a list where a text may stand, say. */
function ofUnion(issue: Extract<Issue, { code: 'invalid_union' }>, path: PropertyKey[], at: string): string {
  if (issue.errors.length === 0) {
    const tag = issue.path.at(-1) ?? 'type';
    const given =
      typeof issue.input === 'object' ? (issue.input as Record<PropertyKey, unknown> | null)?.[tag] : issue.input;
    return given === undefined
      ? `${at}: Field required`
      : `${at}: Input tag ${JSON.stringify(given)} found using '${String(tag)}' does not match any of the expected tags`;
  }
  const deep = issue.errors.find(
    ([first]) => first !== undefined && !(first.code === 'invalid_type' && first.path.length === 0),
  );
  const [first] = deep ?? [];
  if (first !== undefined) return wording(first, path);
  if (issue.input === undefined) return `${at}: Field required`;
  const kinds = issue.errors.flatMap(([one]) =>
    one?.code === 'invalid_type' ? [NOUNS[one.expected] ?? one.expected] : [],
  );
  return `${at}: Input should be a valid ${kinds.join(' or ')}`;
}
