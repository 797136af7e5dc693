import { invalid } from './errors.js';

type Node = Record<string, unknown>;

/**
 * Keywords that no grammar is made of: guide "Structured outputs", JSON Schema limitations, and what `transformJSONSchema` of
 * `@anthropic-ai/sdk` 1.14 takes out for it.
 */
const REFUSED: readonly string[] = [
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'minLength',
  'maxLength',
  'maxItems',
  'uniqueItems',
  'minProperties',
  'maxProperties',
];
const COMBINATIONS: readonly string[] = ['oneOf', 'not', 'if'];
const FORMATS: readonly unknown[] = [
  'date-time',
  'time',
  'date',
  'duration',
  'email',
  'hostname',
  'uri',
  'ipv4',
  'ipv6',
  'uuid',
];
const MAX_OPTIONAL = 24;

/** Checks the schema of a structured output or of a strict tool; `path` is where it stands in the body. */
export function checkStrictSchema(schema: Node, path: string): void {
  const refuse = (message: string) => invalid(`${path}: ${message}`);
  let optional = 0;
  const visit = (value: unknown, under: readonly string[]): void => {
    if (Array.isArray(value)) {
      for (const one of value) visit(one, under);
      return;
    }
    if (typeof value !== 'object' || value === null) return;
    const node = value as Node;
    const reference = node['$ref'];
    if (typeof reference === 'string') {
      if (under.includes(reference)) throw refuse(`Circular reference detected: ${reference}`);
      const target = resolved(schema, reference);
      if (target === undefined) throw refuse(`\`$ref\` must point into this schema, got ${reference}`);
      visit(target, [...under, reference]);
      return;
    }
    checkNode(node, refuse);
    const properties = Object.entries((node['properties'] ?? {}) as Node);
    const required = Array.isArray(node['required']) ? (node['required'] as unknown[]) : [];
    optional += properties.filter(([name]) => !required.includes(name)).length;
    for (const [, property] of properties) visit(property, under);
    for (const keyword of ['items', 'anyOf', 'allOf']) visit(node[keyword], under);
  };
  visit(schema, []);
  if (optional > MAX_OPTIONAL)
    throw refuse(
      `Schemas contain too many optional parameters (${optional}), which would make grammar compilation inefficient (limit: ${MAX_OPTIONAL}).`,
    );
}

function checkNode(node: Node, refuse: (message: string) => Error): void {
  const type = String([node['type']].flat()[0]);
  const combination = COMBINATIONS.find((keyword) => keyword in node);
  if (combination !== undefined) throw refuse(`Schema type '${combination}' is not supported`);
  const refused = REFUSED.find((keyword) => keyword in node);
  if (refused !== undefined) throw refuse(`For '${type}' type, property '${refused}' is not supported`);
  const { minItems = 0, format } = node;
  if (minItems !== 0 && minItems !== 1)
    throw refuse("For 'array' type, 'minItems' values other than 0 or 1 are not supported");
  if (format !== undefined && !FORMATS.includes(format))
    throw refuse(`For 'string' type, format ${JSON.stringify(format)} is not supported`);
  if ((type === 'object' || 'properties' in node) && node['additionalProperties'] !== false)
    throw refuse("For 'object' type, 'additionalProperties' must be explicitly set to false");
}

/** What `#/$defs/Name` points to. */
function resolved(schema: Node, reference: string): unknown {
  if (!reference.startsWith('#')) return undefined;
  return reference
    .slice(1)
    .split('/')
    .filter((part) => part !== '')
    .reduce<unknown>(
      (node, part) => (node as Node | undefined)?.[part.replaceAll('~1', '/').replaceAll('~0', '~')],
      schema,
    );
}
