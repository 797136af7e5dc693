import type { FastifyReply, FastifyRequest } from 'fastify';
import { sleep } from '../clock.js';
import type { SandboxContext } from '../context.js';
import type { FaultName } from '../fault-table.js';
import { type Provider, readPrompt, type TaskFaults } from '../faults.js';
import { breakOff } from '../transport.js';

/** One call of a text wire. */
export interface TextCall {
  context: SandboxContext;
  provider: Provider;
  request: FastifyRequest;
  reply: FastifyReply;
  /** As it came, for the record. */
  body: unknown;
  /** The last user text with its markers: `promptIn`. */
  prompt: string;
  /** Ends every delay when the sandbox closes. */
  closing: AbortSignal;
}

/** What a wire says in its provider's words. */
export interface TextWords<T> {
  /** Answers with a fault of the submit, by throwing the wire's error or breaking off; true when it broke off. */
  showFault(reply: FastifyReply, name: FaultName, value: number | null): boolean;
  /** 400 for a prompt whose marker is wrong. */
  badPrompt(message: string): Error;
  /** 500. */
  serverError(): Error;
  /** Checks the body; throws the wire's error. */
  read(faults: TaskFaults): Promise<T>;
  /** What the work is called in the record, `chatcmpl-…`. */
  id: string;
}

/**
 * All that comes before the answer: faults of the submit, the check of the body, the record, faults that follow acceptance,
 * the delay. Null when the exchange has ended already; else the wire answers by `answerWhole` or `answerStream` (play.ts).
 */
export async function beginText<T>(
  call: TextCall,
  words: TextWords<T>,
): Promise<{ wanted: T; faults: TaskFaults } | null> {
  const { context, provider, reply, prompt, closing } = call;
  const markers = readPrompt(prompt);
  const record = (outcome: 'accepted' | 'refused' | 'unanswered', fault: string | null): void =>
    context.recorder.submit({
      provider,
      path: call.request.url,
      outcome,
      fault,
      taskId: outcome === 'accepted' ? words.id : null,
      body: call.body,
    });
  const before = context.faults.onSubmit(provider, 'submit', prompt, markers.faults);
  if (before !== null) {
    record(before.name === 'hang' || before.name === 'drop' ? 'unanswered' : 'refused', before.name);
    if (words.showFault(reply, before.name, before.value)) return null;
  }
  const faults = context.faults.bind(provider, prompt, context.faults.bind(provider, prompt, markers.faults), 'text');
  let wanted: T;
  try {
    if (markers.problem !== null) throw words.badPrompt(markers.problem);
    wanted = await words.read(faults);
  } catch (error) {
    record('refused', 'context-length' in faults ? 'context-length' : null);
    throw error;
  }
  const after = context.faults.onSubmit(provider, 'accept', prompt, markers.faults);
  record('accepted', after?.name ?? Object.keys(faults).at(-1) ?? null);
  if (after !== null && words.showFault(reply, after.name, after.value)) return null;
  if (faults.latency !== undefined) await sleep(faults.latency ?? 0, closing);
  if ('fail' in faults || 'oom' in faults) throw words.serverError();
  const how = 'never' in faults ? 'hang' : 'lost' in faults ? 'drop' : null;
  if (how !== null) breakOff(reply, how);
  return how === null ? { wanted, faults } : null;
}

/**
 * The text of the last user message in a body that was not checked yet: `content` a string, or parts with `text`. Tool results
 * (Anthropic's are user messages) have none.
 */
export function promptIn(messages: unknown): string {
  if (typeof messages === 'string') return messages;
  if (!Array.isArray(messages)) return '';
  const said = messages.map((message: unknown) => {
    const { role, content } = (typeof message === 'object' && message !== null ? message : {}) as Record<
      string,
      unknown
    >;
    if (role !== 'user') return '';
    if (typeof content === 'string') return content;
    return Array.isArray(content) ? content.map(textOfPart).filter(Boolean).join('\n') : '';
  });
  return said.findLast((text) => text !== '') ?? '';
}

function textOfPart(part: unknown): string {
  const text = typeof part === 'object' && part !== null && 'text' in part ? part.text : null;
  return typeof text === 'string' ? text : '';
}
