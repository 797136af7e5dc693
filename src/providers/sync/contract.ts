import type { Readable } from 'node:stream';
import type { z } from 'zod';
import type { JsonObject } from '../../common/json.js';
import type { EgressOptions, EgressResponse } from '../../egress/egress.js';
import type { Credential } from '../contract.js';

/** What an upstream can be asked in one request. The first three are text, each in an API of its own. */
export type SyncKind = 'chat' | 'responses' | 'messages' | 'count_tokens' | 'embeddings' | 'speech' | 'transcription';

/** AWS signs with a pair of keys; all others take what media wires take. */
export type SyncCredential =
  | Credential
  | { kind: 'aws'; accessKeyId: string; secretAccessKey: string; sessionToken?: string };

/** A file of a form, on disk. */
export interface SyncFile {
  field: string;
  filename: string;
  contentType: string;
  bytes: number;
  /** Read from disk as it is sent, anew for each route. */
  blob(): Promise<Blob>;
}

export interface SyncCall {
  kind: SyncKind;
  /** The provider's model id. */
  model: string;
  /** The request without its model; of a form, its fields. */
  body: JsonObject;
  file?: SyncFile;
  /** The answer is to come as server-sent events. */
  stream: boolean;
  /** Anthropic's `anthropic-version` and `anthropic-beta` as the client sent them. */
  anthropic?: { version: string; betas: string[] };
  /** The route's settings. */
  settings: JsonObject;
  /** Longest wait for the answer's headers, and longest silence after them. */
  timeoutMs: number;
  idleTimeoutMs: number;
}

export interface SyncContext {
  /** Base URL without a trailing slash. */
  endpoint: string;
  credential: SyncCredential | null;
  /** To the endpoint's own origin. Sends no credential by itself. */
  fetch(url: string, options?: EgressOptions): Promise<EgressResponse>;
  now(): number;
  signal: AbortSignal;
}

/** A good answer (2xx), still to be read. Streams are server-sent events, whatever the wire has. */
export interface SyncResponse {
  contentType: string | null;
  headers: Headers;
  body: Readable;
}

/** One provider's synchronous wire. Translates and authenticates; what is asked and read stands elsewhere. */
export interface SyncAdapter {
  readonly id: string;
  /** Schema of the route's `settings`; a wrong one stops the start. */
  readonly settings: z.ZodType<JsonObject>;
  /** What it can be asked, by the route's settings. */
  kinds(settings: JsonObject): readonly SyncKind[];
  /** Throws ProviderError for everything that is not a good answer. */
  send(call: SyncCall, ctx: SyncContext): Promise<SyncResponse>;
}
