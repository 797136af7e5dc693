import type { Readable } from 'node:stream';
import type { z } from 'zod';
import type { JsonObject, JsonValue } from '../common/json.js';
import type { EgressOptions, EgressResponse } from '../egress/egress.js';

export type Modality = 'video' | 'image' | 'music';
export type MediaKind = 'image' | 'video' | 'audio';

/** Input fields that name media, by the name they have in the request. */
export type ReferenceRole =
  | 'image'
  | 'last_image'
  | 'reference_images'
  | 'reference_videos'
  | 'reference_audios'
  | 'video'
  | 'images'
  | 'mask'
  | 'audio';

/** A reference that Kiln has fetched, checked and stored; adapters take its bytes, or a link a provider can read. */
export interface ResolvedReference {
  role: ReferenceRole;
  /** Position within the role. */
  index: number;
  kind: MediaKind;
  contentType: string;
  bytes: number;
  width: number | null;
  height: number | null;
  durationSeconds: number | null;
  filename: string;
  open(): Promise<Readable>;
  /** Whole content; throws when larger than `maxBytes`. */
  read(maxBytes: number): Promise<Buffer>;
  /** A public https link, valid for hours. */
  url(): Promise<string>;
}

/** What a route is asked to do. `input` holds the request's fields as the catalog's schema left them, media fields excepted. */
export interface MediaTask {
  jobId: string;
  modality: Modality;
  /** e.g. `text_to_video`, `image_to_video`, `text_to_image`, `image_to_image`, `generate`, `cover`. */
  operation: string;
  /** The provider's model id, from the route. */
  model: string;
  input: JsonObject;
  references: ResolvedReference[];
  /** `provider_options.{adapter}`, already parsed by the adapter's `options`. */
  options: JsonObject;
  /** The route's own settings from the catalog (ComfyUI: `{workflow: {...}}`). */
  settings: JsonObject;
}

export interface ProviderContext {
  /** Base URL without a trailing slash, saved on the attempt before the first call. */
  endpoint: string;
  /** Resolved by name; never logged. */
  credential: Credential | null;
  /** Canonical lowercase UUID, saved on the attempt before submit. */
  token: string;
  /** To the endpoint's own origin. Sends no credential by itself. */
  fetch(url: string, options?: EgressOptions): Promise<EgressResponse>;
  /** To a URL that a provider answered with: guarded, public addresses only, unless it is on the endpoint's origin. */
  fetchForeign(url: string, options?: EgressOptions): Promise<EgressResponse>;
  now(): number;
  signal: AbortSignal;
  /** Where the provider may ring when the work is done; absent where it could not reach Kiln, or the wire has no callbacks. */
  callbackUrl?: string;
  /** What the provider signs its callbacks with, where an operator has set it (`KILN_CALLBACK_SECRET_…`). */
  callbackSecret?: string;
  /** Keeps bytes that came with an answer, which no later call brings again. Streams; the artifact is whole when this resolves. */
  keep(artifact: Pick<Artifact, 'type' | 'name' | 'contentType'>, body: Readable | Buffer): Promise<Artifact>;
}

export type Credential =
  | { kind: 'api_key'; key: string }
  | { kind: 'bearer'; token: string }
  | { kind: 'google_service_account'; json: string };

/** Something a provider has made. Opaque to the engine but for `type` and `name`; saved on the attempt. */
export interface Artifact {
  type: MediaKind;
  /** Name of a stem or variation, where the provider names it. */
  name?: string;
  contentType?: string;
  /** Whatever `openArtifact` needs to find the bytes again. */
  source: JsonValue;
  /** Where `ctx.keep` put the bytes; the engine reads those itself, and `openArtifact` is not asked. */
  kept?: string;
}

export type Submitted = {
  /** What poll and cancel take back; opaque JSON. */
  taskId: JsonValue;
  /** The results, where submit itself took as long as the work (`can.synchronous`): all of them kept by `ctx.keep`. */
  artifacts?: Artifact[];
  /** What the provider asked for it, where the answer says. */
  upstreamCostMicroUsd?: number;
  /** What the request could not be given exactly, e.g. "duration_seconds 5 became 121 frames (5.04 s)". */
  warnings?: string[];
};

export type TaskState =
  | { state: 'pending'; progress?: number; position?: number; pollAfterMs?: number; started?: boolean }
  | { state: 'succeeded'; artifacts: Artifact[]; warnings?: string[]; upstreamCostMicroUsd?: number }
  | { state: 'failed'; error: ProviderError }
  /** The provider does not know the task: right after a submit this can be early, so the engine decides when it is lost. */
  | { state: 'missing' };

