import type { JsonObject } from '../../../common/json.js';
import type { StreamEvent, StreamFault } from '../conversation.js';
import type { SseFrame, StreamReader } from '../dialect.js';
import { isObject } from '../shapes.js';
import { listAt, objectAt, parseObject, textAt } from '../upstream-json.js';
import { inventedCallId, reasoningOf } from './answer.js';
import { readFinish } from './finish.js';
import { findUsage, readUsage } from './usage.js';
import { joinId, signatureOf } from '../signed-calls.js';

interface Call {
  /** Ours, counted from 0. */
  index: number;
  id: string;
  started: boolean;
  /** Fragments that came before the name. */
  early: string;
}

/** Reads `chat.completion.chunk` lines of any compatible server. */
export function reader(): StreamReader {
  let started = false;
  let answerId: string | null = null;
  const calls: Call[] = [];
  /** By the upstream's index, the latest call there. */
  const latest = new Map<number, Call>();

  function callOf(fragment: JsonObject, name: string): Call {
    const id = textAt(fragment, 'id') ?? '';
    const at = fragment['index'];
    const known = latest.get(typeof at === 'number' ? at : -1);
    // Servers without indices, or with 0 for every call: another id with another name begins another call.
    const begins = known === undefined || (name !== '' && known.started && id !== '' && known.id !== id);
    if (!begins) return known;
    const index = calls.length;
    const call = { index, id: id === '' ? inventedCallId(answerId, index) : id, started: false, early: '' };
    calls.push(call);
    latest.set(typeof at === 'number' ? at : -1, call);
    return call;
  }

  function readCall(fragment: JsonObject): StreamEvent[] {
    const of = objectAt(fragment, 'function') ?? {};
    const name = textAt(of, 'name') ?? '';
    const call = callOf(fragment, name);
    const written = of['arguments'];
    const text = typeof written === 'string' ? written : isObject(written) ? JSON.stringify(written) : '';
    if (!call.started && name === '') {
      call.early += text;
      return [];
    }
    const events: StreamEvent[] = [];
    if (!call.started) {
      call.started = true;
      events.push({ type: 'tool_call', index: call.index, id: joinId(call.id, signatureOf(fragment)), name });
    }
    const fragmentText = call.early + text;
    call.early = '';
    if (fragmentText !== '') events.push({ type: 'tool_arguments', index: call.index, fragment: fragmentText });
    return events;
  }

  function readDelta(delta: JsonObject): StreamEvent[] {
    const events: StreamEvent[] = [];
    const reasoning = reasoningOf(delta);
    if (reasoning !== '') events.push({ type: 'reasoning', text: reasoning });
    const text = textAt(delta, 'content') ?? '';
    if (text !== '') events.push({ type: 'text', text });
    const refusal = textAt(delta, 'refusal') ?? '';
    if (refusal !== '') events.push({ type: 'refusal', text: refusal });
    for (const fragment of listAt(delta, 'tool_calls')) events.push(...readCall(fragment));
    const legacy = objectAt(delta, 'function_call');
    if (legacy !== undefined) events.push(...readCall({ index: 0, function: legacy }));
    return events;
  }

  return {
    read({ event, data }: SseFrame): StreamEvent[] {
      if (data.trim() === '[DONE]') return [{ type: 'end' }];
      if (data.trim() === '') return [];
      const chunk = parseObject(data);
      const fault = faultOf(chunk, event);
      if (fault !== null) return [{ type: 'fault', fault }];
      const events: StreamEvent[] = [];
      const [choice] = listAt(chunk, 'choices');
      if (!started && (choice !== undefined || textAt(chunk, 'id') !== undefined)) {
        started = true;
        answerId = textAt(chunk, 'id') ?? null;
        events.push({ type: 'start', id: answerId, model: textAt(chunk, 'model') ?? null });
      }
      const delta = objectAt(choice, 'delta');
      if (delta !== undefined) events.push(...readDelta(delta));
      const usage = readUsage(findUsage(chunk, choice));
      if (usage !== undefined) events.push({ type: 'usage', usage });
      const reason = textAt(choice, 'finish_reason');
      if (reason === 'error') events.push({ type: 'fault', fault: { message: 'finish_reason: error', code: null } });
      else if (reason !== undefined)
        events.push({ type: 'finish', reason: readFinish(reason, calls.length > 0), stopSequence: null });
      return events;
    },
  };
}

/** `data: {"error":{message, type, code}}`, or `event: error`; OpenRouter's code is a number. */
function faultOf(chunk: JsonObject, event: string): StreamFault | null {
  const error = chunk['error'] ?? (event === 'error' ? chunk : undefined);
  if (error === undefined || error === null) return null;
  if (!isObject(error)) return { message: typeof error === 'string' ? error : JSON.stringify(error), code: null };
  const code = error['code'] ?? error['type'];
  return {
    message: textAt(error, 'message') ?? JSON.stringify(error),
    code: typeof code === 'string' || typeof code === 'number' ? String(code) : null,
  };
}
