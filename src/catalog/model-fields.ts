import type { Modality } from '../providers/contract.js';
import type { FieldFile, ModelFile } from './catalog-file.js';
import { fieldSchema } from './fields.js';
import type { FieldRule, FieldSpec, Model } from './schema.js';
import { VOCABULARY } from './vocabulary.js';

/** Something in a catalog file is wrong: `path` says where. */
export class CatalogProblem extends Error {
  override readonly name = 'CatalogProblem';
  constructor(
    readonly path: readonly string[],
    message: string,
  ) {
    super(message);
  }
}

/** Keys that a field of this type may hold beside type, required and description. */
const KEYS: Readonly<Record<FieldSpec['type'], readonly (keyof FieldFile)[]>> = {
  text: ['max_length', 'default'],
  integer: ['min', 'max', 'values', 'default'],
  number: ['min', 'max', 'values', 'default'],
  boolean: ['default'],
  choice: ['values', 'default'],
  choice_list: ['values', 'max_items'],
  size: ['min', 'max', 'step', 'default'],
  lora_list: ['values', 'urls', 'max_items'],
  camera: ['values'],
  media: [],
  media_list: ['max_items'],
};

function needed<T>(value: T | undefined, key: string, type: string, path: readonly string[]): T {
  if (value === undefined) throw new CatalogProblem(path, `needs '${key}', as every field of type ${type}`);
  return value;
}

function valuesOf<T extends 'string' | 'number'>(
  file: FieldFile,
  kind: T,
  path: readonly string[],
): (T extends 'string' ? string : number)[] {
  const values = file.values ?? [];
  const wrong = values.find((value) => typeof value !== kind);
  if (wrong !== undefined)
    throw new CatalogProblem(
      [...path, 'values'],
      `must hold ${kind}s only (quote words in YAML); got ${JSON.stringify(wrong)}`,
    );
  return values as (T extends 'string' ? string : number)[];
}

function specOf(modality: Modality, fieldName: string, file: FieldFile, path: readonly string[]): FieldSpec {
  const term = VOCABULARY[modality][fieldName];
  if (!term) {
    const known = Object.keys(VOCABULARY[modality]).join(', ');
    throw new CatalogProblem(path, `is no ${modality} field of the vocabulary. Allowed: ${known}`);
  }
  const type = file.type ?? term.types[0];
  if (!term.types.includes(type))
    throw new CatalogProblem([...path, 'type'], `must be ${term.types.join(' or ')} for ${fieldName}; got ${type}`);
  const foreign = Object.keys(file).find(
    (key) =>
      !['type', 'required', 'description', ...KEYS[type]].includes(key) && file[key as keyof FieldFile] !== undefined,
  );
  if (foreign)
    throw new CatalogProblem(
      [...path, foreign],
      `does not belong to type ${type}. Allowed: ${['required', 'description', ...KEYS[type]].join(', ')}`,
    );
  // `fieldsOf` checks a default against the field before anything uses it.
  const base = { required: file.required, description: file.description ?? term.description };
  switch (type) {
    case 'text':
      return {
        ...base,
        type,
        maxLength: needed(file.max_length, 'max_length', type, path),
        default: file.default as string | undefined,
      };
    case 'integer':
    case 'number':
      return {
        ...base,
        type,
        ...(file.values ? { values: valuesOf(file, 'number', path) } : { min: file.min, max: file.max }),
        default: file.default as number | undefined,
      };
    case 'boolean':
      return { ...base, type, default: file.default as boolean | undefined };
    case 'choice':
      needed(file.values, 'values', type, path);
      return { ...base, type, values: valuesOf(file, 'string', path), default: file.default as string | undefined };
    case 'choice_list':
      needed(file.values, 'values', type, path);
      return {
        ...base,
        type,
        values: valuesOf(file, 'string', path),
        max: needed(file.max_items, 'max_items', type, path),
      };
    case 'size':
      return {
        ...base,
        type,
        min: needed(file.min, 'min', type, path),
        max: needed(file.max, 'max', type, path),
        step: file.step ?? 1,
        default: file.default as string | undefined,
      };
    case 'lora_list': {
      const [values, urls] = [valuesOf(file, 'string', path), file.urls ?? false];
      if (values.length === 0 && !urls)
        throw new CatalogProblem([...path, 'values'], 'must name something where no links are taken');
      return { ...base, type, values, urls, max: needed(file.max_items, 'max_items', type, path) };
    }
    case 'camera':
      needed(file.values, 'values', type, path);
      return { ...base, type, values: valuesOf(file, 'string', path) };
    case 'media':
      return { ...base, type, media: term.media ?? 'image' };
    case 'media_list':
      return { ...base, type, media: term.media ?? 'image', max: needed(file.max_items, 'max_items', type, path) };
  }
}

/** Declared fields as specs. Throws CatalogProblem for a field, type or default that can't be. */
export function fieldsOf(file: ModelFile, path: readonly string[]): Record<string, FieldSpec> {
  const fields: Record<string, FieldSpec> = {};
  for (const [fieldName, field] of Object.entries(file.input)) {
    const at = [...path, 'input', fieldName];
    const spec = specOf(file.modality, fieldName, field, at);
    if (field.default !== undefined) {
      if (field.required) throw new CatalogProblem([...at, 'default'], 'a required field has no default');
      if (!fieldSchema(spec).safeParse(field.default).success)
        throw new CatalogProblem(
          [...at, 'default'],
          `is not a value that the field takes; got ${JSON.stringify(field.default)}`,
        );
    }
    fields[fieldName] = spec;
  }
  return fields;
}

/** The fields for clips, each declared and a video's. */
export function clipsOf(file: ModelFile, fields: Model['fields'], path: readonly string[]): Model['clips'] {
  for (const [use, name] of Object.entries(file.clips)) {
    const spec = fields[name];
    if (!spec || !('media' in spec) || spec.media !== 'video')
      throw new CatalogProblem([...path, 'clips', use], `names ${name}, which is no field of input that takes videos`);
  }
  return file.clips;
}

/** Rules with every field they name declared. */
export function rulesOf(file: ModelFile, path: readonly string[]): FieldRule[] {
  for (const [index, rule] of file.rules.entries()) {
    const named = [
      ...Object.keys(rule.when),
      ...Object.keys(rule.require ?? {}),
      ...(rule.needs ?? []),
      ...(rule.excludes ?? []),
    ];
    const missing = named.find((fieldName) => !(fieldName in file.input));
    if (missing) throw new CatalogProblem([...path, 'rules', String(index)], `names ${missing}, which is not in input`);
  }
  const clash = Object.keys(file.refused).find((fieldName) => fieldName in file.input);
  if (clash) throw new CatalogProblem([...path, 'refused', clash], 'is in input too');
  return file.rules;
}
