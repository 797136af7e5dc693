import type { FinishReason } from '../conversation.js';

const READ: Record<string, FinishReason> = {
  stop: 'stop',
  length: 'length',
  tool_calls: 'tool_calls',
  function_call: 'tool_calls',
  content_filter: 'refusal',
};

/** An unknown reason is an end. Some servers say `stop` where tools were called. */
export function readFinish(reason: string, calledTools: boolean): FinishReason {
  const finish = READ[reason.toLowerCase()] ?? 'stop';
  return finish === 'stop' && calledTools ? 'tool_calls' : finish;
}

const WRITTEN: Record<FinishReason, string> = {
  stop: 'stop',
  stop_sequence: 'stop',
  pause: 'stop',
  length: 'length',
  tool_calls: 'tool_calls',
  refusal: 'content_filter',
};
export const writeFinish = (reason: FinishReason): string => WRITTEN[reason];
