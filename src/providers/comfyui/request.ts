import type { JsonObject, JsonValue } from '../../common/json.js';
import type { MediaTask, ReferenceRole, TaskShape } from '../contract.js';
import { givenFields, givenRoles, invalidInput, referencesOf, seedFromToken } from '../task-input.js';
import { chainNodes, insertChain } from './chain.js';
import { convert, partOf, SIZE_FIELDS, sizeOf } from './convert.js';
import { isReferenceRole, splitRef, type Graph, type Target, type Workflow } from './mapping.js';
import { chainId } from './mapping-problems.js';
import type { Settings } from './options.js';

type Counts = Partial<Record<ReferenceRole, number>>;

/** The first graph whose references are all there. The loader puts the one without conditions last. */
export function chooseWorkflow(settings: Settings, references: Counts): Workflow | null {
  const given = new Set<string>(givenRoles(references));
  return settings.workflows.find((flow) => (flow.when?.references ?? []).every((role) => given.has(role))) ?? null;
}

/** References that a graph takes, each with the inputs its name goes to. */
export function uploadsOf(flow: Workflow): { role: ReferenceRole; index: number; targets: string[] }[] {
  const uploads = new Map<string, { role: ReferenceRole; index: number; targets: string[] }>();
  for (const [role, targets] of Object.entries(flow.inputs))
    if (isReferenceRole(role))
      for (const target of targets) {
        const index = target.index ?? 0;
        const upload = uploads.get(`${role}.${index}`) ?? { role, index, targets: [] };
        upload.targets.push(target.to);
        uploads.set(`${role}.${index}`, upload);
      }
  return [...uploads.values()];
}

const targetsOf = (flow: Workflow, field: string): Target[] => flow.inputs[field] ?? [];

function referenceProblems(flow: Workflow, references: Counts): string[] {
  const uploads = uploadsOf(flow);
  const problems = uploads
    .filter(({ role, index }) => (references[role] ?? 0) <= index)
    .map(({ role, index }) =>
      index === 0 ? `${role} is needed by this workflow` : `${role} needs ${index + 1} files`,
    );
  for (const role of givenRoles(references)) {
    if (flow.ignored.includes(role)) continue;
    const taken = uploads.filter((upload) => upload.role === role).length;
    if (taken === 0) problems.push(`${role} is not taken by this workflow`);
    else if ((references[role] ?? 0) > taken) problems.push(`${role} takes at most ${taken} file(s) in this workflow`);
  }
  return problems;
}

function fieldProblem(flow: Workflow, field: string, input: JsonObject): string | null {
  const value = input[field] ?? null;
  const allowed = flow.only[field];
  if (allowed && !allowed.some((item) => item === value))
    return `${field} ${JSON.stringify(value)} is not one of ${allowed.join(', ')} in this workflow`;
  const chain = flow.chains[field];
  if (chain) {
    const made = chainNodes(field, value, chain);
    return 'problem' in made ? made.problem : null;
  }
  const targets = targetsOf(flow, field);
  for (const target of targets) {
    const converted = convert(field, value, target, input);
    if ('problem' in converted) return converted.problem;
  }
  const sized = flow.size !== undefined && SIZE_FIELDS.includes(field);
  return targets.length > 0 || allowed || sized || field in flow.cut || flow.ignored.includes(field)
    ? null
    : `${field} is not mapped in this workflow`;
}

const onlyGiven = (input: JsonObject): JsonObject =>
  Object.fromEntries(givenFields(input).map((field) => [field, input[field] ?? null]));

/** Why a job can't go to this route: a field that the mapping does not carry is never dropped silently. */
export function problemsOf(shape: Pick<TaskShape, 'input' | 'references'>, settings: Settings): string[] {
  const flow = chooseWorkflow(settings, shape.references);
  if (!flow) return ['this route has no workflow for the given references'];
  const problems = referenceProblems(flow, shape.references);
  const input = { ...flow.defaults, ...onlyGiven(shape.input) };
  for (const field of givenFields(shape.input)) {
    const problem = fieldProblem(flow, field, input);
    if (problem) problems.push(problem);
  }
  if (flow.size) {
    const sized = sizeOf(shape.input, flow.size, null);
    if ('problem' in sized) problems.push(sized.problem);
  }
  return problems;
}

export interface Filled {
  graph: Graph;
  warnings: string[];
}

