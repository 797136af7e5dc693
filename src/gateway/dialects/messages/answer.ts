import type { JsonObject } from '../../../common/json.js';
import { NO_USAGE, type Answer, type AssistantPart } from '../conversation.js';
import type { Echo } from '../dialect.js';
import { isObject } from '../shapes.js';
import { argumentsAsInput } from '../tool-arguments.js';
import { demandObject, listAt, objectAt, textAt } from '../upstream-json.js';
import { readFinish, writeStop } from './finish.js';
import { mergeUsage, NOTHING_READ, tokensOf, writeMessageUsage } from './usage.js';

/** A `message`. Throws TypeError for anything else. */
export function readAnswer(body: unknown): Answer {
  const message = demandObject(body);
  if (!Array.isArray(message['content'])) throw new TypeError('the upstream sent no message');
  const usage = objectAt(message, 'usage');
  const explanation = textAt(objectAt(message, 'stop_details'), 'explanation');
  return {
    id: textAt(message, 'id') ?? null,
    model: textAt(message, 'model') ?? null,
    parts: [
      ...listAt(message, 'content').flatMap(readBlock),
      ...(explanation === undefined || explanation === '' ? [] : [{ type: 'refusal', text: explanation } as const]),
    ],
    finish: readFinish(textAt(message, 'stop_reason') ?? 'end_turn'),
    stopSequence: textAt(message, 'stop_sequence') ?? null,
    usage: usage === undefined ? null : tokensOf(mergeUsage(NOTHING_READ, usage)),
    serviceTier: textAt(usage, 'service_tier') ?? null,
  };
}

/** Blocks of the provider's own tools have no counterpart, and are asked for by nobody who would miss them. */
function readBlock(block: JsonObject): AssistantPart[] {
  switch (textAt(block, 'type') ?? '') {
    case 'text': {
      const text = textAt(block, 'text') ?? '';
      return text === '' ? [] : [{ type: 'text', text }];
    }
    case 'thinking': {
      const signature = textAt(block, 'signature') ?? '';
      const text = textAt(block, 'thinking') ?? '';
      return [{ type: 'reasoning', text, ...(signature !== '' && { signature }) }];
    }
    case 'redacted_thinking':
      return [{ type: 'reasoning', text: '', sealed: { by: 'anthropic', data: textAt(block, 'data') ?? '' } }];
    case 'tool_use': {
      const { input } = block;
      return [
        {
          type: 'tool_call',
          id: textAt(block, 'id') ?? '',
          name: textAt(block, 'name') ?? '',
          arguments: isObject(input) ? JSON.stringify(input) : '{}',
        },
      ];
    }
    default:
      return [];
  }
}

export const answerId = (echo: Echo): string => `msg_${echo.suffix}`;

export function writeAnswer(answer: Answer, echo: Echo): JsonObject {
  const refusal = answer.parts
    .filter((part) => part.type === 'refusal')
    .map((part) => part.text)
    .join('');
  return {
    id: answerId(echo),
    type: 'message',
    role: 'assistant',
    model: echo.model,
    content: answer.parts.flatMap(writeBlock),
    ...writeStop(answer.finish, answer.stopSequence, refusal),
    container: null,
    usage: writeMessageUsage(answer.usage ?? NO_USAGE),
  };
}

/** A refusal is said in `stop_details`. */
function writeBlock(part: AssistantPart): JsonObject[] {
  switch (part.type) {
    case 'text':
      return part.text === '' ? [] : [{ type: 'text', text: part.text, citations: null }];
    case 'tool_call':
      return [{ type: 'tool_use', id: part.id, name: part.name, input: argumentsAsInput(part.arguments) }];
    case 'reasoning':
      if (part.sealed !== undefined)
        return part.sealed.by === 'anthropic' ? [{ type: 'redacted_thinking', data: part.sealed.data }] : [];
      return part.text === '' && part.signature === undefined
        ? []
        : [{ type: 'thinking', thinking: part.text, signature: part.signature ?? '' }];
    case 'refusal':
      return [];
  }
}
