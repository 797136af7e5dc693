import { type Hints, stringFor } from './hints.js';
import { matching } from './pattern.js';
import type { JsonSchema } from './types.js';

/** Where in the document a value stands. */
interface Place {
  property: string;
  depth: number;
  /** Among its siblings of one array, so that unique items can differ. */
  index: number;
}

const MAX_DEPTH = 12;
/** Below this only what is required is written, and of alternatives the shallowest is taken. */
const GENEROUS_DEPTH = 3;

const FORMATS: Readonly<Record<string, string>> = {
  'date-time': '2026-01-02T03:04:05Z',
  date: '2026-01-02',
  time: '03:04:05Z',
  duration: 'P1D',
  email: 'someone@example.com',
  hostname: 'example.com',
  ipv4: '192.0.2.1',
  ipv6: '2001:db8::1',
  uri: 'https://example.com/',
  url: 'https://example.com/',
  'uri-reference': '/some',
  uuid: '6f1c2a40-8d1e-4b7a-9c55-2f0f6f6f6f6f',
};

/**
 * The same value each time that is valid for the schema, with strings and numbers taken from the prompt where they fit.
 * Reads `$ref` inside the document, `anyOf`, `oneOf`, `allOf`, `const`, `enum`, and the bounds of every type; not `not`, `if`.
 */
export function sampleOf(schema: JsonSchema, hints: Hints): unknown {
  return new Sampler(schema, hints).value(schema, { property: '', depth: 0, index: 0 });
}

type Node = Record<string, unknown>;
const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && !Array.isArray(value);
const nodes = (value: unknown): JsonSchema[] => (Array.isArray(value) ? (value as JsonSchema[]) : []);
const bound = (value: unknown): number | null => (typeof value === 'number' ? value : null);

class Sampler {
  constructor(
    private readonly root: JsonSchema,
    private readonly hints: Hints,
  ) {}

  value(schema: JsonSchema, place: Place): unknown {
    if (place.depth > MAX_DEPTH) return null;
    const node = this.resolved(schema);
    if ('const' in node) return node['const'];
    if (Array.isArray(node['enum'])) return this.choice(node['enum'], place);
    const branches = [...nodes(node['anyOf']), ...nodes(node['oneOf'])];
    if (branches.length > 0) return this.branch(node, branches, place);
    switch (this.typeOf(node)) {
      case 'object':
        return this.object(node, place);
      case 'array':
        return this.array(node, place);
      case 'number':
      case 'integer':
        return this.number(node);
      case 'boolean':
        return true;
      case 'null':
        return null;
      default:
        return this.string(node, place);
    }
  }

  /** With `$ref` followed and `allOf` merged. */
  private resolved(schema: JsonSchema, hops = 0): Node {
    if (!isNode(schema) || hops > MAX_DEPTH) return {};
    const { $ref: pointer, allOf, ...own } = schema;
    const parts = [...(typeof pointer === 'string' ? [this.pointed(pointer)] : []), ...nodes(allOf)].map((part) =>
      this.resolved(part, hops + 1),
    );
    return parts.reduce<Node>((merged, part) => mergeOf(part, merged), own);
  }

