import { z } from 'zod';
import { hintsOf } from './hints.js';
import { matching } from './pattern.js';
import { sampleOf } from './sample.js';

const none = hintsOf('');

/** Checked by zod's own reading of the schema, not by ours. */
function expectValid(schema: z.ZodType, prompt = ''): unknown {
  const value = sampleOf(z.toJSONSchema(schema) as Record<string, unknown>, hintsOf(prompt));
  expect(schema.safeParse(value)).toMatchObject({ success: true });
  return value;
}

interface Tree {
  name: string;
  children: Tree[];
}
const tree: z.ZodType<Tree> = z.object({
  name: z.string(),
  get children() {
    return z.array(tree);
  },
});

describe('sampleOf', () => {
  it.each<[string, z.ZodType]>([
    [
      'bounds of numbers',
      z.object({ a: z.int().min(3).max(4), b: z.number().gt(0.5).lt(0.6), c: z.number().multipleOf(0.25).min(7) }),
    ],
    ['bounds of strings', z.object({ a: z.string().min(40), b: z.string().max(2), c: z.string().length(3) })],
    ['formats', z.object({ a: z.email(), b: z.uuid(), c: z.iso.datetime(), d: z.iso.date(), e: z.url(), f: z.ipv4() })],
    ['patterns', z.object({ a: z.string().regex(/^[A-Z]{3}-\d{4}$/), b: z.string().regex(/^(low|high)_v\d+$/) })],
    [
      'enums and literals',
      z.object({ a: z.enum(['x', 'y']), b: z.literal('only'), c: z.literal([1, 2]), d: z.null() }),
    ],
    [
      'arrays',
      z.object({ a: z.array(z.string()).min(3), b: z.array(z.number()).max(0), c: z.tuple([z.string(), z.number()]) }),
    ],
    [
      'unions',
      z.object({ a: z.union([z.number(), z.boolean()]), b: z.string().nullable(), c: z.array(z.int()).optional() }),
    ],
    [
      'tagged unions',
      z.discriminatedUnion('kind', [
        z.strictObject({ kind: z.literal('a'), x: z.int() }),
        z.strictObject({ kind: z.literal('b') }),
      ]),
    ],
    ['records', z.record(z.enum(['x', 'y']), z.int())],
    ['intersections', z.intersection(z.object({ a: z.int() }), z.object({ b: z.boolean() }))],
    ['recursion', tree],
    ['anything', z.object({ a: z.unknown() })],
  ])('is valid: %s', (_what, schema) => {
    expectValid(schema);
  });

  it('takes what the prompt offers', () => {
    const schema = z.object({ city: z.string(), days: z.int().min(1).max(14), unit: z.enum(['metric', 'imperial']) });
    expect(expectValid(schema, 'The next 5 days in Kyoto, imperial units')).toEqual({
      city: 'Kyoto',
      days: 5,
      unit: 'imperial',
    });
    const quoted = z.object({ query: z.string(), tags: z.array(z.string()) });
    expect(expectValid(quoted, 'Search for "red shoes" in Paris, Rome and Oslo')).toMatchObject({ query: 'red shoes' });
  });

  it('follows $ref and allOf, and fills up to minProperties', () => {
    const schema = {
      $defs: { 'a/b': { type: 'object', properties: { x: { const: 7 } }, required: ['x'] } },
      allOf: [{ $ref: '#/$defs/a~1b' }, { properties: { y: { type: 'boolean' } }, required: ['y'] }],
    };
    expect(sampleOf(schema, none)).toEqual({ x: 7, y: true });
    expect(Object.keys(sampleOf({ type: 'object', minProperties: 2 }, none) as object)).toHaveLength(2);
  });
});

describe('matching', () => {
  it.each(['^\\d{3}$', '[^a-z]+x', '(?:ab|c)*d', 'a.c\\.', '^[\\w-]{2,}@x$', '(?<year>\\d{4})', '\\bword\\b'])(
    'matches %s',
    (pattern) => {
      expect(matching(pattern)).toMatch(new RegExp(pattern, 'u'));
    },
  );

  it.each(['(?=a)b', '(a)\\1{2}', '(unclosed'])('knows when it cannot: %s', (pattern) => {
    expect(matching(pattern)).toBeNull();
  });
});
