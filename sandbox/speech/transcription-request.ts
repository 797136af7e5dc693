import { extname } from 'node:path';
import type { FastifyRequest } from 'fastify';
import type { UploadedFile } from '../openai/body.js';
import { invalidValue, missingParameter, notOneOf, OpenAIError, unknownParameter } from '../openai/errors.js';
import type { AudioHost, TranscriptFormat, TranscriptionModel, TranscriptionOffer } from './hosts.js';

export type Task = 'transcribe' | 'translate';

/** A form as it came: every field with all its values, in order. */
export interface Form {
  fields: Map<string, string[]>;
  files: UploadedFile[];
}

export interface TranscriptionRequest {
  task: Task;
  model: string;
  how: TranscriptionModel;
  file: UploadedFile;
  /** ISO 639-1; null: heard from the recording. */
  language: string | null;
  format: TranscriptFormat;
  words: boolean;
  segments: boolean;
  stream: boolean;
  logprobs: boolean;
  temperature: number;
  /** Without its markers. */
  prompt: string;
}

/** Reads multipart with its parts in any order. */
export async function readForm(request: FastifyRequest): Promise<Form> {
  if (!request.isMultipart())
    throw new OpenAIError(
      400,
      `Unsupported content type '${request.headers['content-type'] ?? ''}': this call takes 'multipart/form-data'.`,
    );
  const form: Form = { fields: new Map(), files: [] };
  for await (const part of request.parts()) {
    if (part.type === 'file') {
      const bytes = await part.toBuffer();
      form.files.push({ field: part.fieldname, filename: part.filename, contentType: part.mimetype, bytes });
    } else {
      const values = form.fields.get(part.fieldname) ?? [];
      form.fields.set(part.fieldname, [...values, String(part.value)]);
    }
  }
  return form;
}

/** A form for the record: files as their length. */
export function recordableForm({ fields, files }: Form): object {
  return {
    ...Object.fromEntries([...fields].map(([name, values]) => [name, values.length === 1 ? values[0] : values])),
    ...Object.fromEntries(
      files.map(({ field, filename, contentType, bytes }) => [
        field,
        { filename, content_type: contentType, bytes: bytes.length },
      ]),
    ),
  };
}

/** Checks a request as the host does. `prompt` is the form's without its markers. */
export function readTranscription(
  host: AudioHost & { transcription: TranscriptionOffer },
  form: Form,
  task: Task,
  prompt: string,
): TranscriptionRequest {
  const { transcription } = host;
  const one = (name: string) => form.fields.get(name)?.at(-1);
  if (transcription.fields !== null) onlyKnown(form, fieldsOf(transcription.fields, task));
  const model = one('model');
  if (model === undefined || model === '') throw missingParameter('model');
  const how = Object.hasOwn(transcription.models, model) ? transcription.models[model] : undefined;
  if (how === undefined) throw noModel(host, model);
  if (task === 'translate' && !how.translates)
    throw invalidValue('model', `Model '${model}' does not support translation.`);
  const file = fileOf(form, transcription);
  const format = formatOf(one('response_format') ?? 'json', model, how);
  const granularities = granularitiesOf(form, format, transcription);
  const isStream = booleanOf(one('stream'), 'stream');
  const logprobs = includesLogprobs(form, how, format);
  return {
    task,
    model,
    how,
    file,
    language: languageOf(one('language')),
    format,
    ...granularities,
    stream: isStream && how.streams !== null,
    logprobs,
    temperature: temperatureOf(one('temperature')),
    prompt,
  };
}

const NOT_OF_TRANSLATIONS = ['language', 'timestamp_granularities[]', 'stream', 'include[]', 'chunking_strategy'];

function fieldsOf(fields: readonly string[], task: Task): readonly string[] {
  return task === 'transcribe' ? fields : fields.filter((name) => !NOT_OF_TRANSLATIONS.includes(name));
}

function onlyKnown({ fields, files }: Form, known: readonly string[]): void {
  const name = [...fields.keys()].find((one) => !known.includes(one));
  if (name !== undefined && name !== 'file') throw unknownParameter(name);
  const file = files.find(({ field }) => field !== 'file');
  if (file) throw unknownParameter(file.field);
}

