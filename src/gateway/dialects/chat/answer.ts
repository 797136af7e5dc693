import type { JsonObject } from '../../../common/json.js';
import type { Answer, AssistantPart, ReasoningPart, TextPart, ToolCallPart } from '../conversation.js';
import type { Echo } from '../dialect.js';
import { demandObject, listAt, objectAt, textAt } from '../upstream-json.js';
import { readFinish, writeFinish } from './finish.js';
import { findUsage, readUsage, writeUsage } from './usage.js';
import { joinId, signatureOf } from '../signed-calls.js';

/** A `chat.completion`. Throws TypeError for anything else. */
export function readAnswer(body: unknown): Answer {
  const completion = demandObject(body);
  const [choice] = listAt(completion, 'choices');
  const message = objectAt(choice, 'message');
  if (message === undefined) throw new TypeError('the upstream sent no chat completion');
  const id = textAt(completion, 'id') ?? null;
  const parts = readParts(message, id);
  return {
    id,
    model: textAt(completion, 'model') ?? null,
    parts,
    finish: readFinish(
      textAt(choice, 'finish_reason') ?? 'stop',
      parts.some((part) => part.type === 'tool_call'),
    ),
    stopSequence: null,
    usage: readUsage(findUsage(completion, choice)) ?? null,
    serviceTier: textAt(completion, 'service_tier') ?? null,
  };
}

function readParts(message: JsonObject, answerId: string | null): AssistantPart[] {
  const parts: AssistantPart[] = [];
  const reasoning = reasoningOf(message);
  if (reasoning !== '') parts.push({ type: 'reasoning', text: reasoning });
  const text = textAt(message, 'content') ?? '';
  if (text !== '') parts.push({ type: 'text', text });
  const refusal = textAt(message, 'refusal') ?? '';
  if (refusal !== '') parts.push({ type: 'refusal', text: refusal });
  const calls = listAt(message, 'tool_calls').map((call) => ({
    id: textAt(call, 'id'),
    signature: signatureOf(call),
    of: objectAt(call, 'function'),
  }));
  const legacy = objectAt(message, 'function_call');
  if (legacy !== undefined) calls.push({ id: undefined, signature: undefined, of: legacy });
  for (const [index, { id, signature, of }] of calls.entries()) {
    const name = textAt(of, 'name');
    if (name === undefined) continue;
    parts.push({
      type: 'tool_call',
      id: joinId(id === undefined || id === '' ? inventedCallId(answerId, index) : id, signature),
      name,
      arguments: argumentsText(of),
    });
  }
  return parts;
}

/** Some servers send the arguments as an object. */
function argumentsText(call: JsonObject | undefined): string {
  const value = call?.['arguments'];
  if (typeof value === 'string') return value;
  return value === undefined || value === null ? '' : JSON.stringify(value);
}

/** DeepSeek, Moonshot and vLLM say `reasoning_content`, Groq and OpenRouter `reasoning`. */
export const reasoningOf = (message: JsonObject): string =>
  textAt(message, 'reasoning_content') ?? textAt(message, 'reasoning') ?? '';

/** Where a server gives a call no id (Google): unique within a conversation, as answers have ids. */
export const inventedCallId = (answerId: string | null, index: number): string =>
  `call_${(answerId ?? '').replaceAll(/[^a-zA-Z0-9]/g, '').slice(-24)}_${index}`;

export const answerId = (echo: Echo): string => `chatcmpl-${echo.suffix}`;

/** Whether the client speaks of `functions`, as before tools. */
export const speaksLegacy = ({ body }: Echo): boolean => Array.isArray(body['functions']) && !body['tools'];

export function writeAnswer(answer: Answer, echo: Echo): JsonObject {
  const calls = answer.parts.filter((part) => part.type === 'tool_call');
  const legacy = speaksLegacy(echo) && calls.length > 0;
  const refusal = joined(answer.parts, 'refusal');
  const reasoning = joined(answer.parts, 'reasoning');
  const text = joined(answer.parts, 'text');
  return {
    id: answerId(echo),
    object: 'chat.completion',
    created: echo.createdAt,
    model: echo.model,
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: text === '' && (calls.length > 0 || refusal !== '') ? null : text,
          refusal: refusal === '' ? null : refusal,
          ...(reasoning !== '' && { reasoning_content: reasoning }),
          ...(calls.length > 0 &&
            (legacy ? { function_call: calledFunction(calls) } : { tool_calls: calls.map(toolCall) })),
        },
        logprobs: null,
        finish_reason: legacy && answer.finish === 'tool_calls' ? 'function_call' : writeFinish(answer.finish),
      },
    ],
    ...(answer.usage !== null && { usage: writeUsage(answer.usage) }),
  };
}

const joined = (parts: AssistantPart[], type: 'text' | 'refusal' | 'reasoning'): string =>
  parts
    .filter((part): part is TextPart | ReasoningPart => part.type === type)
    .map((part) => part.text)
    .join('');

const toolCall = (call: ToolCallPart): JsonObject => ({
  id: call.id,
  type: 'function',
  function: { name: call.name, arguments: call.arguments === '' ? '{}' : call.arguments },
});

/** The old API knows one call. */
const calledFunction = ([call]: ToolCallPart[]): JsonObject =>
  call === undefined ? {} : { name: call.name, arguments: call.arguments === '' ? '{}' : call.arguments };