function pictureToFollow(task: MediaTask, flow: Workflow): { width: number; height: number } | null {
  const [reference] = flow.size?.follow ? referencesOf(task, flow.size.follow) : [];
  return reference?.width && reference.height ? { width: reference.width, height: reference.height } : null;
}

/** The client's own fields, then the mapping's defaults, then a seed that is the same at every resubmission. */
function valuesOf(task: MediaTask, flow: Workflow, token: string): JsonObject {
  const seed: JsonObject = targetsOf(flow, 'seed').length > 0 ? { seed: seedFromToken(token) } : {};
  return { ...seed, ...flow.defaults, ...onlyGiven(task.input) };
}

type SetInput = (ref: string, value: JsonValue) => void;

/** Fields into their inputs; what was not given exactly. */
function setFields(task: MediaTask, flow: Workflow, values: JsonObject, set: SetInput): string[] {
  const warnings: string[] = [];
  for (const [field, value] of Object.entries(values)) {
    if (flow.ignored.includes(field)) warnings.push(`${field} has no effect in this workflow`);
    for (const target of targetsOf(flow, field)) {
      const converted = convert(field, value, target, values);
      if ('problem' in converted) throw invalidInput(converted.problem, field);
      if (converted.value !== null) set(target.to, converted.value);
      if (converted.warning && task.input[field] !== undefined) warnings.push(converted.warning);
    }
  }
  return warnings;
}

function setSize(task: MediaTask, flow: Workflow, values: JsonObject, set: SetInput): string[] {
  if (!flow.size) return [];
  const sized = sizeOf(values, flow.size, pictureToFollow(task, flow));
  if ('problem' in sized) throw invalidInput(sized.problem, 'size');
  if (sized.size) {
    for (const target of flow.size.width) set(target.to, partOf(sized.size.width, target));
    for (const target of flow.size.height) set(target.to, partOf(sized.size.height, target));
  }
  return sized.warnings;
}

/** Changes of the graph's shape: links left out, and chains of nodes put in. */
function reshape(graph: Graph, flow: Workflow, values: JsonObject): void {
  for (const [field, cases] of Object.entries(flow.cut)) {
    const value = values[field];
    const refs = typeof value === 'object' ? undefined : cases[String(value)];
    for (const ref of refs ?? []) {
      const { node, input } = splitRef(ref);
      delete graph[node]?.inputs[input];
    }
  }
  for (const [field, chain] of Object.entries(flow.chains)) {
    if (values[field] === undefined) continue;
    const made = chainNodes(field, values[field], chain);
    if ('problem' in made) throw invalidInput(made.problem, field);
    insertChain(graph, field, chain, made.nodes);
  }
}

/** The graph with the request in it. `names`: `{role}.{index}` → the file's name on the instance. */
export function fillGraph(task: MediaTask, flow: Workflow, names: ReadonlyMap<string, string>, token: string): Filled {
  const graph = structuredClone(flow.graph);
  const set: SetInput = (ref, value) => {
    const { node, input } = splitRef(ref);
    const found = graph[node];
    if (found) found.inputs[input] = value;
  };
  const values = valuesOf(task, flow, token);
  const warnings = [...setFields(task, flow, values, set), ...setSize(task, flow, values, set)];
  for (const { role, index, targets } of uploadsOf(flow)) {
    const name = names.get(`${role}.${index}`);
    if (name === undefined) throw invalidInput(`${role} is needed by this workflow`, role);
    for (const ref of targets) set(ref, name);
  }
  for (const role of new Set(task.references.map((reference) => reference.role)))
    if (flow.ignored.includes(role)) warnings.push(`${role} has no effect in this workflow`);
  for (const ref of flow.filename_prefix) set(ref, `kiln/${task.jobId}/${token}`);
  reshape(graph, flow, values);
  return { graph, warnings: [...new Set(warnings)] };
}

/** The request field behind a node's input, for messages. */
export function fieldBehind(flow: Workflow, node: string, input: string): string | null {
  const ref = `${node}.${input}`;
  const field = Object.entries(flow.inputs).find(([, targets]) => targets.some((target) => target.to === ref));
  if (field) return field[0];
  const chained = Object.keys(flow.chains).find((name) => node.startsWith(chainId(name, '')));
  if (chained) return chained;
  return [...(flow.size?.width ?? []), ...(flow.size?.height ?? [])].some(({ to }) => to === ref) ? 'size' : null;
}
