import type { ModelTraits } from '../../catalog/sync-schema.js';
import type { KilnError } from '../../common/errors.js';
import type { JsonObject } from '../../common/json.js';
import type { Answer, Conversation, StreamEvent, TokenUsage } from './conversation.js';

export type { Feature, ModelTraits } from '../../catalog/sync-schema.js';

/** The three text APIs: OpenAI's chat completions and responses, Anthropic's messages. */
export type DialectId = 'chat' | 'responses' | 'messages';

/** Facts about the request that an answer repeats, whoever made it. */
export interface Echo {
  /** The request id without its prefix; ids of answers and items are made from it. */
  suffix: string;
  /** The alias that was asked for. */
  model: string;
  /** Unix seconds. */
  createdAt: number;
  conversation: Conversation;
  /** The client's body, for fields that an answer repeats (responses). */
  body: JsonObject;
}

/** One server-sent event. `event` is '' where it was not named. */
export interface SseFrame {
  event: string;
  data: string;
}

/** Reads one upstream stream. Unknown events give nothing; JSON that can't be read throws. */
export interface StreamReader {
  read(frame: SseFrame): StreamEvent[];
}

/** Writes one client stream as SSE text. */
export interface StreamWriter {
  /** '' where the event shows nothing (yet). `end` closes what is open and brings the last frames, usage among them. */
  write(event: StreamEvent): string;
  /** The API's way to say that a stream failed after it began; nothing follows. `billed` is what was charged for. */
  fail(error: KilnError, facts: StreamFailure): string;
}

export interface StreamFailure {
  requestId: string;
  usage: TokenUsage | null;
  /** Null: not known yet. */
  chargedMicroUsd: number | null;
}

/** One API, from both sides. Pure: no clock, no ids of its own, nothing asynchronous. */
export interface Dialect {
  readonly id: DialectId;
  /**
   * A client's body. Throws 400 that names the field, what came and what is allowed. Fields it does not know are `foreign`:
   * the upstream of the same API may know them.
   */
  parse(body: JsonObject): Conversation;
  /**
   * What of the conversation can't be asked of such a model in this API, as messages that name fields in the words of
   * `asked`, the client's API. Empty: everything can.
   */
  unsupported(conversation: Conversation, traits: ModelTraits, asked: DialectId): string[];
  /** `write` asks for no smaller a limit of output tokens, whatever smaller one is wished for. */
  readonly leastOutputTokens: number;
  /** The same request in this API, without `model`; only for what `unsupported` lets through. Streams ask for usage. */
  write(conversation: Conversation, traits: ModelTraits): JsonObject;
  /** An upstream's whole answer. Throws SyntaxError or TypeError where it is none. */
  readAnswer(body: unknown): Answer;
  /** The same answer for a client of this API. */
  writeAnswer(answer: Answer, echo: Echo): JsonObject;
  reader(): StreamReader;
  /**
   * Of frames that bring a piece of text and mean nothing else, whatever came before them: the field that holds it, up to the
   * text itself, and what they all have in them. Null where such frames also differ in other fields.
   */
  readonly textDelta: { field: RegExp; mark: string } | null;
  writer(echo: Echo): StreamWriter;
  /** Where client and upstream speak this API: everything passes as it came but for what `relay` changes. */
  readonly relay: Relay;
}

/** The same API on both sides. */
export interface Relay {
  /** What such a model can't do of it whatever the API: pictures for one that sees nothing, tools. */
  unsupported(conversation: Conversation, traits: ModelTraits): string[];
  /** The client's body without `model`, with what Kiln must have in it: usage in streams, nothing kept at the provider. */
  request(body: JsonObject, conversation: Conversation, traits: ModelTraits): JsonObject;
  /** The upstream's answer with the alias for its model, and nothing the client did not ask for. */
  answer(body: JsonObject, echo: Echo): JsonObject;
  /** One frame as SSE text for the client; '' leaves it out (usage that only Kiln asked for). Cheap: it runs per token. */
  frame(frame: SseFrame, echo: Echo): string;
}
