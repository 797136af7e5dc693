import { shown } from '../../catalog/fields.js';
import type { Model } from '../../catalog/schema.js';
import { VOCABULARY } from '../../catalog/vocabulary.js';
import { invalidRequest, KilnError } from '../../common/errors.js';
import type { FacadeJob } from '../shared/facade-jobs.js';
import type { FormFields } from '../shared/form-fields.js';
import type { FacadeForm } from '../shared/form-reader.js';
import { JOB_OPTIONS, splitOptions, typedFields } from '../shared/typed-fields.js';
import { readSize } from './size.js';

/** What OpenAI's clients mean when they name none. */
export const DEFAULT_MODEL = 'sora-2';

/** OpenAI's words for input fields, job's word first: what a missing one is called. */
const WORDS = { duration_seconds: 'seconds', image: 'input_reference' };

/** Media fields are references, which a form may bring as JSON or in brackets. */
const REFERENCES = Object.fromEntries(
  Object.entries(VOCABULARY.video).flatMap(([name, { media }]) => (media ? [[name, 'json' as const]] : [])),
);

/** The model that a request names, or the default. Throws 400 for what is no name. */
export function modelNameOf({ fields }: Pick<FacadeForm, 'fields'>, preset: string = DEFAULT_MODEL): string {
  const name = fields['model'] ?? preset;
  if (typeof name === 'string' && name !== '') return name;
  throw invalidRequest(`'model' must be the name of a video model; got ${shown(name)}.`, 'model');
}

/** Throws 400 for an alias of another kind. */
export function assertVideoModel({ id, modality }: Model): void {
  if (modality !== 'video')
    throw invalidRequest(`'model' must be a video model; '${id}' makes ${modality}: see GET /v1/models.`, 'model');
}

/**
 * POST /v1/videos as a job. OpenAI's `seconds`, `size` and `input_reference` become the alias's own fields, which may be sent
 * under their own names too. Throws 400 for a field that neither OpenAI nor Kiln has, and for one thing said twice.
 */
export function videoJob(model: Model, form: Pick<FacadeForm, 'fields' | 'isText'>): FacadeJob {
  const typed = typedFields(form, model, { ...REFERENCES, seconds: 'number', input_reference: 'json' });
  const { options, rest } = splitOptions(typed);
  const { model: _name, seconds, size, input_reference: reference, ...own } = rest;
  const wrong = Object.keys(own).find((name) => !Object.hasOwn(VOCABULARY.video, name));
  if (wrong !== undefined) throw unknownField(wrong, model);
  const input: FormFields = { ...own };
  const names: Record<string, string> = {
    ...WORDS,
    ...Object.fromEntries(Object.keys(own).map((name) => [name, name])),
  };
  const set = (word: string, fields: FormFields): void => {
    for (const [name, value] of Object.entries(fields)) {
      if (Object.hasOwn(own, name))
        throw invalidRequest(`'${word}' and '${name}' say the same thing; send one of them.`, word);
      input[name] = value;
      names[name] = word;
    }
  };
  if (reference !== undefined) set('input_reference', { image: readInputReference(reference) });
  if (seconds !== undefined) set('seconds', { duration_seconds: readSeconds(seconds) });
  if (size !== undefined) set('size', fitting(model, { ...readSize(model, size) }, input));
  return { model: model.id, input, options, names };
}

/** A text on OpenAI's wire; a number is as good. */
function readSeconds(value: unknown): number {
  const seconds = typeof value === 'string' && /^\d+(\.\d+)?$/.test(value.trim()) ? Number(value) : value;
  if (typeof seconds === 'number') return seconds;
  throw invalidRequest(`'seconds' must be a number of seconds, like "8"; got ${shown(value)}.`, 'seconds');
}

/** OpenAI's `{image_url}` or `{file_id}` (here the id of an upload), or a reference as a job takes it, which a file has become. */
function readInputReference(value: unknown): unknown {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  const [[name, source] = ['', null], ...more] = Object.entries(value).filter(([, one]) => one !== null);
  if (more.length > 0 || (name !== 'image_url' && name !== 'file_id')) return value;
  const isUpload = typeof source === 'string' && source.startsWith('upload_');
  if (name === 'image_url' && typeof source === 'string' && !isUpload) return source;
  if (name === 'file_id' && isUpload) return source;
  const wanted = name === 'image_url' ? 'an https URL or a data URI' : 'the id of an upload (upload_…)';
  const param = `input_reference.${name}`;
  throw invalidRequest(`'${param}' must be ${wanted}; got ${shown(source)}.`, param);
}

/**
 * OpenAI wants a first frame of the clip's own size, so its clients send both. A model whose clip takes the shape of its first
 * frame is not told the shape again.
 */
function fitting({ rules }: Model, frame: FormFields, input: FormFields): FormFields {
  const excluded = rules
    .filter(({ when }) => Object.entries(when).every(([name, is]) => is === true && input[name] !== undefined))
    .flatMap(({ excludes }) => excludes ?? []);
  return Object.fromEntries(Object.entries(frame).filter(([name]) => !excluded.includes(name)));
}

function unknownField(name: string, model: Model): KilnError {
  const field = name.slice(0, 100);
  const allowed = ['model', 'seconds', 'size', 'input_reference', ...Object.keys(model.fields), ...JOB_OPTIONS];
  return invalidRequest(`Unknown parameter: '${field}'. Allowed: ${allowed.join(', ')}.`, field, 'unknown_parameter');
}
