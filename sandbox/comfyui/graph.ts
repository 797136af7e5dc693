/** A graph in ComfyUI's API format, as it came in: node id to class and inputs. */
export interface GraphNode {
  class_type: string;
  inputs: Record<string, unknown>;
  _meta?: { title?: string };
}

export type Graph = Record<string, GraphNode>;

/** A link as the API writes it: `[node id, output slot]`. */
export type Link = [string, number];

export function isLink(value: unknown): value is Link {
  return Array.isArray(value) && value.length === 2 && typeof value[0] === 'string' && typeof value[1] === 'number';
}

/** Where a try's own name stands, which is no text of the request: markers count its tries by the rest. */
const NAMES = new Set(['filename_prefix', 'image', 'audio', 'file']);

/** All text in the graph's inputs: where markers are looked for. */
export function graphText(graph: unknown): string {
  if (typeof graph !== 'object' || graph === null) return '';
  const texts: string[] = [];
  for (const node of Object.values(graph as Record<string, { inputs?: unknown } | null>)) {
    if (typeof node?.inputs !== 'object' || node.inputs === null) continue;
    for (const [name, value] of Object.entries(node.inputs))
      if (typeof value === 'string' && !NAMES.has(name)) texts.push(value);
  }
  return texts.join('\n');
}
