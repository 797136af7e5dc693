import { chunksOf, fragmentsOf } from '../chunks.js';
import type { Frame } from '../play.js';
import type { TextReply, ToolCall } from '../types.js';
import { type ChatUsage, type Quirks, quirksOf } from './quirks.js';
import type { Chat } from './read.js';

/** All that an answer is written from. */
export interface ChatAnswer {
  chat: Chat;
  reply: TextReply;
  /** Null: left out, as the fault `no-usage` asks. */
  usage: ChatUsage | null;
  id: string;
  /** Seconds. */
  created: number;
}

/** `chat.completion`, with every one of its `n` choices alike. */
export function completionOf(answer: ChatAnswer): object {
  const { chat, reply, id, created } = answer;
  const quirks = quirksOf(chat.vendor);
  const choice = {
    message: {
      role: 'assistant',
      content: reply.toolCalls.length > 0 || reply.refusal !== null ? null : reply.text,
      refusal: reply.refusal,
      ...(chat.vendor.provider === 'openai' ? { annotations: [] } : {}),
      ...reasoningFields(quirks, reply.reasoning),
      ...(reply.toolCalls.length === 0
        ? {}
        : { tool_calls: reply.toolCalls.map((call) => callOf(chat, quirks, call)) }),
    },
    logprobs: logprobsOf(chat, reply.text),
    finish_reason: reply.stop,
    ...nativeReason(chat, reply),
  };
  return {
    id,
    object: 'chat.completion',
    created,
    model: chat.body.model,
    ...quirks.more,
    choices: Array.from({ length: chat.body.n ?? 1 }, (_, index) => ({ index, ...choice })),
    ...(answer.usage === null ? {} : { usage: quirks.usage(answer.usage, chat.body.model) }),
    ...(chat.vendor.provider === 'groq' ? { x_groq: { id: `req_${id}` } } : {}),
  };
}

function callOf({ body, vendor }: Chat, quirks: Quirks, call: ToolCall): object {
  return {
    id: quirks.callIdPrefix + call.id,
    type: 'function',
    function: { name: call.name, arguments: JSON.stringify(call.arguments) },
    ...(vendor.provider === 'google' && body.model.includes('gemini-3')
      ? { extra_content: { google: { thought_signature: Buffer.from(call.id).toString('base64') } } }
      : {}),
  };
}

function reasoningFields({ reasoningIn }: Quirks, text: string | null): object {
  if (text === null) return {};
  return Object.fromEntries(
    reasoningIn.map((name) => [
      name,
      name === 'reasoning_details'
        ? [{ type: 'reasoning.text', text, signature: null, format: 'unknown', index: 0 }]
        : text,
    ]),
  );
}

const nativeReason = ({ vendor }: Chat, { stop }: Pick<TextReply, 'stop'>): object =>
  vendor.provider === 'openrouter' ? { native_finish_reason: stop } : {};

const LOGPROB = -0.01;

function logprobsOf({ body }: Chat, text: string): object | null {
  if (body.logprobs !== true) return null;
  const one = (token: string) => ({ token, logprob: LOGPROB, bytes: [...Buffer.from(token)] });
  const content = chunksOf(text).map((token) => ({
    ...one(token),
    top_logprobs: Array.from({ length: body.top_logprobs ?? 0 }, (_, rank) => ({
      ...one(token),
      logprob: LOGPROB * (rank + 1),
    })),
  }));
  return { content, refusal: null };
}

