import { isReferenceRole, splitRef, type Workflow } from './mapping.js';

/** `[node id, slot]`, as a graph writes a link. */
export const isLink = (value: unknown): value is [string, number] =>
  Array.isArray(value) && value.length === 2 && typeof value[0] === 'string' && typeof value[1] === 'number';

function chainProblems(flow: Workflow): string[] {
  const problems: string[] = [];
  for (const [name, chain] of Object.entries(flow.chains)) {
    if (flow.inputs[name]?.length) problems.push(`chains.${name} is in inputs too`);
    for (const [input, { from }] of Object.entries(chain.links)) {
      const read = Object.values(flow.graph).some((node) =>
        Object.values(node.inputs).some((value) => isLink(value) && value[0] === from[0] && value[1] === from[1]),
      );
      if (!flow.graph[from[0]]) problems.push(`chains.${name} begins at node ${from[0]}, which ${flow.name} lacks`);
      else if (!read) problems.push(`chains.${name} begins at ${from.join('.')}, which nothing of ${flow.name} reads`);
      if (input in chain.inputs) problems.push(`chains.${name}: ${input} is a link and an input`);
    }
    const clash = Object.keys(flow.graph).find((id) => id.startsWith(chainId(name, '')));
    if (clash) problems.push(`chains.${name} would take the id of node ${clash} of ${flow.name}`);
  }
  return problems;
}

/** Id of a chained node, by its place from 0. */
export const chainId = (field: string, place: number | ''): string => `${field}-${place}`;

function cutProblems(flow: Workflow): string[] {
  const refs = Object.entries(flow.cut).flatMap(([name, cases]) =>
    Object.values(cases)
      .flat()
      .map((ref) => ({ name, ref, ...splitRef(ref) })),
  );
  return refs
    .filter(({ node, input }) => !isLink(flow.graph[node]?.inputs[input]))
    .map(({ name, ref }) => `cut.${name} names ${ref}, which is no linked input of ${flow.name}`);
}

/** What the mapping names and the graph lacks. */
export function mappingProblems(flow: Workflow): string[] {
  const problems: string[] = [];
  const check = (ref: string, where: string): void => {
    const { node, input } = splitRef(ref);
    const found = flow.graph[node];
    if (!found) problems.push(`${where} names node ${node}, which ${flow.name} lacks`);
    else if (!(input in found.inputs))
      problems.push(
        `${where} names input ${ref}; node ${node} (${found.class_type}) has ${Object.keys(found.inputs).join(', ')}`,
      );
    else if (isLink(found.inputs[input])) problems.push(`${where} names input ${ref}, which is linked to another node`);
  };
  for (const [name, targets] of Object.entries(flow.inputs))
    for (const { to, ...conversion } of targets) {
      check(to, `inputs.${name}`);
      const rate = conversion.frames?.fps;
      if (typeof rate === 'string' && flow.defaults[rate] === undefined)
        problems.push(`inputs.${name} counts by ${rate}, which needs a default`);
      if (isReferenceRole(name) !== (conversion.upload === true))
        problems.push(
          `inputs.${name}: ${isReferenceRole(name) ? 'a reference needs "upload": true' : 'upload is for references'}`,
        );
    }
  for (const { to } of flow.size?.width ?? []) check(to, 'size.width');
  for (const { to } of flow.size?.height ?? []) check(to, 'size.height');
  for (const ref of flow.filename_prefix) check(ref, 'filename_prefix');
  for (const node of flow.output)
    if (!flow.graph[node]) problems.push(`output names node ${node}, which ${flow.name} lacks`);
  for (const name of Object.keys(flow.defaults))
    if (!flow.inputs[name]?.length) problems.push(`defaults.${name} is not mapped in inputs`);
  problems.push(...chainProblems(flow), ...cutProblems(flow));
  for (const [id, node] of Object.entries(flow.graph))
    for (const [input, value] of Object.entries(node.inputs))
      if (isLink(value) && !flow.graph[String((value as unknown[])[0])])
        problems.push(`${id}.${input} of ${flow.name} links to a node that is not there`);
  const { table, default: chosen } = flow.size ?? {};
  if (table && chosen?.resolution && !table[chosen.resolution])
    problems.push(`size.default.resolution ${chosen.resolution} is not in the table`);
  const ratios = Object.values(table ?? {}).every((row) => !chosen?.aspect_ratio || chosen.aspect_ratio in row);
  if (!ratios) problems.push(`size.default.aspect_ratio ${chosen?.aspect_ratio} is not in every row of the table`);
  return problems;
}
