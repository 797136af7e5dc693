import type { JsonObject, JsonValue } from '../../../common/json.js';

/**
 * Gemini 3 and later refuse a conversation whose tool calls have lost their `thought_signature`, the first of each turn at
 * least, and hardly a client of OpenAI's API gives that field back. Google's own word for calls without one (Gemini API
 * docs, "Thought signatures", questions) makes it pass them.
 */
const NO_SIGNATURE = 'skip_thought_signature_validator';
const WITHOUT_SIGNATURES = /gemini-[12][.-]/;

const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function signed(message: JsonValue): JsonValue {
  if (!isObject(message) || !Array.isArray(message['tool_calls'])) return message;
  const [first, ...others] = message['tool_calls'];
  if (!isObject(first)) return message;
  const extra = isObject(first['extra_content']) ? first['extra_content'] : {};
  const google = isObject(extra['google']) ? extra['google'] : {};
  if (google['thought_signature'] !== undefined) return message;
  const call = { ...first, extra_content: { ...extra, google: { ...google, thought_signature: NO_SIGNATURE } } };
  return { ...message, tool_calls: [call, ...others] };
}

/** The same chat request, with something in the place of every signature that is missing. */
export function withThoughtSignatures(model: string, body: JsonObject): JsonObject {
  const { messages } = body;
  if (WITHOUT_SIGNATURES.test(model) || !Array.isArray(messages)) return body;
  return { ...body, messages: messages.map(signed) };
}