/** The events of the same answer: the role, the pieces, the finish, usage where it is asked for, `[DONE]`. */
export function* framesOf(answer: ChatAnswer): Generator<Frame> {
  const { chat, reply } = answer;
  const quirks = quirksOf(chat.vendor);
  const write = writerOf(answer, quirks);
  const choices = Array.from({ length: chat.body.n ?? 1 }, (_, index) => index);
  if (quirks.comment !== null) yield { bytes: quirks.comment, isContent: false };
  for (const index of choices)
    yield write(
      index,
      { role: 'assistant', content: reply.toolCalls.length > 0 ? null : '', refusal: null },
      {},
      false,
    );
  for (const delta of deltasOf(chat, reply, quirks))
    for (const index of choices) yield write(index, delta.fields, { logprobs: delta.logprobs }, true);
  const usage = answer.usage === null ? null : quirks.usage(answer.usage, chat.body.model);
  for (const index of choices) {
    const inChoice = quirks.streamUsage === 'in_choice' && usage !== null ? { usage } : {};
    const finish = { finish_reason: reply.stop, ...nativeReason(chat, reply), ...inChoice };
    yield write(index, quirks.repeatsRole ? { content: '' } : {}, finish, false);
  }
  if (usage !== null && (quirks.streamUsage === 'always' || asksForUsage(chat))) yield lastChunk(answer, quirks, usage);
  yield { bytes: 'data: [DONE]\n\n', isContent: false };
}

const asksForUsage = ({ body }: Chat): boolean => body.stream_options?.include_usage === true;

function lastChunk(answer: ChatAnswer, quirks: Quirks, usage: object): Frame {
  const choices =
    quirks.streamUsage === 'always'
      ? [
          {
            index: 0,
            delta: { role: 'assistant', content: '' },
            finish_reason: null,
            native_finish_reason: null,
            logprobs: null,
          },
        ]
      : [];
  return { bytes: eventOf({ ...headOf(answer, quirks), choices, usage }), isContent: false };
}

const eventOf = (chunk: object): string => `data: ${JSON.stringify(chunk)}\n\n`;

function headOf({ chat, id, created }: ChatAnswer, quirks: Quirks): object {
  return { id, object: 'chat.completion.chunk', created, model: chat.body.model, ...quirks.more };
}

type Write = (index: number, delta: object, more: object, isContent: boolean) => Frame;

/** Writes one chunk with one choice. OpenAI says `usage: null` in each where usage was asked for. */
function writerOf(answer: ChatAnswer, quirks: Quirks): Write {
  const { chat, id } = answer;
  const head = headOf(answer, quirks);
  const noUsage = chat.vendor.provider === 'openai' && asksForUsage(chat) ? { usage: null } : {};
  const isGroq = chat.vendor.provider === 'groq';
  let isFirst = true;
  return (index, delta, more, isContent) => {
    const isFinish = 'finish_reason' in more;
    const groq =
      isGroq && (isFirst || isFinish)
        ? {
            x_groq: {
              id: `req_${id}`,
              ...(isFinish && answer.usage !== null ? { usage: quirks.usage(answer.usage, '') } : {}),
            },
          }
        : {};
    isFirst = false;
    const role = quirks.repeatsRole ? { role: 'assistant' } : {};
    const choice = { index, delta: { ...role, ...delta }, logprobs: null, finish_reason: null, ...more };
    return { bytes: eventOf({ ...head, choices: [choice], ...noUsage, ...groq }), isContent };
  };
}

interface Delta {
  fields: object;
  logprobs: object | null;
}

function* deltasOf(chat: Chat, reply: TextReply, quirks: Quirks): Generator<Delta> {
  if (quirks.reasoningIn.length > 0)
    for (const piece of chunksOf(reply.reasoning ?? ''))
      yield { fields: reasoningFields(quirks, piece), logprobs: null };
  for (const piece of chunksOf(reply.refusal ?? '')) yield { fields: { refusal: piece }, logprobs: null };
  for (const piece of chunksOf(reply.text)) yield { fields: { content: piece }, logprobs: logprobsOf(chat, piece) };
  for (const [index, call] of reply.toolCalls.entries())
    for (const fields of callDeltas(chat, quirks, call, index))
      yield { fields: { tool_calls: [fields] }, logprobs: null };
}

function callDeltas(chat: Chat, quirks: Quirks, call: ToolCall, index: number): object[] {
  const whole = { index, ...callOf(chat, quirks, call) };
  if (quirks.wholeCalls) return [whole];
  const opening = { ...whole, function: { name: call.name, arguments: '' } };
  const rest = fragmentsOf(JSON.stringify(call.arguments));
  return [opening, ...rest.map((piece) => ({ index, function: { arguments: piece } }))];
}
