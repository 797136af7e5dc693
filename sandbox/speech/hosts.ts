/**
 * Who serves sound below which path, with which models, and how their wires differ.
 *
 * OpenAI: its Node client's types (audio/speech, audio/transcriptions) and `providers/openai.md`'s tables. Groq: the AI SDK's
 * Groq provider (models, formats, `x_groq`). DeepInfra: its published OpenAPI schemas (`OpenAITextToSpeechIn`). Self-hosted:
 * the routers of speaches (faster-whisper) and Kokoro-FastAPI.
 */
import type { Provider } from '../faults.js';
import { SPEECH_FORMATS, type SpeechFormat } from '../render/recipes.js';
import { OPENAI as OPENAI_TEXT, VENDORS } from '../text/vendors.js';
import type { ErrorManner } from './errors.js';
import { KOKORO_VOICES, OPENAI_VOICES, TTS_1_VOICES } from './voices.js';

export type TranscriptFormat = 'json' | 'text' | 'srt' | 'verbose_json' | 'vtt';

export interface SpeechModel {
  voices: readonly string[];
  /** Takes `stream_format: sse` and answers with usage. */
  streamsEvents: boolean;
}

export interface SpeechOffer {
  models: Readonly<Record<string, SpeechModel>>;
  formats: readonly SpeechFormat[];
  defaultFormat: SpeechFormat;
  /** Null: the request must name one. */
  defaultVoice: string | null;
  /** Null: no limit. */
  maxCharacters: number | null;
  /** Null: what is not known is ignored. */
  fields: readonly string[] | null;
  /** Kokoro-FastAPI: OpenAI's names stand for its own, and voices mix as `af_bella+af_sky(2)`. */
  mixesVoices: boolean;
}

export interface TranscriptionModel {
  formats: readonly TranscriptFormat[];
  /** What `stream: true` makes: OpenAI's events, one JSON a segment (speaches), or nothing. */
  streams: 'events' | 'segments' | null;
  usage: 'tokens' | 'duration' | null;
  logprobs: boolean;
  translates: boolean;
}

export interface TranscriptionOffer {
  models: Readonly<Record<string, TranscriptionModel>>;
  maxBytes: number;
  /** What a file's name may end with; null: the name says nothing. */
  extensions: readonly string[] | null;
  fields: readonly string[] | null;
  /** How `verbose_json` names a language: `english`, `English`, `en`. */
  language: 'lower' | 'title' | 'code';
  /** faster-whisper's words begin with their space and say how probable they are. */
  wordsAreRaw: boolean;
  /** `x_groq: {id}` in JSON. */
  groqId: boolean;
}

export interface AudioHost {
  provider: Provider;
  prefix: string;
  /** Self-hosted servers here ask for no key. */
  isKeyed: boolean;
  manner: ErrorManner;
  speech: SpeechOffer | null;
  transcription: TranscriptionOffer | null;
}

function prefixOf(provider: Provider): string {
  const vendor = VENDORS.find((one) => one.provider === provider);
  if (vendor === undefined) throw new Error(`${provider} is not mounted`);
  return vendor.prefix;
}

const MEBIBYTE = 1024 * 1024;
const ALL_FORMATS: readonly TranscriptFormat[] = ['json', 'text', 'srt', 'verbose_json', 'vtt'];
const EXTENSIONS = ['flac', 'm4a', 'mp3', 'mp4', 'mpeg', 'mpga', 'oga', 'ogg', 'wav', 'webm'] as const;

const WHISPER: TranscriptionModel = {
  formats: ALL_FORMATS,
  streams: null,
  usage: 'duration',
  logprobs: false,
  translates: true,
};
const GPT_TRANSCRIBE: TranscriptionModel = {
  formats: ['json'],
  streams: 'events',
  usage: 'tokens',
  logprobs: true,
  translates: false,
};
const GROQ_WHISPER: TranscriptionModel = { ...WHISPER, formats: ['json', 'text', 'verbose_json'], usage: null };
const FASTER_WHISPER: TranscriptionModel = { ...WHISPER, streams: 'segments', usage: null };
const DEEPINFRA_WHISPER: TranscriptionModel = { ...WHISPER, usage: null };

const TTS_1: SpeechModel = { voices: TTS_1_VOICES, streamsEvents: false };
const GPT_TTS: SpeechModel = { voices: OPENAI_VOICES, streamsEvents: true };
const KOKORO: SpeechModel = { voices: KOKORO_VOICES, streamsEvents: false };
/** openai_mappings.json of Kokoro-FastAPI. */
const MAPPED_KOKORO: SpeechModel = { voices: [...KOKORO_VOICES, ...TTS_1_VOICES], streamsEvents: false };

