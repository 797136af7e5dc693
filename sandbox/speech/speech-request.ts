import { type Body, wordFor } from '../openai/body.js';
import {
  invalidType,
  invalidValue,
  missingParameter,
  notOneOf,
  OpenAIError,
  unknownParameter,
} from '../openai/errors.js';
import type { Utterance } from '../render/recipes.js';
import type { AudioHost, SpeechModel, SpeechOffer } from './hosts.js';

const SLOWEST = 0.25;
const FASTEST = 4;

export interface SpeechRequest extends Utterance {
  model: string;
  /** `stream_format: sse`. */
  asEvents: boolean;
}

/** Checks a request as the host does. `text` is `input` without its markers. */
export function readSpeech(host: AudioHost & { speech: SpeechOffer }, body: Body, text: string): SpeechRequest {
  const { speech, manner } = host;
  if (speech.fields !== null) body.onlyKnown(speech.fields);
  const name = body.text('model') ?? (manner === 'kokoro' ? 'kokoro' : undefined);
  if (name === undefined) throw missingParameter('model');
  const model = Object.hasOwn(speech.models, name) ? speech.models[name] : undefined;
  if (model === undefined) throw noModel(host, name);
  const input = body.text('input');
  if (input === undefined) throw missingParameter('input');
  if (input.trim() === '') throw invalidValue('input', "Invalid 'input': empty string. Expected at least 1 character.");
  const { length } = Array.from(input);
  if (speech.maxCharacters !== null && length > speech.maxCharacters)
    throw new OpenAIError(
      400,
      `Invalid 'input': string too long. Expected a string with maximum length ${speech.maxCharacters}, but instead got a string with length ${length}.`,
      { code: 'string_above_max_length', param: 'input' },
    );
  const asEvents =
    speech.fields?.includes('stream_format') === true && body.choice('stream_format', ['audio', 'sse']) === 'sse';
  if (asEvents && !model.streamsEvents)
    throw invalidValue('stream_format', `'stream_format' of 'sse' is not supported with model '${name}'.`);
  if (speech.fields?.includes('instructions') === true) body.text('instructions');
  return {
    model: name,
    text,
    voice: voiceOf(body, model, speech),
    format: body.choice('response_format', speech.formats) ?? speech.defaultFormat,
    speed: body.number('speed', SLOWEST, FASTEST) ?? 1,
    asEvents,
  };
}

function noModel({ manner }: AudioHost, name: string): OpenAIError {
  if (manner === 'kokoro') return new OpenAIError(400, `Unsupported model: ${name}`, { code: 'invalid_model' });
  return new OpenAIError(404, `The model '${name}' does not exist or you do not have access to it.`, {
    code: 'model_not_found',
    param: 'model',
  });
}

function voiceOf(body: Body, model: SpeechModel, offer: SpeechOffer): string {
  const given = body.given('voice') ?? offer.defaultVoice;
  if (given === null) throw missingParameter('voice');
  if (typeof given === 'object' && offer.fields !== null) return customVoice(given);
  if (typeof given !== 'string') throw invalidType('voice', 'a string', wordFor(given));
  if (offer.mixesVoices) return mixedVoice(given, model);
  if (!model.voices.includes(given)) throw notOneOf('voice', given, model.voices);
  return given;
}

/** `{id}` of a voice of the organization's own; this sandbox takes any. */
function customVoice(given: object): string {
  const unknown = Object.keys(given).find((key) => key !== 'id');
  if (unknown !== undefined) throw unknownParameter(`voice.${unknown}`);
  const id = 'id' in given ? given.id : undefined;
  if (id === undefined) throw missingParameter('voice.id');
  if (typeof id !== 'string') throw invalidType('voice.id', 'a string', wordFor(id));
  return id;
}

/** Kokoro-FastAPI's `process_and_validate_voices`: names joined by `+` or `-`, each with an optional weight. */
function mixedVoice(given: string, model: SpeechModel): string {
  const compact = given.replaceAll(' ', '');
  const refused = (message: string) => new OpenAIError(400, message, { code: 'validation_error' });
  if (compact === '' || /^[+-]|[+-]$|[+-]{2}/.test(compact))
    throw refused('Voice combination contains empty combine items');
  const names = compact.split(/[+-]/).map((item) => item.split('(')[0] ?? '');
  const missing = names.find((name) => !model.voices.includes(name));
  if (missing !== undefined)
    throw refused(`Voice '${missing}' not found. Available voices: ${[...model.voices].toSorted().join(', ')}`);
  return compact;
}
