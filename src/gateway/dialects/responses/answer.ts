import type { JsonObject } from '../../../common/json.js';
import type { Answer, AssistantPart, FinishReason } from '../conversation.js';
import type { Echo } from '../dialect.js';
import { isObject } from '../shapes.js';
import { reasoningParts } from './input.js';
import { Output } from './output.js';
import { endOf, responseObject } from './response.js';
import { readUsage } from './usage.js';

/** An upstream's whole response. Throws TypeError where it is none, or one that failed. */
export function readAnswer(body: unknown): Answer {
  if (!isObject(body) || !Array.isArray(body.output)) {
    throw new TypeError(isObject(body) && isObject(body.error) ? faultText(body.error) : 'no response with output');
  }
  if (body.status === 'failed' || isObject(body.error)) throw new TypeError(faultText(body.error));
  const parts = body.output.flatMap((item) => (isObject(item) ? itemParts(item) : []));
  return {
    id: textOf(body.id),
    model: textOf(body.model),
    parts,
    finish: finishOf(
      body,
      parts.some(({ type }) => type === 'tool_call'),
    ),
    stopSequence: null,
    usage: readUsage(body),
    serviceTier: textOf(body.service_tier),
  };
}

/** Why a response ended: its own words, and whether it calls tools. */
export function finishOf(response: JsonObject, calls: boolean): FinishReason {
  const details = response.incomplete_details;
  if (isObject(details) && details.reason === 'content_filter') return 'refusal';
  if (response.status === 'incomplete') return 'length';
  return calls ? 'tool_calls' : 'stop';
}

/** The same answer as a response object for a client. */
export function writeAnswer(answer: Answer, echo: Echo): JsonObject {
  const output = new Output(echo.suffix, () => {});
  let calls = 0;
  let reasoningId: string | undefined;
  for (const part of answer.parts) {
    switch (part.type) {
      case 'text':
        output.text(part.text);
        output.partEnd();
        break;
      case 'refusal':
        output.refusal(part.text);
        output.partEnd();
        break;
      case 'reasoning':
        if (part.id !== reasoningId) output.endReasoning();
        reasoningId = part.id;
        output.reasoning(part.text);
        if (part.signature !== undefined) output.seal({ signature: part.signature });
        if (part.sealed) output.seal({ sealed: part.sealed });
        output.partEnd();
        break;
      case 'tool_call':
        output.call(calls, part.id, part.name);
        output.callArguments(calls, part.arguments);
        calls += 1;
        break;
    }
  }
  output.close(answer.finish === 'length' ? 'incomplete' : 'completed');
  return responseObject(echo, {
    ...endOf(answer.finish),
    output: output.items,
    usage: answer.usage,
    serviceTier: answer.serviceTier,
  });
}

function itemParts(item: JsonObject): AssistantPart[] {
  if (item.type === 'reasoning') return reasoningParts(item, 'output');
  if (item.type === 'function_call') {
    const { call_id: id, name, arguments: written } = item;
    if (typeof id !== 'string' || typeof name !== 'string') throw new TypeError('a function call without id or name');
    return [{ type: 'tool_call', id, name, arguments: typeof written === 'string' ? written : '' }];
  }
  if (item.type !== 'message' || !Array.isArray(item.content)) return [];
  return item.content.flatMap((part): AssistantPart[] => {
    if (!isObject(part)) return [];
    if (part.type === 'output_text' && typeof part.text === 'string') return [{ type: 'text', text: part.text }];
    return part.type === 'refusal' && typeof part.refusal === 'string' ? [{ type: 'refusal', text: part.refusal }] : [];
  });
}

const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null);

const faultText = (error: unknown): string =>
  `a response that failed: ${isObject(error) ? (textOf(error.message) ?? textOf(error.code)) : null}`;