const SHARED_FIELDS = ['model', 'language', 'prompt', 'response_format', 'temperature', 'timestamp_granularities[]'];

const OPENAI: AudioHost = {
  provider: 'openai',
  prefix: OPENAI_TEXT.prefix,
  isKeyed: true,
  manner: 'vendor',
  speech: {
    models: {
      'tts-1': TTS_1,
      'tts-1-hd': TTS_1,
      'gpt-4o-mini-tts': GPT_TTS,
      'gpt-4o-mini-tts-2025-12-15': GPT_TTS,
    },
    formats: SPEECH_FORMATS,
    defaultFormat: 'mp3',
    defaultVoice: null,
    maxCharacters: 4096,
    fields: ['model', 'input', 'voice', 'instructions', 'response_format', 'speed', 'stream_format'],
    mixesVoices: false,
  },
  transcription: {
    models: {
      'whisper-1': WHISPER,
      'gpt-4o-transcribe': GPT_TRANSCRIBE,
      'gpt-4o-mini-transcribe': GPT_TRANSCRIBE,
      'gpt-4o-mini-transcribe-2025-12-15': GPT_TRANSCRIBE,
    },
    maxBytes: 25 * MEBIBYTE,
    extensions: EXTENSIONS,
    fields: [...SHARED_FIELDS, 'stream', 'include[]', 'chunking_strategy'],
    language: 'lower',
    wordsAreRaw: false,
    groqId: false,
  },
};

const GROQ: AudioHost = {
  provider: 'groq',
  prefix: prefixOf('groq'),
  isKeyed: true,
  manner: 'vendor',
  speech: null,
  transcription: {
    models: {
      'whisper-large-v3': GROQ_WHISPER,
      'whisper-large-v3-turbo': { ...GROQ_WHISPER, translates: false },
    },
    maxBytes: 100 * MEBIBYTE,
    extensions: [...EXTENSIONS, 'opus'],
    fields: SHARED_FIELDS,
    language: 'title',
    wordsAreRaw: false,
    groqId: true,
  },
};

const DEEPINFRA: AudioHost = {
  provider: 'deepinfra',
  prefix: prefixOf('deepinfra'),
  isKeyed: true,
  manner: 'vendor',
  speech: {
    models: { 'hexgrad/Kokoro-82M': KOKORO },
    formats: ['mp3', 'opus', 'flac', 'wav', 'pcm'],
    defaultFormat: 'wav',
    defaultVoice: 'af_bella',
    maxCharacters: null,
    fields: null,
    mixesVoices: false,
  },
  transcription: {
    models: { 'openai/whisper-large-v3': DEEPINFRA_WHISPER, 'openai/whisper-large-v3-turbo': DEEPINFRA_WHISPER },
    maxBytes: 25 * MEBIBYTE,
    extensions: null,
    fields: null,
    language: 'code',
    wordsAreRaw: false,
    groqId: false,
  },
};

const SELF_HOSTED_WHISPER: AudioHost = {
  provider: 'whisper',
  prefix: '/whisper/v1',
  isKeyed: false,
  manner: 'fastapi',
  speech: null,
  transcription: {
    models: {
      'Systran/faster-whisper-large-v3': FASTER_WHISPER,
      'deepdml/faster-whisper-large-v3-turbo-ct2': FASTER_WHISPER,
      'whisper-1': FASTER_WHISPER,
    },
    maxBytes: 100 * MEBIBYTE,
    extensions: null,
    fields: null,
    language: 'code',
    wordsAreRaw: true,
    groqId: false,
  },
};

const SELF_HOSTED_KOKORO: AudioHost = {
  provider: 'kokoro',
  prefix: '/kokoro/v1',
  isKeyed: false,
  manner: 'kokoro',
  speech: {
    models: {
      kokoro: MAPPED_KOKORO,
      'tts-1': MAPPED_KOKORO,
      'tts-1-hd': MAPPED_KOKORO,
      'gpt-4o-mini-tts': MAPPED_KOKORO,
    },
    formats: SPEECH_FORMATS,
    defaultFormat: 'mp3',
    defaultVoice: 'af_heart',
    maxCharacters: null,
    fields: null,
    mixesVoices: true,
  },
  transcription: null,
};

export const AUDIO_HOSTS: readonly AudioHost[] = [OPENAI, GROQ, DEEPINFRA, SELF_HOSTED_WHISPER, SELF_HOSTED_KOKORO];

export function modelsOf({ speech, transcription }: AudioHost): string[] {
  return [...Object.keys(speech?.models ?? {}), ...Object.keys(transcription?.models ?? {})];
}

/** The sound models of a provider, for its list of models. */
export function audioModelsOf(provider: Provider): string[] {
  return AUDIO_HOSTS.filter((host) => host.provider === provider).flatMap(modelsOf);
}
