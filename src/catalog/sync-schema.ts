import type { JsonObject } from '../common/json.js';
import type { RouteBase } from './schema.js';

/** What a model of the synchronous gateway does. */
export type SyncModality = 'text' | 'embedding' | 'speech' | 'transcription';

/** One way to answer an alias at once. */
export interface SyncRoute extends RouteBase {
  price: UsagePrice;
  /** Longest input and output together, in tokens; null where the modality has none. */
  contextTokens: number | null;
  /** Longest output, in tokens; null where the modality has none. */
  maxOutputTokens: number | null;
  /** A route that has shown nothing of its answer by then has failed. */
  firstByteTimeoutMs: number;
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
