import type { JsonSchema } from '../types.js';

/**
 * What OpenAI refuses of a schema with `strict: true`: an object that does not close `additionalProperties`, or does not
 * require each property. Null when there is nothing. Source: OpenAI's guide "Structured outputs", "Supported schemas".
 */
export function strictnessProblem(schema: JsonSchema): string | null {
  return problemAt(schema, []);
}

type Node = Record<string, unknown>;
const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && !Array.isArray(value);

function problemAt(schema: unknown, path: string[]): string | null {
  if (!isNode(schema)) return null;
  return ownProblem(schema, path) ?? firstOf(inside(schema), path);
}

function ownProblem(schema: Node, path: string[]): string | null {
  const types = Array.isArray(schema['type']) ? schema['type'] : [schema['type']];
  if (!types.includes('object')) return null;
  const context = `In context=(${path.map((step) => `'${step}'`).join(', ')})`;
  if (schema['additionalProperties'] !== false)
    return `${context}, 'additionalProperties' is required to be supplied and to be false.`;
  const names = Object.keys(isNode(schema['properties']) ? schema['properties'] : {});
  const required = Array.isArray(schema['required']) ? schema['required'] : [];
  const missing = names.find((name) => !required.includes(name));
  if (missing === undefined) return null;
  return `${context}, 'required' is required to be supplied and to be an array including every key in properties. Missing '${missing}'.`;
}

function inside(schema: Node): [string[], unknown][] {
  const named = ['properties', '$defs', 'definitions'].flatMap((group) =>
    Object.entries(isNode(schema[group]) ? schema[group] : {}).map(([name, one]): [string[], unknown] => [
      [group, name],
      one,
    ]),
  );
  const listed = ['anyOf', 'prefixItems'].flatMap((group) =>
    (Array.isArray(schema[group]) ? schema[group] : []).map((one: unknown, index): [string[], unknown] => [
      [group, String(index)],
      one,
    ]),
  );
  return [...named, ...listed, [['items'], schema['items']]];
}

function firstOf(children: [string[], unknown][], path: string[]): string | null {
  for (const [steps, child] of children) {
    const problem = problemAt(child, [...path, ...steps]);
    if (problem !== null) return problem;
  }
  return null;
}
