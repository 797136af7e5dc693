import type { JsonObject } from '../../../common/json.js';
import type { Conversation } from '../conversation.js';
import type { Echo, ModelTraits, Relay, SseFrame } from '../dialect.js';
import { sseOf } from '../sse.js';
import { unsupportedByModel } from '../traits.js';
import { objectAt, parseObject } from '../upstream-json.js';

export const relay: Relay = {
  unsupported: (conversation, traits) => unsupportedByModel(conversation, traits, 'messages'),
  request,
  answer: (body, echo) => ({ ...body, model: echo.model }),
  frame,
};

/** Betas, unknown fields and blocks pass; only what the model can't write anyway is capped. */
function request(body: JsonObject, conversation: Conversation, traits: ModelTraits): JsonObject {
  const { model: _alias, ...rest } = body;
  const limit = conversation.maxOutputTokens;
  return limit === undefined || limit <= traits.maxOutputTokens
    ? rest
    : { ...rest, max_tokens: traits.maxOutputTokens };
}

const TYPE = /^\s*\{\s*"type"\s*:\s*"([a-z_]+)"/;

/** Only the first event names the model. The official SDKs skip events without a name: a missing one is read. */
function frame(given: SseFrame, echo: Echo): string {
  const event = given.event === '' ? (TYPE.exec(given.data)?.[1] ?? '') : given.event;
  if (event !== 'message_start') return sseOf({ event, data: given.data });
  const start = parseObject(given.data);
  const message = objectAt(start, 'message');
  if (message === undefined) return sseOf({ event, data: given.data });
  return sseOf({ event, data: JSON.stringify({ ...start, message: { ...message, model: echo.model } }) });
}
