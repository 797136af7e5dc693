import type { z } from 'zod';
import type { JsonObject } from '../common/json.js';
import type { MediaKind, Modality } from '../providers/contract.js';

/** A provider's model on its endpoints, whatever is done with it. */
export interface RouteBase {
  /** Unique: `{alias}/{name}`, e.g. `veo-3.1/vertex`. */
  id: string;
  /** Adapter id. */
  provider: string;
  /** The provider's model id. */
  model: string;
  /** Base URLs without a trailing slash; empty only where `disabled`. */
  endpoints: string[];
  /** Name of the credential; null where the endpoint asks for none. */
  credential: string | null;
  /** Checked by the adapter's `settings` schema. */
  settings: JsonObject;
  /** Day (YYYY-MM-DD, UTC) from which the provider no longer answers. */
  retiresOn: string | null;
  /** Another model under a stable alias. */
  substitute: boolean;
  /** Answers while a cold GPU route wakes. */
  bridge: boolean;
  /** Chosen because the route that would come first was cold. */
  bridging?: true;
  /** The endpoint sleeps when idle; null where it never does. */
  scaleToZero: { idleSeconds: number; startSeconds: number } | null;
  /** Share of the work among the routes beside it that have a weight; null: strictly in order. */
  weight: number | null;
  /** Served by the sandbox. */
  sandbox: boolean;
  /** Why the route can't be used in this process; null when it can. */
  disabled: string | null;
}

/** One way to run a job of an alias. */
export interface Route extends RouteBase {
  lane: string;
  /** What the provider asks of us; multiplier 1. */
  upstreamPrice: PriceRule;
  /** Most runs of this route at once, within its lane; null leaves it to the lane. */
  capacity: number | null;
  /** What a full lane means: wait for it, or go to the next route. */
  spill: 'never' | 'at_once' | { afterMs: number };
  /** A provider run longer than this is lost. */
  maxRunSeconds: number;
  submitTimeoutMs: number;
  /** Usual gap between polls. */
  pollIntervalMs: number;
  /** Most polls of one worker over all jobs of the route; null where the provider sets no limit. */
  pollsPerSecond: number | null;
  /** What a run takes, until it has been measured. */
  expectedSeconds: number;
  /** How long an attempt whose submit may have been bought is looked for. */
  unknownTtlSeconds: number;
  /** Its submit takes as long as the work does: no task to poll, and another queue. */
  synchronous: boolean;
}

export const isJobRoute = (route: RouteBase): route is Route => 'lane' in route;

/** A provider's parallel limit or a GPU pool's slots. */
export interface Lane {
  id: string;
  capacity: number;
  /** Slots of one instance; null where the endpoints share one limit. */
  perEndpoint: number | null;
}

/** An alias a client may name in `model`. */
export interface Model {
  id: string;
  modality: Modality;
  title: string;
  description: string;
  operations: string[];
  /** The declared input fields, by name. */
  fields: Readonly<Record<string, FieldSpec>>;
  /** What must hold between fields. */
  rules: readonly FieldRule[];
  /** Fields of the modality that this model refuses for a reason worth saying. */
  refused: Readonly<Record<string, string>>;
  /** What can be done to a clip, and by which input field it is given; a field alone does not say what becomes of it. */
  clips: Readonly<Partial<Record<ClipUse, string>>>;
  /** Strict, defaults applied. Use `parseInput`, which names what is allowed. */
  input: z.ZodType<Record<string, unknown>>;
  inputJsonSchema: JsonObject;
  price: PriceRule;
  /** Shown in /v1/models. */
  limits: JsonObject;
  /** In order of choice. */
  routes: Route[];
  /** Default of a job's `deadline_seconds`. */
  deadlineSeconds: number;
  /** Unix seconds. */
  created: number;
}

/** `edit` changes a clip, `extend` gives the clip with more after it. */
export type ClipUse = 'edit' | 'extend';

export type Scalar = string | number | boolean;

/** Price of one unit where every field of `when` has one of the listed values; the first rate that fits counts. */
export interface Rate {
  when: Readonly<Record<string, readonly Scalar[]>>;
  microUsd: number;
  /** Unit `token` only: what one `per` takes. */
  tokens?: number;
}

interface PriceTerms {
  rates: readonly Rate[];
  /** What a client pays is list × multiplier. */
  multiplier: number;
  /** Where the list price was read. */
  source: string;
  /** Day it was read, YYYY-MM-DD. */
  date: string;
}

/** What a price is counted in: `second` of `duration_seconds`, `image` of `n`, `song` one a job. */
export type PriceUnit = 'second' | 'image' | 'song';

/** `token`: a price a million tokens, of which each `per` takes the rate's `tokens`. */
export type PriceRule = (PriceTerms & { unit: PriceUnit }) | (PriceTerms & { unit: 'token'; per: PriceUnit });

interface FieldBase {
  required: boolean;
  description: string;
}

export type FieldSpec = FieldBase &
  (
    | { type: 'text'; maxLength: number; default?: string }
    | { type: 'integer' | 'number'; min?: number; max?: number; values?: readonly number[]; default?: number }
    | { type: 'boolean'; default?: boolean }
    | { type: 'choice'; values: readonly string[]; default?: string }
    | { type: 'choice_list'; values: readonly string[]; max: number }
    /** `1024x768`: sides in pixels. */
    | { type: 'size'; min: number; max: number; step: number; default?: string }
    /** Adapters of weights: by a name of `values`, or, where `urls`, by an https link that the provider reads. */
    | { type: 'lora_list'; values: readonly string[]; urls: boolean; max: number }
    /** A movement of `values`; those of CAMERA_AXES with an amount from -10 to 10. */
    | { type: 'camera'; values: readonly string[] }
    | { type: 'media'; media: MediaKind }
    | { type: 'media_list'; media: MediaKind; max: number }
  );

/** Holds when every field of `when` is given (`true`) or has one of the values. Then exactly one of the rest must hold. */
export interface FieldRule {
  when: Readonly<Record<string, true | readonly Scalar[]>>;
  /** Fields that must have one of these values. */
  require?: Readonly<Record<string, readonly Scalar[]>>;
  /** Fields that must be given too. */
  needs?: readonly string[];
  /** Fields that must not be given. */
  excludes?: readonly string[];
  because: string;
}
