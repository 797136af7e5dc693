import type { JsonObject, JsonValue } from '../../../common/json.js';
import type { Conversation } from '../conversation.js';
import type { Echo, ModelTraits, Relay, SseFrame } from '../dialect.js';
import { isObject } from '../shapes.js';
import { joinedCalls, signatureOf, signedMessages } from '../signed-calls.js';
import { sseOf } from '../sse.js';
import { unsupportedByModel } from '../traits.js';
import { listAt, objectAt, parseObject } from '../upstream-json.js';

export const relay: Relay = {
  unsupported: (conversation, traits) => unsupportedByModel(conversation, traits, 'chat'),
  request,
  answer,
  frame,
};

function request(body: JsonObject, conversation: Conversation, traits: ModelTraits): JsonObject {
  const {
    model: _alias,
    store: _kept,
    max_tokens: old,
    max_completion_tokens: asked = old,
    stream_options,
    ...rest
  } = body;
  const limit = conversation.maxOutputTokens && Math.min(conversation.maxOutputTokens, traits.maxOutputTokens);
  const options = streamOptions(stream_options, conversation, traits);
  return {
    ...rest,
    messages: signedMessages(messages(body['messages'], conversation, traits), traits.signsCalls === true),
    ...(limit !== undefined && { [traits.maxTokensField]: limit }),
    ...(limit !== undefined && limit !== asked && thoughtWithin(rest, limit)),
    ...(options !== undefined && { stream_options: options }),
  };
}

/** Anthropic's least budget of thinking, in tokens. */
const MIN_BUDGET_TOKENS = 1024;

/**
 * Where Kiln has set the limit: budgets of thinking in the two spellings that servers of this API know (Anthropic's, and
 * OpenRouter's `reasoning.max_tokens`), which must be below it, or no thinking where too little is left for any.
 */
function thoughtWithin(body: JsonObject, limit: number): JsonObject {
  const { thinking, reasoning } = body;
  const budget = limit > MIN_BUDGET_TOKENS ? limit - 1 : null;
  const exceeds = (tokens: JsonValue | undefined): boolean => typeof tokens === 'number' && tokens >= limit;
  return {
    ...(isObject(thinking) &&
      exceeds(thinking['budget_tokens']) && {
        thinking: budget === null ? { type: 'disabled' } : { ...thinking, budget_tokens: budget },
      }),
    ...(isObject(reasoning) &&
      exceeds(reasoning['max_tokens']) && {
        reasoning: budget === null ? { enabled: false } : { ...reasoning, max_tokens: budget },
      }),
  };
}

function answer(body: JsonObject, echo: Echo): JsonObject {
  const named = { ...body, model: echo.model };
  const choices = listAt(body, 'choices');
  if (!choices.some((choice) => listAt(objectAt(choice, 'message'), 'tool_calls').some(signatureOf))) return named;
  return { ...named, choices: choices.map((choice) => withJoinedCalls(choice, 'message')) };
}

function withJoinedCalls(choice: JsonObject, key: 'message' | 'delta'): JsonObject {
  const said = objectAt(choice, key);
  const calls = listAt(said, 'tool_calls');
  return said === undefined || calls.length === 0
    ? choice
    : { ...choice, [key]: { ...said, tool_calls: joinedCalls(calls) } };
}

function streamOptions(
  given: JsonValue | undefined,
  { stream }: Conversation,
  traits: ModelTraits,
): JsonObject | undefined {
  if (!stream) return undefined;
  const { include_usage: _asked, ...others } = isObject(given) ? given : {};
  const options = traits.streamUsage ? { ...others, include_usage: true } : others;
  return Object.keys(options).length === 0 ? undefined : options;
}

/** As they came, but for the role that the server does not know, and marks of the cache where it knows none. */
function messages(given: JsonValue | undefined, conversation: Conversation, traits: ModelTraits): JsonValue {
  if (!Array.isArray(given)) return [];
  const other = traits.systemRole === 'system' ? 'developer' : 'system';
  const marked = traits.cacheMarks !== true && conversation.turns.some(hasMark);
  return given.map((message) => {
    if (!isObject(message)) return message;
    const kept = marked ? withoutMarks(message) : message;
    return kept['role'] === other ? { ...kept, role: traits.systemRole } : kept;
  });
}