function noModel({ manner }: AudioHost, model: string): OpenAIError {
  const message =
    manner === 'vendor'
      ? `The model '${model}' does not exist or you do not have access to it.`
      : `Model '${model}' is not installed locally. You can download the model using 'POST /v1/models'`;
  return new OpenAIError(404, message, { code: 'model_not_found', param: 'model' });
}

function fileOf({ files }: Form, { extensions, maxBytes }: TranscriptionOffer): UploadedFile {
  const file = files.find(({ field }) => field === 'file');
  if (file === undefined) throw missingParameter('file');
  if (file.bytes.length > maxBytes)
    throw new OpenAIError(413, `Maximum content size limit (${maxBytes}) exceeded (${file.bytes.length} bytes read)`);
  if (extensions !== null && !extensions.includes(extname(file.filename).slice(1).toLowerCase()))
    throw new OpenAIError(
      400,
      `Unrecognized file format. Supported formats: [${extensions.map((one) => `'${one}'`).join(', ')}]`,
      { param: 'file' },
    );
  return file;
}

const FORMATS: readonly TranscriptFormat[] = ['json', 'text', 'srt', 'verbose_json', 'vtt'];

function formatOf(given: string, model: string, { formats }: TranscriptionModel): TranscriptFormat {
  const format = FORMATS.find((one) => one === given);
  if (format === undefined) throw notOneOf('response_format', given, formats);
  if (formats.includes(format)) return format;
  const instead = formats.map((one) => `'${one}'`).join(' or ');
  throw new OpenAIError(
    400,
    `response_format '${format}' is not compatible with model '${model}'. Use ${instead} instead.`,
    { code: 'unsupported_value', param: 'response_format' },
  );
}

/** Segments unless words alone are asked for; words are in `verbose_json` only. */
function granularitiesOf(
  { fields }: Form,
  format: TranscriptFormat,
  { wordsAreRaw }: TranscriptionOffer,
): { words: boolean; segments: boolean } {
  const asked = fields.get('timestamp_granularities[]') ?? [];
  const unknown = asked.find((one) => one !== 'word' && one !== 'segment');
  if (unknown !== undefined) throw notOneOf('timestamp_granularities[]', unknown, ['word', 'segment']);
  const words = asked.includes('word');
  // speaches warns about it in its log, and answers.
  if (words && format !== 'verbose_json' && !wordsAreRaw)
    throw invalidValue(
      'timestamp_granularities[]',
      "'timestamp_granularities' of 'word' is only supported with response_format 'verbose_json'.",
    );
  return { words, segments: wordsAreRaw || asked.includes('segment') || !words };
}

function includesLogprobs({ fields }: Form, how: TranscriptionModel, format: TranscriptFormat): boolean {
  const asked = fields.get('include[]') ?? [];
  const unknown = asked.find((one) => one !== 'logprobs');
  if (unknown !== undefined) throw notOneOf('include[]', unknown, ['logprobs']);
  if (asked.length > 0 && (!how.logprobs || format !== 'json'))
    throw invalidValue('include[]', "'logprobs' is not supported with this model and response_format.");
  return asked.length > 0;
}

function booleanOf(given: string | undefined, name: string): boolean {
  if (given === undefined) return false;
  if (!/^(true|false)$/i.test(given))
    throw invalidValue(name, `Invalid '${name}': expected a boolean, got '${given}'.`);
  return given.toLowerCase() === 'true';
}

function languageOf(given: string | undefined): string | null {
  if (given === undefined || given === '') return null;
  if (!/^[a-z]{2,3}$/i.test(given))
    throw new OpenAIError(
      400,
      `Invalid language '${given}'. Language parameter must be specified in ISO-639-1 format.`,
      {
        code: 'invalid_language_format',
        param: 'language',
      },
    );
  return given.toLowerCase();
}

function temperatureOf(given: string | undefined): number {
  const value = given === undefined || given.trim() === '' ? 0 : Number(given);
  if (!(value >= 0 && value <= 1))
    throw invalidValue('temperature', `Invalid 'temperature': expected a number from 0 to 1, got '${given ?? ''}'.`);
  return value;
}
