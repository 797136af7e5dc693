import type { Usage } from '../../billing/usage.js';
import type { JsonObject, JsonValue } from '../../common/json.js';

/**
 * A text request as none of the three APIs writes it: what a client asked for, so that any upstream's API can be asked the
 * same. Fields left out were not asked for. Strings of images, audio and documents are shared, never copied.
 */
export interface Conversation {
  turns: Turn[];
  tools: Tool[];
  toolChoice?: ToolChoice;
  parallelToolCalls?: boolean;
  /** Includes reasoning, as every API counts it. */
  maxOutputTokens?: number;
  temperature?: number;
  topP?: number;
  topK?: number;
  stop?: string[];
  /** Answers asked for; 1 where left out. */
  n?: number;
  seed?: number;
  presencePenalty?: number;
  frequencyPenalty?: number;
  logitBias?: JsonObject;
  /** Likeliest tokens to be shown at each place; 0: only the chosen one. */
  logprobs?: number;
  format?: OutputFormat;
  reasoning?: Reasoning;
  verbosity?: string;
  /** A stable id of the end user. */
  user?: string;
  metadata?: JsonObject;
  serviceTier?: string;
  promptCacheKey?: string;
  /** Whether the top level asks for the last block to be marked for the cache (Anthropic). */
  cache?: CacheMark;
  /** Kinds of output that are asked for beside text: `audio`, `image` (chat completions). */
  modalities?: string[];
  stream: boolean;
  /** The client wants usage in its chat stream (`stream_options.include_usage`). */
  includeUsage: boolean;
  /** Names of fields that only the client's own API knows: passed through there, refused elsewhere. */
  foreign: string[];
}

export type Turn =
  /** System and developer messages, where they stood. */
  | { role: 'system'; parts: TextPart[] }
  | { role: 'user'; parts: UserPart[]; name?: string }
  | { role: 'assistant'; parts: AssistantPart[]; name?: string }
  | { role: 'tool'; callId: string; parts: ToolResultPart[]; isError: boolean; cache?: CacheMark };

export interface CacheMark {
  ttl: '5m' | '1h';
}

export interface TextPart {
  type: 'text';
  text: string;
  cache?: CacheMark;
}
/** `base64` is the data alone, without the prefix of a data URL. */
export type Source =
  | { kind: 'url'; url: string }
  | { kind: 'base64'; mediaType: string; data: string }
  | { kind: 'file'; fileId: string };
export interface ImagePart {
  type: 'image';
  source: Source;
  detail?: string;
  cache?: CacheMark;
}
export interface AudioPart {
  type: 'audio';
  /** `wav`, `mp3`. */
  format: string;
  data: string;
}
export interface VideoPart {
  type: 'video';
  source: Source;
}
export interface DocumentPart {
  type: 'document';
  /** `text` holds a plain-text document itself. */
  source: Source | { kind: 'text'; text: string };
  filename?: string;
  cache?: CacheMark;
}
export type UserPart = TextPart | ImagePart | AudioPart | VideoPart | DocumentPart;
export type ToolResultPart = TextPart | ImagePart | DocumentPart;

export interface ToolCallPart {
  type: 'tool_call';
  id: string;
  name: string;
  /** JSON text, as the model wrote it; '' counts as {}. */
  arguments: string;
  cache?: CacheMark;
}
export interface ReasoningPart {
  type: 'reasoning';
  /** What may be shown of it; '' where only a sealed form exists. */
  text: string;
  /** Anthropic's signature, which must come back with the text unchanged. */
  signature?: string;
  /** Sealed reasoning: Anthropic's `redacted_thinking.data` or OpenAI's `encrypted_content`. */
  sealed?: { by: 'anthropic' | 'openai'; data: string };
  id?: string;
}
export interface RefusalPart {
  type: 'refusal';
  text: string;
}
export type AssistantPart = TextPart | ToolCallPart | ReasoningPart | RefusalPart;

export type Tool =
  | {
      kind: 'function';
      name: string;
      description?: string;
      /** JSON Schema of an object. */
      parameters: JsonObject;
      strict?: boolean;
      cache?: CacheMark;
    }
  /** A tool that the provider runs, or one only its own API has; `type` as it came. */
  | { kind: 'hosted'; type: string };

export type ToolChoice = { type: 'auto' } | { type: 'none' } | { type: 'required' } | { type: 'tool'; name: string };

export type OutputFormat =
  | { type: 'text' }
  | { type: 'json_object' }
  | { type: 'json_schema'; name: string; description?: string; schema: JsonObject; strict?: boolean };

export interface Reasoning {
  /** `none`, `minimal`, `low`, `medium`, `high`, `xhigh`, `max`. */
  effort?: string;
  /** Anthropic's `thinking.type`. */
  mode?: 'enabled' | 'adaptive' | 'disabled' | 'between_tools';
  /** Anthropic's `thinking.budget_tokens`. */
  budgetTokens?: number;
  /** Anthropic's `thinking.display`: summarized, omitted. */
  display?: string;
  /** OpenAI's `reasoning.summary`: auto, concise, detailed. */
  summary?: string;
  /** The client hands sealed reasoning back in its next turn (OpenAI's `include: ["reasoning.encrypted_content"]`). */
  sealed?: boolean;
}

export type FinishReason = 'stop' | 'stop_sequence' | 'length' | 'tool_calls' | 'refusal' | 'pause';

/** Tokens as billed. Every count is of the whole answer so far, never of one event. */
export type TokenUsage = Omit<Usage, 'characters' | 'audioSeconds' | 'images'>;

/** One whole answer. `parts` are in the order they were made. */
export interface Answer {
  /** The upstream's id of it; null where it has none. */
  id: string | null;
  /** The upstream's name of the model that answered. */
  model: string | null;
  parts: AssistantPart[];
  finish: FinishReason;
  stopSequence: string | null;
  /** Null: the upstream said nothing of it. */
  usage: TokenUsage | null;
  serviceTier: string | null;
}

/** What an upstream says went wrong after it had answered 200. */
export interface StreamFault {
  /** The upstream's words, for ops. */
  message: string;
  /** Its own word for the kind: `overloaded_error`, `rate_limit_exceeded`, `502`. */
  code: string | null;
}

/**
 * An answer as it comes, in any API's order. `index` counts tool calls from 0. Counts of `usage` are of the whole answer so
 * far: a later event replaces an earlier one, field by field.
 */
export type StreamEvent =
  | { type: 'start'; id: string | null; model: string | null }
  | { type: 'text'; text: string }
  | { type: 'refusal'; text: string }
  | { type: 'reasoning'; text: string }
  | { type: 'reasoning_signature'; signature: string }
  | { type: 'reasoning_sealed'; by: 'anthropic' | 'openai'; data: string }
  /** A part of reasoning or text ended and another of the same kind follows. */
  | { type: 'part_end' }
  | { type: 'tool_call'; index: number; id: string; name: string }
  | { type: 'tool_arguments'; index: number; fragment: string }
  | { type: 'finish'; reason: FinishReason; stopSequence: string | null }
  | { type: 'usage'; usage: Partial<TokenUsage> }
  | { type: 'fault'; fault: StreamFault }
  /** The upstream's own end of a whole answer: `[DONE]`, `message_stop`, `response.completed`. */
  | { type: 'end' };

export const NO_USAGE: Readonly<TokenUsage> = {
  inputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  cacheWrite1hTokens: 0,
  inputAudioTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  outputAudioTokens: 0,
};

export type { JsonObject, JsonValue };
