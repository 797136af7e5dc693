import type { TaskFaults } from '../faults.js';
import { chunksOf, fragmentsOf } from '../text/chunks.js';
import { type Answer, type AnswerBlock, closingOf, openingOf } from './answer.js';

export interface StreamEvent {
  data: { type: string };
  /** A piece of the answer; the others open and close it. */
  isContent: boolean;
}

const frame = (data: { type: string }): StreamEvent => ({ data, isContent: false });

/**
 * A message as the stream tells it: message_start, for each block its start, deltas and stop, then message_delta with the
 * usage of all, and message_stop. `pings`: one comes after the first block's start, as on Anthropic's own surface.
 */
export function* eventsOf(answer: Answer, faults: TaskFaults, pings: boolean): Generator<StreamEvent> {
  yield frame({ type: 'message_start', message: openingOf(answer, faults) } as { type: string });
  for (const [index, block] of answer.content.entries()) {
    yield frame({ type: 'content_block_start', index, content_block: opened(block) } as { type: string });
    if (pings && index === 0) yield frame({ type: 'ping' });
    for (const delta of deltasOf(block))
      yield {
        data: { type: 'content_block_delta', index, delta } as { type: string },
        isContent: delta.type !== 'signature_delta',
      };
    yield frame({ type: 'content_block_stop', index } as { type: string });
  }
  yield frame(closingOf(answer, faults) as { type: string });
  yield frame({ type: 'message_stop' });
}

/** A block before anything is in it. */
function opened(block: AnswerBlock): object {
  switch (block.type) {
    case 'redacted_thinking':
      return block;
    case 'thinking':
      return { ...block, thinking: '', signature: '' };
    case 'text':
      return { ...block, text: '' };
    case 'tool_use':
      return { ...block, input: {} };
  }
}

function deltasOf(block: AnswerBlock): { type: string }[] {
  switch (block.type) {
    case 'redacted_thinking':
      return [];
    case 'thinking':
      return [
        ...chunksOf(block.thinking).map((thinking) => ({ type: 'thinking_delta', thinking })),
        { type: 'signature_delta', signature: block.signature } as { type: string },
      ];
    case 'text':
      return chunksOf(block.text).map((text) => ({ type: 'text_delta', text }));
    case 'tool_use': {
      // The first fragment is empty, and the only one of a call without arguments.
      const json = Object.keys(block.input).length === 0 ? '' : JSON.stringify(block.input);
      return ['', ...fragmentsOf(json)].map((piece) => ({ type: 'input_json_delta', partial_json: piece }));
    }
  }
}
