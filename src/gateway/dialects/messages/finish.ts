import type { JsonObject } from '../../../common/json.js';
import type { FinishReason } from '../conversation.js';

const READ: Record<string, FinishReason> = {
  end_turn: 'stop',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  stop_sequence: 'stop_sequence',
  tool_use: 'tool_calls',
  pause_turn: 'pause',
  refusal: 'refusal',
};
/** An unknown reason is an end. */
export const readFinish = (reason: string): FinishReason => READ[reason] ?? 'stop';

const WRITTEN: Record<FinishReason, string> = {
  stop: 'end_turn',
  stop_sequence: 'stop_sequence',
  length: 'max_tokens',
  tool_calls: 'tool_use',
  refusal: 'refusal',
  pause: 'pause_turn',
};

/** `stop_reason` and what belongs to it. OpenAI's models may refuse in words and yet say `stop`. */
export function writeStop(finish: FinishReason, stopSequence: string | null, refusal: string): JsonObject {
  const reason = refusal !== '' && finish === 'stop' ? 'refusal' : WRITTEN[finish];
  return {
    stop_reason: reason,
    stop_sequence: stopSequence,
    stop_details:
      reason === 'refusal' ? { type: 'refusal', category: null, explanation: refusal === '' ? null : refusal } : null,
  };
}