const hasMark = (turn: Conversation['turns'][number]): boolean =>
  (turn.role === 'tool' && turn.cache !== undefined) ||
  turn.parts.some((part) => 'cache' in part && part.cache !== undefined);

function withoutMarks({ cache_control: _mark, ...message }: JsonObject): JsonObject {
  const content = message['content'];
  if (!Array.isArray(content)) return message;
  return {
    ...message,
    content: content.map((part) => {
      if (!isObject(part)) return part;
      const { cache_control: _partMark, ...kept } = part;
      return kept;
    }),
  };
}

/** Keys of that name: quotes inside of strings are escaped, so no text can look like one. */
const MODEL = /(?<!\\)"model"\s*:\s*"(?:[^"\\]|\\.)*"/;
const NO_USAGE = /,\s*"usage"\s*:\s*null|(?<!\\)"usage"\s*:\s*null\s*,/;
const SOME_USAGE = /(?<!\\)"usage"\s*:\s*\{/;

/** Only chunks of signed calls have it as a key; in text its quotes are escaped. */
const SIGNED = '"thought_signature"';

/**
 * The chunk with the alias for its model and without usage that nobody asked for. As text: a parse of every token's chunk
 * would cost more than all else. Where something opens before the model, that model may be another's: the chunk is parsed.
 */
function frame(given: SseFrame, echo: Echo): string {
  if (!given.data.includes(SIGNED)) return relayed(given, echo);
  return relayed({ ...given, data: withSignedIds(given.data) }, echo);
}

function relayed(given: SseFrame, echo: Echo): string {
  const data = given.data.trimStart();
  if (data[0] !== '{') return sseOf(given);
  const unasked = !echo.conversation.includeUsage;
  if (unasked && SOME_USAGE.test(data)) return parsedFrame(given, echo);
  const model = MODEL.exec(data);
  if (model !== null && data.lastIndexOf('{', model.index) > 0) return parsedFrame(given, echo);
  const named =
    model === null
      ? data
      : `${data.slice(0, model.index)}"model":${JSON.stringify(echo.model)}${data.slice(model.index + model[0].length)}`;
  return sseOf({ ...given, data: unasked ? named.replace(NO_USAGE, '') : named });
}

function parsedFrame(given: SseFrame, echo: Echo): string {
  const chunk = parseObject(given.data);
  const named: JsonObject = 'model' in chunk ? { ...chunk, model: echo.model } : chunk;
  if (echo.conversation.includeUsage) return sseOf({ ...given, data: JSON.stringify(named) });
  const silent = withoutUsage(named);
  return silent === null ? '' : sseOf({ ...given, data: JSON.stringify(silent) });
}

/** Null for a chunk that brings nothing but usage. */
function withoutUsage({ usage, ...chunk }: JsonObject): JsonObject | null {
  const choices = listAt(chunk, 'choices');
  if (isObject(usage) && choices.length === 0 && chunk['error'] === undefined) return null;
  const { usage: _groqUsage, ...groq } = objectAt(chunk, 'x_groq') ?? {};
  return {
    ...chunk,
    ...('x_groq' in chunk && { x_groq: groq }),
    ...('choices' in chunk && { choices: choices.map(({ usage: _choiceUsage, ...choice }) => choice) }),
  };
}

/** A call's chunk with the signature in its id alone: a client gives back what it knows. */
function withSignedIds(data: string): string {
  const chunk = parseObject(data);
  const choices = listAt(chunk, 'choices').map((choice) => {
    const joined = withJoinedCalls(choice, 'delta');
    const delta = objectAt(joined, 'delta');
    const calls = listAt(delta, 'tool_calls').map(({ extra_content: _signed, ...call }) => call);
    return delta === undefined ? joined : { ...joined, delta: { ...delta, tool_calls: calls } };
  });
  return JSON.stringify({ ...chunk, choices });
}