export type ProviderErrorKind =
  | 'invalid_input'
  | 'content_policy'
  | 'auth'
  | 'quota'
  | 'rate_limited'
  | 'unavailable'
  | 'timeout'
  | 'not_found'
  | 'internal';

/** `outcome: rejected` = nothing was bought; `unknown` = it may have been. `message` is for ops, except for invalid_input and content_policy. */
export class ProviderError extends Error {
  override readonly name = 'ProviderError';
  constructor(
    readonly kind: ProviderErrorKind,
    readonly outcome: 'rejected' | 'unknown',
    message: string,
    readonly detail: {
      retryAfterMs?: number;
      upstreamStatus?: number;
      param?: string;
      /** What the provider says it took for the work that failed. */
      upstreamCostMicroUsd?: number;
      /** The provider's own word, where clients know it: `context_length_exceeded`. */
      code?: string;
      raw?: string;
      cause?: unknown;
    } = {},
  ) {
    super(message, { cause: detail.cause });
  }
}

/** A route's settings can't be used: which part, and what is wrong with it. Stops the start. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}

export interface ArtifactStream {
  body: Readable;
  contentType: string | null;
  /** Whole length where known. */
  totalBytes: number | null;
  /** First byte of `body` within the whole: 0 when the source can't resume. */
  offset: number;
}

/** Progress pushed over a socket that the engine's hub owns, one per instance. Polling stays the truth. */
export interface ProgressSocket {
  url(endpoint: string, clientId: string): string;
  /** The id that `submit` names for this instance, so that its events come to the hub's socket. */
  clientId(endpoint: string): string;
  /** `taskKey` equals `taskKeyOf(taskId)`. */
  parse(frame: string): { taskKey: string; progress: number }[];
  taskKeyOf(taskId: JsonValue): string;
}

export interface Capabilities {
  cancel: boolean;
  findByToken: boolean;
  /** The provider rings `ctx.callbackUrl`. */
  callback: boolean;
  /** The same token twice buys once. */
  idempotencyKey: boolean;
  /** Resubmitting costs nobody money (in-cluster). */
  resubmitSafe: boolean;
  /** submit itself takes as long as the generation does, and answers with its artifacts. */
  synchronous: boolean;
}

/** A provider's doorbell as it came in: names are lowercase, the body is the bytes that were signed. */
export interface CallbackRequest {
  headers: Readonly<Record<string, string | undefined>>;
  body: Buffer;
}

export interface Adapter {
  readonly id: string;
  readonly modalities: readonly Modality[];
  /** By the route's settings: one provider may have several wires. Pure. */
  can(settings: JsonObject): Capabilities;
  /** How long after a submit the provider may still say `missing` of a task it has; default 5000. */
  readonly missingGraceMs?: number;
  /** Strict schema of `provider_options.{id}`: what Kiln sets, changes a price or names a destination is not in it. */
  readonly options: z.ZodType<JsonObject>;
  /** Schema of the route's `settings` in the catalog; a wrong one stops the start. */
  readonly settings: z.ZodType<JsonObject>;
  /** Turns `settings` as an operator writes them, with names of files, into what `settings` checks; throws SettingsError. */
  resolveSettings?(written: JsonObject, readFile: (name: string) => string): JsonObject;
  /** Fields of this task that the route can't do, as messages; a non-empty answer passes the route over. Pure. */
  unsupported(task: TaskShape): string[];
  submit(task: MediaTask, ctx: ProviderContext): Promise<Submitted>;
  poll(taskId: JsonValue, ctx: ProviderContext): Promise<TaskState>;
  openArtifact(artifact: Artifact, taskId: JsonValue, ctx: ProviderContext, offset: number): Promise<ArtifactStream>;
  /** The task this token made, or null when the provider proves that there is none. */
  findByToken?(token: string, ctx: ProviderContext): Promise<JsonValue | null>;
  /** `canceled`: it will not finish. `too_late`: it had finished or can't be stopped. */
  cancel?(taskId: JsonValue, ctx: ProviderContext): Promise<'canceled' | 'too_late'>;
  /**
   * Whether a callback comes from the provider, beyond the secret token in its address: null when it does, else why not;
   * throws while that can't be told. What it says is not read: the engine polls. Wires that sign nothing leave this out.
   */
  verifyCallback?(request: CallbackRequest, ctx: ProviderContext): Promise<string | null>;
  /** Queue length of one instance, smaller is better; throws when it is not ready. */
  load?(ctx: ProviderContext): Promise<number>;
  progress?: ProgressSocket;
}

/** What is known of a task before its references are fetched. */
export interface TaskShape {
  modality: Modality;
  operation: string;
  model: string;
  input: JsonObject;
  /** Number of references by role. */
  references: Partial<Record<ReferenceRole, number>>;
  settings: JsonObject;
}
