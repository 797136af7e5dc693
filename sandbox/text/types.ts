/**
 * What the brain reads and gives, in nobody's wire format. A wire turns its provider's body into a `TextRequest`, calls
 * `think` (brain.ts), and writes the `TextReply` in its provider's words, cut by `chunksOf` (chunks.ts) where it streams.
 */
export type JsonSchema = Record<string, unknown> | boolean;

export type UserPart =
  | { kind: 'text'; text: string }
  /** `about` is what the answer says it saw: `image/png 64x48`, or the link. */
  | { kind: 'image' | 'audio' | 'document'; about: string; tokens: number };

export interface ToolCall {
  id: string;
  name: string;
  arguments: Record<string, unknown>;
}

export type Turn =
  | { role: 'user'; parts: UserPart[] }
  | { role: 'assistant'; text: string; toolCalls: ToolCall[] }
  /** `name` is null where the wire does not repeat it: it is looked up by the call's id. */
  | { role: 'tool'; callId: string; name: string | null; text: string };

export interface Tool {
  name: string;
  description: string;
  /** Of the arguments, an object. */
  schema: JsonSchema;
}

export type TextFormat = { kind: 'text' } | { kind: 'json_object' } | { kind: 'json_schema'; schema: JsonSchema };

export interface TextRequest {
  system: string[];
  turns: Turn[];
  tools: Tool[];
  toolChoice: 'auto' | 'none' | 'required' | { name: string };
  /** More than one call in a turn. */
  parallelTools: boolean;
  format: TextFormat;
  /** Reasoning counts too; null: no limit but the model's own. */
  maxOutputTokens: number | null;
  stop: string[];
  reasoning: boolean;
  /** By `outcomeOf` (faults.ts) in every wire. */
  outcome: Outcome;
}

/** What a fault makes of the answer itself. */
export interface Outcome {
  ends: 'well' | 'refused' | 'filtered';
  /** The text is as many chunks long; null: as long as it is. */
  chunks: number | null;
  /** The text carries `SPOILT`, which the transport turns into bytes that are no UTF-8. */
  isSpoilt: boolean;
}

export type StopReason = 'stop' | 'length' | 'tool_calls' | 'content_filter';

export interface TextReply {
  /** Null where none was asked for. */
  reasoning: string | null;
  text: string;
  /** Instead of a text, when the model refuses. */
  refusal: string | null;
  toolCalls: ToolCall[];
  stop: StopReason;
  /** The sequence that ended it. */
  stopSequence: string | null;
  usage: TextUsage;
}

/** Tokens. What a cache adds is a matter of its own: cache.ts. */
export interface TextUsage {
  input: number;
  /** All that was made, `reasoning` included. */
  output: number;
  reasoning: number;
}

export const WELL: Outcome = { ends: 'well', chunks: null, isSpoilt: false };