  private pointed(pointer: string): JsonSchema {
    let at: unknown = this.root;
    for (const step of pointer.replace(/^#\/?/, '').split('/').filter(Boolean)) {
      at = isNode(at) ? at[decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~')] : undefined;
    }
    return isNode(at) ? at : true;
  }

  private typeOf(node: Node): string {
    const { type } = node;
    if (Array.isArray(type)) return String(type.find((one) => one !== 'null') ?? 'null');
    if (typeof type === 'string') return type;
    if ('properties' in node || 'required' in node || 'additionalProperties' in node) return 'object';
    if ('items' in node || 'prefixItems' in node || 'minItems' in node) return 'array';
    return 'minimum' in node || 'maximum' in node || 'multipleOf' in node ? 'number' : 'string';
  }

  private choice(values: unknown[], { index }: Place): unknown {
    const said = this.hints.text.toLowerCase();
    const named = values.filter((one) => typeof one === 'string' && one !== '' && said.includes(one.toLowerCase()));
    const ordered = [...named, ...values.filter((one) => !named.includes(one))];
    return ordered[index % ordered.length];
  }

  /** Deep down the branch that ends soonest, else the first that is not null. */
  private branch({ anyOf: _any, oneOf: _one, ...rest }: Node, branches: JsonSchema[], place: Place): unknown {
    const said = branches.filter((one) => this.typeOf(this.resolved(one)) !== 'null');
    const candidates = place.depth < GENEROUS_DEPTH && said.length > 0 ? said : branches;
    const isDeep = place.depth >= GENEROUS_DEPTH;
    const chosen = isDeep ? candidates.toSorted((a, b) => this.weight(a) - this.weight(b))[0] : candidates[0];
    return this.value(mergeOf(this.resolved(chosen ?? true), rest), place);
  }

  /** How far a branch goes on: null and scalars before arrays before objects. */
  private weight(schema: JsonSchema): number {
    const node = this.resolved(schema);
    if ('const' in node || 'enum' in node) return 0;
    const type = this.typeOf(node);
    if (type === 'array') return 1 + (bound(node['minItems']) ?? 0);
    return type === 'object' ? 2 + nodes(node['required']).length : 0;
  }

  private object(node: Node, place: Place): Record<string, unknown> {
    const properties = isNode(node['properties']) ? node['properties'] : {};
    const required = nodes(node['required']).map(String);
    const wanted =
      required.length === 0 && place.depth < GENEROUS_DEPTH && !isStrictlyEmpty(node)
        ? Object.keys(properties)
        : required;
    const others = (isNode(node['additionalProperties']) ? node['additionalProperties'] : true) as JsonSchema;
    const names = [...wanted];
    for (let extra = 1; names.length < (bound(node['minProperties']) ?? 0); extra += 1) {
      const spare = Object.keys(properties).find((name) => !names.includes(name));
      names.push(spare ?? `key_${extra}`);
    }
    return Object.fromEntries(
      names.map((name) => [
        name,
        this.value((properties[name] ?? others) as JsonSchema, {
          property: name,
          depth: place.depth + 1,
          index: place.index,
        }),
      ]),
    );
  }

  private array(node: Node, place: Place): unknown[] {
    const first = nodes(node['prefixItems']);
    const items = (node['items'] ?? true) as JsonSchema;
    const least = bound(node['minItems']) ?? 0;
    const most = bound(node['maxItems']) ?? Number.POSITIVE_INFINITY;
    const isOfStrings = this.typeOf(this.resolved(items)) === 'string';
    const offered = isOfStrings ? Math.max(1, this.hints.names.length) : 1;
    const generous = place.depth <= GENEROUS_DEPTH ? offered : 0;
    const length = Math.min(most, Math.max(least, first.length, items === false ? 0 : generous));
    return Array.from({ length }, (_, index) =>
      this.value(first[index] ?? items, { property: place.property, depth: place.depth + 1, index }),
    );
  }

  private number(node: Node): number {
    const step = bound(node['multipleOf']) ?? (this.typeOf(node) === 'integer' ? 1 : null);
    const above = bound(node['exclusiveMinimum']);
    const below = bound(node['exclusiveMaximum']);
    const least = Math.max(bound(node['minimum']) ?? -Infinity, above ?? -Infinity);
    const most = Math.min(bound(node['maximum']) ?? Infinity, below ?? Infinity);
    const fits = (value: number): boolean =>
      value >= least &&
      value <= most &&
      value !== above &&
      value !== below &&
      (step === null || Number.isInteger(value / step));
    const onGrid = (value: number): number => (step === null ? value : Math.ceil(value / step) * step);
    const lowest = Number.isFinite(least) ? [onGrid(least), onGrid(least) + (step ?? 1)] : [];
    const highest = Number.isFinite(most)
      ? [step === null ? most : Math.floor(most / step) * step, most - (step ?? 1)]
      : [];
    const middle = Number.isFinite(least) && Number.isFinite(most) ? [(least + most) / 2] : [];
    const plain = [1, ...(step === null ? [] : [step]), 0];
    return [...this.hints.numbers, ...plain, ...lowest, ...highest, ...middle].find(fits) ?? 0;
  }

  private string(node: Node, { property, index }: Place): string {
    const { format, pattern } = node;
    if (typeof format === 'string' && format in FORMATS) return FORMATS[format] ?? '';
    const plain =
      index > 0
        ? (this.hints.names[index] ?? `${stringFor(property, this.hints)} ${index + 1}`)
        : stringFor(property, this.hints);
    const text =
      typeof pattern === 'string' && !new RegExp(pattern, 'u').test(plain) ? (matching(pattern) ?? plain) : plain;
    const characters = Array.from(text).slice(0, bound(node['maxLength']) ?? undefined);
    return characters.join('').padEnd(bound(node['minLength']) ?? 0, 'x');
  }
}

const isStrictlyEmpty = (node: Node): boolean => node['maxProperties'] === 0;

/** `over` wins, except that what both require or describe adds up. */
function mergeOf(under: Node, over: Node): Node {
  const required = [...new Set([...nodes(under['required']), ...nodes(over['required'])])];
  const properties = { ...(under['properties'] as Node | undefined), ...(over['properties'] as Node | undefined) };
  return {
    ...under,
    ...over,
    ...(required.length === 0 ? {} : { required }),
    ...(Object.keys(properties).length === 0 ? {} : { properties }),
  };
}
