import type { JsonObject, JsonValue } from '../../common/json.js';
import type { Conversation, Turn } from './conversation.js';
import { isObject } from './shapes.js';
import { listAt, objectAt, textAt } from './upstream-json.js';

/**
 * Gemini 3 signs its tool calls and refuses them without the signature ("Thought signatures", Gemini API docs;
 * `tool_calls[].extra_content.google.thought_signature` on its OpenAI-compatible endpoint). Of the three APIs only that one
 * has a place for it, and most clients drop it even there. So the signature travels in the call's id, which every client
 * gives back; it is taken out again before any upstream sees the id.
 */
const MARK = '__sig_';

export interface SignedId {
  id: string;
  signature: string | null;
}

/** Ids are of A–Z a–z 0–9 _ - in every API, and so is base64url. */
export const joinId = (id: string, signature: string | undefined): string =>
  signature === undefined || signature === '' ? id : `${id}${MARK}${Buffer.from(signature).toString('base64url')}`;

export function splitId(joined: string): SignedId {
  const at = joined.indexOf(MARK);
  if (at < 0) return { id: joined, signature: null };
  return {
    id: joined.slice(0, at),
    signature: Buffer.from(joined.slice(at + MARK.length), 'base64url').toString('utf8'),
  };
}

/** The signature that came with a call of a chat answer. */
export const signatureOf = (call: JsonObject): string | undefined =>
  textAt(objectAt(objectAt(call, 'extra_content'), 'google'), 'thought_signature');

/** A chat answer's or chunk's calls with their signatures in their ids. */
export function joinedCalls(calls: readonly JsonObject[]): JsonObject[] {
  return calls.map((call) => {
    const id = textAt(call, 'id');
    return id === undefined ? call : { ...call, id: joinId(id, signatureOf(call)) };
  });
}

export const hasSignedCalls = ({ turns }: Conversation): boolean =>
  turns.some(
    (turn) =>
      (turn.role === 'tool' && turn.callId.includes(MARK)) ||
      (turn.role === 'assistant' && turn.parts.some((part) => part.type === 'tool_call' && part.id.includes(MARK))),
  );

/** The conversation with plain ids, for upstreams that signed nothing. */
export function withPlainIds(conversation: Conversation): Conversation {
  if (!hasSignedCalls(conversation)) return conversation;
  return { ...conversation, turns: conversation.turns.map(plainTurn) };
}

function plainTurn(turn: Turn): Turn {
  if (turn.role === 'tool') return { ...turn, callId: splitId(turn.callId).id };
  if (turn.role !== 'assistant') return turn;
  return {
    ...turn,
    parts: turn.parts.map((part) => (part.type === 'tool_call' ? { ...part, id: splitId(part.id).id } : part)),
  };
}

/**
 * Chat messages as an upstream takes them: ids plain, and, where it signs (`signs`), signatures in their own place; what has
 * none is the adapter's business. Others know no `extra_content` and refuse it.
 */
export function signedMessages(messages: JsonValue, signs: boolean): JsonValue {
  if (!Array.isArray(messages)) return messages;
  return messages.map((message) => {
    if (!isObject(message)) return message;
    const callId = message['tool_call_id'];
    if (typeof callId === 'string') return { ...message, tool_call_id: splitId(callId).id };
    const calls = listAt(message, 'tool_calls');
    return calls.length === 0 ? message : { ...message, tool_calls: calls.map((call) => signed(call, signs)) };
  });
}

function signed(call: JsonObject, signs: boolean): JsonObject {
  const { extra_content: extra, ...plain } = call;
  const { id, signature } = splitId(textAt(call, 'id') ?? '');
  const own = signatureOf(call) ?? signature ?? undefined;
  if (!signs || own === undefined) return { ...plain, ...('id' in call && { id }) };
  const google = { ...objectAt(isObject(extra) ? extra : undefined, 'google'), thought_signature: own };
  return { ...plain, id, extra_content: { google } };
}
