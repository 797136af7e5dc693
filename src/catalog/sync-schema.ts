import type { JsonObject } from '../common/json.js';
import type { RouteBase } from './schema.js';

/** What a model of the synchronous gateway does. */
export type SyncModality = 'text' | 'embedding' | 'speech' | 'transcription';

/** What a text model can be asked for beyond text in, text out. */
export const FEATURES = [
  'tools',
  'parallel_tools',
  'vision',
  'audio',
  'video',
  'documents',
  'json_object',
  'json_schema',
  'logprobs',
  'logit_bias',
  'penalties',
  'seed',
  'n',
  'top_k',
] as const;
export type Feature = (typeof FEATURES)[number];

/** What an upstream's text model can be asked for. */
export interface ModelTraits {
  features: ReadonlySet<Feature>;
  /** Most it can write; also what is asked for where the API demands a number and the client gave none. */
  maxOutputTokens: number;
  /** False: it refuses temperature, top_p and top_k other than their defaults. */
  sampling: boolean;
  /** How thinking is asked for: by a budget, by effort alone (adaptive), or not at all. */
  thinking: 'none' | 'budget' | 'adaptive';
  /** Efforts it knows; empty where it takes none. */
  efforts: readonly string[];
  /** Whether tool use can be forced (`required`, a named tool). */
  forcedTools: boolean;
  /** Whether the last turn may be the beginning of the answer. */
  prefill: boolean;
  /** Name of the output limit in chat completions: servers that know only the old name ignore the new one. */
  maxTokensField: 'max_completion_tokens' | 'max_tokens';
  /** Role of system messages in chat completions. */
  systemRole: 'system' | 'developer';
  /** Whether `stream_options.include_usage` can be sent. */
  streamUsage: boolean;
  /** Whether a chat server knows `cache_control` on parts (OpenRouter); others refuse the unknown field. */
  cacheMarks?: boolean;
  /** Where a chat server takes the reasoning of earlier turns back; left out where it refuses or ignores it. */
  reasoningField?: 'reasoning_content' | 'reasoning';
  /** Whether it signs its tool calls and wants the signatures back (Gemini 3). */
  signsCalls?: boolean;
}

/** One way to answer an alias at once. */
export interface SyncRoute extends RouteBase {
  /** Null: the provider's own list says it, model by model. */
  price: UsagePrice | null;
  /** Of a wildcard: prices by the beginning of the provider's model id, the longest that fits. */
  prices: ReadonlyMap<string, UsagePrice>;
  /** Client price = list × this, also of prices that the provider lists itself. */
  multiplier: number;
  /** Longest input and output together, in tokens; null where the modality has none. */
  contextTokens: number | null;
  traits: ModelTraits;
  /** A route that has shown nothing of a stream by then has failed. */
  firstByteTimeoutMs: number;
  /** A route that has not answered whole by then has failed. */
  timeoutMs: number;
  /** Longest silence within an answer. */
  idleTimeoutMs: number;
}

/** An alias that is answered in the request itself. */
export interface SyncModel {
  id: string;
  modality: SyncModality;
  title: string;
  description: string;
  /** What the alias promises in tokens, whichever route answers; null where the modality has none. */
  contextTokens: number | null;
  /** Longest output, in tokens; null where the modality has none. */
  maxOutputTokens: number | null;
  /** Until an answer must have begun, a whole one have come: all routes together. */
  deadlineMs: number;
  /** Shown in /v1/models. */
  limits: JsonObject;
  /** In order of choice. */
  routes: SyncRoute[];
  /** Unix seconds. */
  created: number;
}

/** Micro-USD a million of each. A kind of input that is left out costs what `input` costs, one of output what `output` costs. */
export interface UsageRates {
  input?: number;
  cacheRead?: number;
  cacheWrite?: number;
  cacheWrite1h?: number;
  inputAudio?: number;
  output?: number;
  outputAudio?: number;
  /** Characters of spoken text. */
  characters?: number;
  /** Seconds of audio heard. */
  audioSeconds?: number;
}

/** What a route asks for usage. Which kinds a modality needs is checked at the start: nothing is free by omission. */
export interface UsagePrice {
  rates: UsageRates;
  /** Above so many input tokens the whole request costs by these rates. */
  long: { aboveInputTokens: number; rates: UsageRates } | null;
  /** What a client pays is list × multiplier. */
  multiplier: number;
  /** Where the list price was read. */
  source: string;
  /** Day it was read, YYYY-MM-DD. */
  date: string;
}
