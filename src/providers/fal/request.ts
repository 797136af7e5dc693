import type { JsonObject, JsonValue } from '../../common/json.js';
import type { MediaTask, ReferenceRole, ResolvedReference, TaskShape } from '../contract.js';
import { givenFields, givenRoles, invalidInput, referencesOf } from '../task-input.js';
import type { Endpoint } from './families/endpoint.js';
import { FAMILIES } from './families/index.js';
import { optionsShape, settingsShape } from './options.js';

/** Pictures up to this size, and up to this together, travel inside of the request; larger ones by their link. */
const INLINE_MAX_BYTES = 4 * 1024 * 1024;
const INLINE_TOTAL_MAX_BYTES = 12 * 1024 * 1024;

const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The endpoint that does this task, or null where the route has none. Throws nothing: settings were checked at start. */
function endpointOf(task: Pick<TaskShape, 'model' | 'operation' | 'input' | 'settings'>): Endpoint | null {
  const { family, ...settings } = settingsShape.parse(task.settings);
  return FAMILIES[family]({ model: task.model, operation: task.operation, input: task.input, settings });
}

function fileProblems(endpoint: Endpoint, references: TaskShape['references']): string[] {
  const roles = new Set<ReferenceRole>([
    ...givenRoles(references),
    ...(Object.keys(endpoint.files) as ReferenceRole[]),
  ]);
  return [...roles].flatMap((role) => {
    const map = endpoint.files[role];
    const count = references[role] ?? 0;
    if (map === undefined) return [`${role} is not taken by ${endpoint.id}`];
    if (count < map.min) return [`${role} is needed by ${endpoint.id}`];
    return count > map.max ? [`${role} takes at most ${map.max} files`] : [];
  });
}

/** The body's part that comes from fields, with what is wrong and what was rounded. */
function convert(endpoint: Endpoint, input: JsonObject): { wire: JsonObject; problems: string[]; warnings: string[] } {
  const wire: JsonObject = {};
  const problems: string[] = [];
  const warnings: string[] = [];
  for (const field of givenFields(input)) {
    const map = Object.hasOwn(endpoint.fields, field) ? endpoint.fields[field] : undefined;
    const converted = map?.(input[field] ?? null, field) ?? { problem: `${field} is not taken by ${endpoint.id}` };
    if ('problem' in converted) {
      problems.push(converted.problem);
      continue;
    }
    if (converted.warning) warnings.push(converted.warning);
    for (const [param, value] of Object.entries(converted.wire)) {
      const former = wire[param];
      // Two fields may hold parts of one object: width and height.
      wire[param] = isObject(former) && isObject(value) ? { ...former, ...value } : value;
    }
  }
  return { wire, problems, warnings };
}

/** Why a job can't go to this route. */
export function unsupported(shape: TaskShape): string[] {
  const endpoint = endpointOf(shape);
  if (endpoint === null) {
    const roles = givenRoles(shape.references);
    return [`${roles.length > 0 ? roles.join(' with ') : shape.operation} is not taken by ${shape.model} on fal`];
  }
  return [
    ...convert(endpoint, shape.input).problems,
    ...fileProblems(endpoint, shape.references),
    ...(endpoint.problems?.(shape.input, shape.references) ?? []),
  ];
}

/** Where fal reads the files: small pictures in the request itself, everything else by link. */
async function addresses(references: ResolvedReference[], budget: { bytes: number }): Promise<string[]> {
  const urls: string[] = [];
  for (const reference of references) {
    const inline = reference.kind === 'image' && reference.bytes <= Math.min(INLINE_MAX_BYTES, budget.bytes);
    if (inline) budget.bytes -= reference.bytes;
    urls.push(
      inline
        ? `data:${reference.contentType};base64,${(await reference.read(INLINE_MAX_BYTES)).toString('base64')}`
        : await reference.url(),
    );
  }
  return urls;
}

export interface FalRequest {
  /** Whole model id, sub-path included. */
  model: string;
  body: JsonObject;
  warnings: string[];
}

/** The request for one result. Throws ProviderError `invalid_input` for what the endpoint does not take. */
export async function toWire(task: MediaTask): Promise<FalRequest> {
  const endpoint = endpointOf(task);
  if (endpoint === null) throw invalidInput(`${task.operation} is not taken by ${task.model} on fal`, 'input');
  const { wire, problems, warnings } = convert(endpoint, task.input);
  const [problem] = problems;
  if (problem !== undefined) throw invalidInput(problem, problem.split(' ')[0] ?? '');
  const options = optionsShape.parse(task.options);
  const unknown = Object.keys(options).find((name) => !endpoint.options?.includes(name));
  if (unknown !== undefined)
    throw invalidInput(
      `provider_options.fal.${unknown} is not taken by ${endpoint.id}`,
      `provider_options.fal.${unknown}`,
    );
  const files: JsonObject = {};
  const budget = { bytes: INLINE_TOTAL_MAX_BYTES };
  for (const [role, map] of Object.entries(endpoint.files)) {
    const urls = await addresses(referencesOf(task, role as ReferenceRole), budget);
    const [first] = urls;
    if (first !== undefined) files[map.param] = map.list ? urls : first;
  }
  return { model: endpoint.id, body: { ...endpoint.constants, ...wire, ...options, ...files }, warnings };
}
