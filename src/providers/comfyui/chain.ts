import type { JsonObject, JsonValue } from '../../common/json.js';
import type { Chain, Graph, Scalar } from './mapping.js';
import { chainId, isLink } from './mapping-problems.js';

type ChainInput = Chain['inputs'][string];
type Built = { inputs: Record<string, Scalar> } | { problem: string };

const isItem = (value: JsonValue): value is JsonObject =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

const isScalar = (value: JsonValue | undefined): value is Scalar =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';

function inputOf(field: string, written: ChainInput, item: JsonObject): { value: Scalar } | { problem: string } {
  if (typeof written !== 'object') return { value: written };
  const value = item[written.of];
  if (!isScalar(value)) return { problem: `${field}: each needs a ${written.of} in this workflow` };
  const { values, append } = written;
  if (values) {
    const word = values[String(value)];
    return word === undefined
      ? { problem: `${field}: ${written.of} ${JSON.stringify(value)} is not one of ${Object.keys(values).join(', ')}` }
      : { value: word };
  }
  return { value: append === undefined ? value : `${value}${append}` };
}

/** Literal inputs of the node that one item becomes. A key that no input takes is a problem, never dropped. */
function nodeOf(field: string, chain: Chain, item: JsonValue): Built {
  if (!isItem(item)) return { problem: `${field} must hold objects` };
  const taken = Object.values(chain.inputs).flatMap((input) => (typeof input === 'object' ? [input.of] : []));
  const extra = Object.keys(item).find((key) => !taken.includes(key));
  if (extra !== undefined) return { problem: `${field} by ${extra} are not taken by this workflow` };
  const inputs: Record<string, Scalar> = {};
  for (const [name, written] of Object.entries(chain.inputs)) {
    const made = inputOf(field, written, item);
    if ('problem' in made) return made;
    inputs[name] = made.value;
  }
  return { inputs };
}

/** The nodes of a list's items in order, or why the workflow can't take them. */
export function chainNodes(
  field: string,
  value: JsonValue,
  chain: Chain,
): { nodes: Record<string, Scalar>[] } | { problem: string } {
  if (!Array.isArray(value)) return { problem: `${field} must be a list` };
  const nodes: Record<string, Scalar>[] = [];
  for (const item of value) {
    const built = nodeOf(field, chain, item);
    if ('problem' in built) return built;
    nodes.push(built.inputs);
  }
  return { nodes };
}

/** Puts the nodes between the chain's beginnings and everything that read those. */
export function insertChain(graph: Graph, field: string, chain: Chain, nodes: Record<string, Scalar>[]): void {
  const last = chainId(field, nodes.length - 1);
  const moved = new Map(
    Object.values(chain.links).map(({ from, slot }) => [from.join('.'), [last, slot] satisfies [string, number]]),
  );
  for (const node of Object.values(graph))
    for (const [input, value] of Object.entries(node.inputs))
      if (isLink(value)) node.inputs[input] = moved.get(value.join('.')) ?? value;
  for (const [place, inputs] of nodes.entries()) {
    const links = Object.entries(chain.links).map(([input, { from, slot }]): [string, [string, number]] => [
      input,
      place === 0 ? [from[0], from[1]] : [chainId(field, place - 1), slot],
    ]);
    graph[chainId(field, place)] = {
      class_type: chain.class_type,
      inputs: { ...Object.fromEntries(links), ...inputs },
      _meta: { title: `${field} ${place + 1}` },
    };
  }
}
