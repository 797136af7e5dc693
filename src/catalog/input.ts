import { z } from 'zod';
import { invalidRequest, KilnError } from '../common/errors.js';
import type { JsonObject, JsonValue } from '../common/json.js';
import type { Adapter, ReferenceRole } from '../providers/contract.js';
import { allowed, isStorable, lengthOf, shown } from './fields.js';
import { readReference, type ReferenceInput } from './media-reference.js';
import { operationOf } from './operation.js';
import { checkRules } from './rules.js';
import type { FieldSpec, Model } from './schema.js';
import { VOCABULARY } from './vocabulary.js';

export type { ReferenceInput, ReferenceSource } from './media-reference.js';

export interface ParsedInput {
  /** The fields with defaults applied, media fields left out. */
  input: JsonObject;
  operation: string;
  /** In the order of the model's fields. */
  references: ReferenceInput[];
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

function refuseUnknown(model: Model, name: string, param: string): never {
  const field = `${param}.${name}`;
  const names = Object.keys(model.fields).join(', ');
  const reason = Object.hasOwn(model.refused, name) ? model.refused[name] : undefined;
  if (reason !== undefined)
    throw invalidRequest(`'${field}' is not supported by ${model.id}: ${reason}. Allowed: ${names}.`, field);
  if (Object.hasOwn(VOCABULARY[model.modality], name))
    throw invalidRequest(
      `'${field}' is not supported by ${model.id}; other ${model.modality} models take it. Allowed: ${names}.`,
      field,
    );
  throw invalidRequest(
    `Unknown parameter: '${field.slice(0, 200)}'. Allowed: ${names}.`,
    field.slice(0, 200),
    'unknown_parameter',
  );
}

function textProblem(spec: FieldSpec & { type: 'text' }, value: string, model: Model): string | null {
  const length = lengthOf(value);
  if (length > spec.maxLength) return `is ${length} characters long; the limit of ${model.id} is ${spec.maxLength}`;
  return isStorable(value) ? null : 'contains a NUL or half of a surrogate pair, which is no text';
}

/** One message for whatever is wrong with a field: its name, what is allowed, what came. */
function refuseField(model: Model, spec: FieldSpec, value: unknown, field: string): never {
  if (value === undefined) throw invalidRequest(`'${field}' is required by ${model.id}: ${allowed(spec)}.`, field);
  const problem = spec.type === 'text' && typeof value === 'string' ? textProblem(spec, value, model) : null;
  if (problem) throw invalidRequest(`'${field}' ${problem}.`, field);
  throw invalidRequest(`'${field}' must be ${allowed(spec)}; got ${shown(value)}.`, field);
}

function readReferences(model: Model, given: Record<string, unknown>, param: string): ReferenceInput[] {
  return Object.entries(model.fields).flatMap(([name, spec]): ReferenceInput[] => {
    const value = given[name];
    if (value === undefined || (spec.type !== 'media' && spec.type !== 'media_list')) return [];
    // Declared media fields bear the roles' names: the loader takes no other.
    const role = name as ReferenceRole;
    const field = `${param}.${name}`;
    if (spec.type === 'media') return [{ role, index: 0, param: field, source: readReference(value, field) }];
    if (!Array.isArray(value) || value.length === 0 || value.length > spec.max)
      return refuseField(model, spec, value, field);
    return value.map((item: unknown, index) => {
      const at = `${field}[${index}]`;
      return { role, index, param: at, source: readReference(item, at) };
    });
  });
}

function checkOperation(model: Model, effective: Record<string, unknown>, param: string): string {
  const { operation, field } = operationOf(model.modality, effective);
  if (model.operations.includes(operation)) return operation;
  const at = field === null ? param : `${param}.${field}`;
  const cause = field === null ? 'This input asks for' : `'${at}' asks for`;
  throw invalidRequest(
    `${cause} ${operation}, which ${model.id} does not do. It does: ${model.operations.join(', ')}.`,
    at,
  );
}

/**
 * Reads the `input` of a request for this model. Throws KilnError 400 that names the field, what came and what is allowed;
 * nothing is clamped, nothing dropped.
 */
export function parseInput(model: Model, raw: unknown, param = 'input'): ParsedInput {
  if (!isObject(raw)) throw invalidRequest(`'${param}' must be an object; got ${shown(raw)}.`, param);
  for (const name of Object.keys(raw)) if (!Object.hasOwn(model.fields, name)) refuseUnknown(model, name, param);
  const references = readReferences(model, raw, param);
  const parsed = model.input.safeParse(raw);
  if (!parsed.success) {
    const name = String(parsed.error.issues[0]?.path[0] ?? '');
    const spec = model.fields[name];
    if (spec) refuseField(model, spec, raw[name], `${param}.${name}`);
    throw invalidRequest(`'${param}' is not valid for ${model.id}.`, param);
  }
  checkRules(model.rules, raw, parsed.data, param);
  const operation = checkOperation(model, parsed.data, param);
  const input: JsonObject = {};
  for (const [name, value] of Object.entries(parsed.data)) {
    const spec = model.fields[name];
    if (value !== undefined && spec && spec.type !== 'media' && spec.type !== 'media_list')
      input[name] = value as JsonValue;
  }
  return { input, operation, references };
}

export function isValidInput(model: Model, raw: unknown): boolean {
  try {
    parseInput(model, raw);
    return true;
  } catch (error) {
    if (error instanceof KilnError) return false;
    throw error;
  }
}

function optionsProblem(issue: z.core.$ZodIssue, param: string): { field: string; message: string } {
  const field = [param, ...issue.path.map(String)].join('.');
  if (issue.code === 'unrecognized_keys') {
    const name = `${field}.${issue.keys[0] ?? ''}`.slice(0, 200);
    return { field: name, message: `Unknown parameter: '${name}'` };
  }
  return { field, message: `'${field}': ${issue.message}` };
}

/**
 * Reads `provider_options`: `{google: {…}}`, each part against its adapter's strict schema. Throws KilnError 400 for a
 * provider that no route of the model has, and for a field that the adapter does not let a client set.
 */
export function parseProviderOptions(
  model: Model,
  raw: unknown,
  adapters: ReadonlyMap<string, Adapter>,
  param = 'provider_options',
): JsonObject {
  if (raw === undefined) return {};
  if (!isObject(raw)) throw invalidRequest(`'${param}' must be an object; got ${shown(raw)}.`, param);
  const providers = [...new Set(model.routes.map((route) => route.provider))];
  const options: JsonObject = {};
  for (const [provider, value] of Object.entries(raw)) {
    const field = `${param}.${provider}`.slice(0, 200);
    const adapter = providers.includes(provider) ? adapters.get(provider) : undefined;
    if (!adapter)
      throw invalidRequest(
        `Unknown parameter: '${field}'. ${model.id} runs on: ${providers.join(', ')}.`,
        field,
        'unknown_parameter',
      );
    const parsed = adapter.options.safeParse(value);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      const problem = issue ? optionsProblem(issue, field) : { field, message: `'${field}' is not valid` };
      const names = adapter.options instanceof z.ZodObject ? Object.keys(adapter.options.shape) : [];
      throw invalidRequest(
        `${problem.message}.${names.length > 0 ? ` Allowed: ${names.join(', ')}.` : ''}`,
        problem.field,
      );
    }
    if (!isStorable(JSON.stringify(parsed.data)) || JSON.stringify(parsed.data).includes('\\u0000'))
      throw invalidRequest(`'${field}' contains a NUL or half of a surrogate pair, which is no text.`, field);
    options[provider] = parsed.data;
  }
  return options;
}
