import type { JsonObject } from '../../../common/json.js';
import type { StreamEvent } from '../conversation.js';
import type { SseFrame, StreamReader } from '../dialect.js';
import { isObject } from '../shapes.js';
import { objectAt, parseObject, textAt } from '../upstream-json.js';
import { readFinish } from './finish.js';
import { mergeUsage, NOTHING_READ, tokensOf } from './usage.js';

interface Block {
  type: string;
  /** Of a tool's block: which call it is, counted from 0. */
  call: number;
  /** Whether any of its arguments came as fragments. */
  filled: boolean;
  input: JsonObject | null;
}

/** Reads `RawMessageStreamEvent`s. Blocks and deltas of other types are skipped, as the API's versioning demands. */
export function reader(): StreamReader {
  const blocks = new Map<unknown, Block>();
  let calls = 0;
  let counted = NOTHING_READ;
  /** The last part that began: another of its kind needs a `part_end` before it. */
  let previous = '';

  function readUsage(usage: JsonObject | undefined): StreamEvent[] {
    if (usage === undefined) return [];
    counted = mergeUsage(counted, usage);
    return [{ type: 'usage', usage: tokensOf(counted) }];
  }

  function startBlock(event: JsonObject): StreamEvent[] {
    const content = objectAt(event, 'content_block') ?? {};
    const type = textAt(content, 'type') ?? '';
    const input = content['input'];
    const block: Block = {
      type,
      call: type === 'tool_use' ? calls : -1,
      filled: false,
      input: isObject(input) && Object.keys(input).length > 0 ? input : null,
    };
    blocks.set(event['index'], block);
    const events: StreamEvent[] =
      type === previous && (type === 'text' || type === 'thinking') ? [{ type: 'part_end' }] : [];
    if (type !== '') previous = type;
    switch (type) {
      case 'text':
        return [...events, ...textEvent('text', textAt(content, 'text'))];
      case 'thinking':
        return [...events, ...textEvent('reasoning', textAt(content, 'thinking'))];
      case 'redacted_thinking':
        return [{ type: 'reasoning_sealed', by: 'anthropic', data: textAt(content, 'data') ?? '' }];
      case 'tool_use':
        calls += 1;
        return [
          {
            type: 'tool_call',
            index: block.call,
            id: textAt(content, 'id') ?? '',
            name: textAt(content, 'name') ?? '',
          },
        ];
      default:
        return [];
    }
  }

  function readDelta(event: JsonObject): StreamEvent[] {
    const delta = objectAt(event, 'delta') ?? {};
    const block = blocks.get(event['index']);
    switch (textAt(delta, 'type') ?? '') {
      case 'text_delta':
        return textEvent('text', textAt(delta, 'text'));
      case 'thinking_delta':
        return textEvent('reasoning', textAt(delta, 'thinking'));
      case 'signature_delta': {
        const signature = textAt(delta, 'signature') ?? '';
        return signature === '' ? [] : [{ type: 'reasoning_signature', signature }];
      }
      case 'input_json_delta': {
        const fragment = textAt(delta, 'partial_json') ?? '';
        // Server tools have arguments too.
        if (block?.type !== 'tool_use' || fragment === '') return [];
        block.filled = true;
        return [{ type: 'tool_arguments', index: block.call, fragment }];
      }
      default:
        return [];
    }
  }

  /** Some servers send a call's arguments whole, in its start. */
  function stopBlock(event: JsonObject): StreamEvent[] {
    const block = blocks.get(event['index']);
    if (block?.type !== 'tool_use' || block.filled || block.input === null) return [];
    return [{ type: 'tool_arguments', index: block.call, fragment: JSON.stringify(block.input) }];
  }

  function endMessage(event: JsonObject): StreamEvent[] {
    const delta = objectAt(event, 'delta');
    const events = readUsage(objectAt(event, 'usage'));
    const explanation = textAt(objectAt(delta, 'stop_details'), 'explanation') ?? '';
    if (explanation !== '') events.push({ type: 'refusal', text: explanation });
    const reason = textAt(delta, 'stop_reason');
    if (reason !== undefined) {
      const stopSequence = textAt(delta, 'stop_sequence') ?? null;
      events.push({ type: 'finish', reason: readFinish(reason), stopSequence });
    }
    return events;
  }

  return {
    read({ event: name, data }: SseFrame): StreamEvent[] {
      if (name === 'ping' || data.trim() === '') return [];
      const event = parseObject(data);
      switch (textAt(event, 'type') ?? name) {
        case 'message_start': {
          const message = objectAt(event, 'message');
          return [
            { type: 'start', id: textAt(message, 'id') ?? null, model: textAt(message, 'model') ?? null },
            ...readUsage(objectAt(message, 'usage')),
          ];
        }
        case 'content_block_start':
          return startBlock(event);
        case 'content_block_delta':
          return readDelta(event);
        case 'content_block_stop':
          return stopBlock(event);
        case 'message_delta':
          return endMessage(event);
        case 'message_stop':
          return [{ type: 'end' }];
        case 'error':
          return [faultOf(event)];
        default:
          return [];
      }
    },
  };
}

const textEvent = (type: 'text' | 'reasoning', text: string | undefined): StreamEvent[] =>
  text === undefined || text === '' ? [] : [{ type, text }];

function faultOf(event: JsonObject): StreamEvent {
  const error = objectAt(event, 'error');
  return {
    type: 'fault',
    fault: { message: textAt(error, 'message') ?? JSON.stringify(event), code: textAt(error, 'type') ?? null },
  };
}
