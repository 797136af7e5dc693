import type { JsonObject, JsonValue } from '../../../common/json.js';
import type { Echo, Relay } from '../dialect.js';
import { isObject } from '../shapes.js';
import { sseOf } from '../sse.js';
import { unsupportedByModel } from '../traits.js';
import { keepsItems } from './items.js';
import { isOpenAi } from './sealed.js';

const SEALED = 'reasoning.encrypted_content';

/** Events that hold the response object, and with it the name of the model. */
const WITH_RESPONSE = /^response\.(?:created|queued|in_progress|completed|incomplete|failed)$/;
const UNNAMED_WITH_RESPONSE =
  /^\s*\{\s*"type"\s*:\s*"response\.(?:created|queued|in_progress|completed|incomplete|failed)"/;

/** Client and upstream both speak this API. */
export const relay: Relay = {
  unsupported: (conversation, traits) => unsupportedByModel(conversation, traits, 'responses'),

  request(body, { maxOutputTokens: limit }, traits) {
    const { model: _model, ...rest } = body;
    const include = includeOf(body, traits.efforts.length > 0);
    return {
      ...rest,
      ...(limit !== undefined && { max_output_tokens: Math.min(limit, traits.maxOutputTokens) }),
      ...(include && { include }),
      ...inputOf(body),
      store: false,
    };
  },

  answer: (body, echo) => ({ ...body, model: echo.model }),

  frame(frame, echo) {
    const named = frame.event !== '';
    const holds = named ? WITH_RESPONSE.test(frame.event) : UNNAMED_WITH_RESPONSE.test(frame.data);
    return sseOf(holds ? { ...frame, data: withAlias(frame.data, echo) } : frame);
  },
};

/**
 * Nothing is kept at the provider, so a reasoning item can be handed back only with its seal: clients that count on items
 * being kept get it without asking.
 */
function includeOf(body: JsonObject, reasons: boolean): JsonValue[] | null {
  const given = Array.isArray(body.include) ? body.include : [];
  return reasons && keepsItems(body) && !given.includes(SEALED) ? [...given, SEALED] : null;
}

/**
 * OpenAI looks up what comes by its id alone, or by an id where nothing was kept, and finds nothing ("Item with id … not
 * found. Items are not persisted when `store` is set to false"): reasoning without a seal of OpenAI's is left out, messages
 * and calls go without their ids. A seal is only good together with its id.
 */
function inputOf(body: JsonObject): JsonObject {
  const { input } = body;
  if (!Array.isArray(input)) return {};
  return {
    input: input
      .filter((item) => !isLost(item))
      .map((item) => {
        if (!isObject(item) || !isPlain(item)) return item;
        const { id: _id, ...rest } = item;
        return rest;
      }),
  };
}

const PLAIN = ['message', 'function_call', 'function_call_output'];

/** Items that mean the same without an id. */
const isPlain = ({ type, id }: JsonObject): boolean =>
  id !== undefined && PLAIN.some((plain) => plain === (type ?? 'message'));

const isLost = (item: JsonValue): boolean =>
  isObject(item) &&
  item.type === 'reasoning' &&
  !(typeof item.encrypted_content === 'string' && isOpenAi(item.encrypted_content));

function withAlias(data: string, echo: Echo): string {
  const event: unknown = JSON.parse(data);
  if (!isObject(event) || !isObject(event.response)) return data;
  return JSON.stringify({ ...event, response: { ...event.response, model: echo.model } });
}
