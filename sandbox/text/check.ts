import { z } from 'zod';

/** What is wrong with a body, in nobody's words. */
export interface Problem {
  kind: 'unknown' | 'missing' | 'type' | 'value';
  /** As OpenAI writes paths: `messages[0].content[1].type`; empty: the body itself. */
  param: string;
  /** What came, shortly. */
  got: string;
  wanted: string;
}

/** The body as the schema types it, or the first thing that is wrong with it. */
export function check<T>(schema: z.ZodType<T>, body: unknown): { ok: T } | { problem: Problem } {
  const result = schema.safeParse(body, { reportInput: true });
  if (result.success) return { ok: result.data };
  const [first] = result.error.issues;
  if (first === undefined) throw result.error;
  return { problem: problemOf(first, []) };
}

function problemOf(issue: z.core.$ZodIssue, above: PropertyKey[]): Problem {
  const path = [...above, ...issue.path];
  const at = { param: paramOf(path), got: wordFor(issue.input) };
  const isMissing = issue.input === undefined;
  if (issue.code === 'unrecognized_keys')
    return { kind: 'unknown', ...at, param: paramOf([...path, issue.keys[0] ?? '']), wanted: '' };
  if (issue.code === 'invalid_type')
    return { kind: isMissing ? 'missing' : 'type', ...at, wanted: withArticle(issue.expected) };
  if (issue.code === 'invalid_value')
    return {
      kind: isMissing ? 'missing' : 'value',
      ...at,
      got: JSON.stringify(issue.input),
      wanted: issue.values.map((value) => `'${String(value)}'`).join(', '),
    };
  if (issue.code === 'invalid_union') return problemOfUnion(issue, path, at);
  return { kind: 'value', ...at, got: JSON.stringify(issue.input)?.slice(0, 80) ?? at.got, wanted: issue.message };
}

function problemOfUnion(
  issue: z.core.$ZodIssueInvalidUnion,
  path: PropertyKey[],
  at: Pick<Problem, 'param' | 'got'>,
): Problem {
  if ('discriminator' in issue && typeof issue.discriminator === 'string') {
    const tag = (issue.input as Record<string, unknown>)[issue.discriminator];
    return { kind: tag === undefined ? 'missing' : 'value', ...at, got: JSON.stringify(tag), wanted: 'another value' };
  }
  // Of all branches the one that got furthest says what was meant.
  const nearest = issue.errors
    .flatMap((errors) => errors.slice(0, 1))
    .toSorted((a, b) => b.path.length - a.path.length)[0];
  if (nearest !== undefined && nearest.path.length > 0) return problemOf(nearest, path);
  return { kind: issue.input === undefined ? 'missing' : 'type', ...at, wanted: wantedOf(issue.errors) };
}

const wantedOf = (errors: z.core.$ZodIssue[][]): string =>
  errors
    .map(([first]) => (first?.code === 'invalid_type' ? withArticle(first.expected) : 'another value'))
    .join(' or ');

function paramOf(path: PropertyKey[]): string {
  return path
    .map((step, index) => (typeof step === 'number' ? `[${step}]` : `${index === 0 ? '' : '.'}${String(step)}`))
    .join('');
}

const withArticle = (type: string): string => {
  const name = type === 'int' ? 'integer' : type === 'record' ? 'object' : type;
  return `${/^[aeio]/.test(name) ? 'an' : 'a'} ${name}`;
};

function wordFor(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'an integer' : 'a decimal number';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
