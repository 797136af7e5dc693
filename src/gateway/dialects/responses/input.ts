import type { JsonObject, JsonValue } from '../../../common/json.js';
import type { AssistantPart, ReasoningPart, ToolCallPart, Turn } from '../conversation.js';
import { answerParts, resultParts, systemParts, userParts } from './content.js';
import { given } from '../shapes.js';
import { child, isGiven, list, name, object, oneOf, optional, required, text, wrong } from './fields.js';
import { isReference } from './items.js';
import { sealOf } from './sealed.js';

/** What `input` says. `foreign` names items that only this API has: calls of hosted and custom tools, compactions. */
export interface Input {
  turns: Turn[];
  foreign: string[];
}

const ROLES = ['user', 'assistant', 'system', 'developer'] as const;

/**
 * Turns of `input`. Neighbouring items of the assistant are one turn: a message, its reasoning and its calls are one answer
 * in every other API.
 */
export function readInput(value: JsonValue | undefined): Input {
  if (typeof value === 'string')
    return { turns: [{ role: 'user', parts: [{ type: 'text', text: value }] }], foreign: [] };
  if (!Array.isArray(value) || value.length === 0) {
    throw wrong('input', 'a string or a list of at least one item', value);
  }
  const turns: Turn[] = [];
  const foreign: string[] = [];
  for (const [index, raw] of list(value, 'input').entries()) {
    const at = `input[${index}]`;
    const turn = turnOf(object(raw, at), at);
    const last = turns.at(-1);
    if (!turn) foreign.push(at);
    else if (turn.role === 'assistant' && last?.role === 'assistant') last.parts.push(...turn.parts);
    else turns.push(turn);
  }
  return { turns, foreign };
}

/** Null for an item that only this API has. */
function turnOf(item: JsonObject, at: string): Turn | null {
  if (isReference(item) || item.type === 'item_reference') {
    throw wrong(child(at, 'id'), 'the id of an item that this key was answered lately', item.id);
  }
  const type = item.type ?? 'message';
  if (typeof type !== 'string') throw wrong(child(at, 'type'), 'the type of the item', type);
  if (type === 'message') return messageTurn(item, at);
  if (type === 'function_call') return { role: 'assistant', parts: [callPart(item, at)] };
  if (type === 'reasoning') return { role: 'assistant', parts: reasoningParts(item, at) };
  if (type !== 'function_call_output') return null;
  return {
    role: 'tool',
    callId: required(item, 'call_id', at, name, 'the call_id of the function_call it answers'),
    parts: required(item, 'output', at, resultParts, 'a string or a list of content parts'),
    isError: false,
  };
}

function messageTurn(item: JsonObject, at: string): Turn {
  const role = required(item, 'role', at, oneOf(...ROLES), ROLES.map((word) => `'${word}'`).join(', '));
  const content = item.content;
  const field = child(at, 'content');
  if (!isGiven(content)) throw wrong(field, 'a string or a list of content parts', content);
  if (role === 'assistant') return { role, parts: answerParts(content, field) };
  if (role === 'user') return { role, parts: userParts(content, field) };
  return { role: 'system', parts: systemParts(content, field) };
}

const callPart = (item: JsonObject, at: string): ToolCallPart => ({
  type: 'tool_call',
  id: required(item, 'call_id', at, name, 'a string that its function_call_output repeats'),
  name: required(item, 'name', at, name, 'the name of the function'),
  arguments: required(item, 'arguments', at, text, 'JSON as a string'),
});

/**
 * A reasoning item is one part for each piece of its summary; the seal is on the last. Without a summary the open weights'
 * `content` is what may be shown.
 */
export function reasoningParts(item: JsonObject, at: string): AssistantPart[] {
  const id = optional(item, 'id', at, text);
  const pieces = [...(optional(item, 'summary', at, pieceTexts) ?? [])];
  if (pieces.length === 0) pieces.push(...(optional(item, 'content', at, pieceTexts) ?? []));
  const encrypted = optional(item, 'encrypted_content', at, text);
  const seal = encrypted === undefined || encrypted === '' ? undefined : sealOf(encrypted);
  if (pieces.length === 0 && seal) pieces.push('');
  return pieces.map((piece, index): ReasoningPart =>
    given({
      type: 'reasoning' as const,
      text: piece,
      ...(id !== undefined && { id }),
      ...(index === pieces.length - 1 && seal),
    }),
  );
}

const pieceTexts = (value: JsonValue, field: string): string[] =>
  list(value, field).map((piece, index) => {
    const at = `${field}[${index}]`;
    return required(object(piece, at), 'text', at, text, 'the text');
  });
