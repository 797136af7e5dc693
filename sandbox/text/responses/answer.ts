import type { TextReply } from '../types.js';
import type { ResponsesBody } from './request.js';

/** All that a response is written from. */
export interface ResponseAnswer {
  body: ResponsesBody;
  reply: TextReply;
  /** Tokens read from the cache. */
  cached: number;
  /** Null where the fault `no-usage` takes it away. */
  hasUsage: boolean;
  /** 24 hexadecimal digits that all ids of this response share. */
  key: string;
  /** Seconds. */
  created: number;
}

export interface ReasoningItem {
  id: string;
  type: 'reasoning';
  summary: { type: 'summary_text'; text: string }[];
  encrypted_content?: string;
}
export interface MessageItem {
  id: string;
  type: 'message';
  status: 'in_progress' | 'completed' | 'incomplete';
  role: 'assistant';
  content: MessagePart[];
}
export type MessagePart =
  | { type: 'output_text'; annotations: never[]; logprobs: never[]; text: string }
  | { type: 'refusal'; refusal: string };
export interface CallItem {
  id: string;
  type: 'function_call';
  status: 'in_progress' | 'completed';
  arguments: string;
  call_id: string;
  name: string;
}
export type OutputItem = ReasoningItem | MessageItem | CallItem;

/** Reasoning, then a message or the calls. */
export function outputOf({ body, reply, key }: ResponseAnswer): OutputItem[] {
  const items: OutputItem[] = [];
  if (reply.reasoning !== null) {
    const isShown = body.reasoning?.summary != null || body.reasoning?.generate_summary != null;
    const isEncrypted = body.include?.includes('reasoning.encrypted_content') === true;
    items.push({
      id: `rs_${key}`,
      type: 'reasoning',
      summary: isShown ? [{ type: 'summary_text', text: reply.reasoning }] : [],
      ...(isEncrypted ? { encrypted_content: Buffer.from(reply.reasoning).toString('base64') } : {}),
    });
  }
  for (const [index, call] of reply.toolCalls.entries())
    items.push({
      id: `fc_${key}${index}`,
      type: 'function_call',
      status: 'completed',
      arguments: JSON.stringify(call.arguments),
      call_id: `call_${call.id}`,
      name: call.name,
    });
  if (reply.toolCalls.length > 0 || (reply.text === '' && reply.refusal === null)) return items;
  const isCut = reply.stop === 'length' || reply.stop === 'content_filter';
  items.push({
    id: `msg_${key}`,
    type: 'message',
    status: isCut ? 'incomplete' : 'completed',
    role: 'assistant',
    content: [
      reply.refusal === null
        ? { type: 'output_text', annotations: [], logprobs: [], text: reply.text }
        : { type: 'refusal', refusal: reply.refusal },
    ],
  });
  return items;
}

export type Status = 'in_progress' | 'completed' | 'incomplete' | 'failed';

export function statusOf({ stop }: TextReply): Status {
  return stop === 'length' || stop === 'content_filter' ? 'incomplete' : 'completed';
}

/** The response in a state; output and usage come with its end. */
export function responseOf(answer: ResponseAnswer, status: Status, error: object | null = null): object {
  const { body, reply, key, created } = answer;
  const isOver = status === 'completed' || status === 'incomplete';
  return {
    id: `resp_${key}`,
    object: 'response',
    created_at: created,
    status,
    background: false,
    completed_at: status === 'completed' ? created : null,
    error,
    incomplete_details:
      status === 'incomplete' ? { reason: reply.stop === 'length' ? 'max_output_tokens' : 'content_filter' } : null,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    max_tool_calls: body.max_tool_calls ?? null,
    model: body.model,
    output: isOver ? outputOf(answer) : [],
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    previous_response_id: null,
    prompt_cache_key: body.prompt_cache_key ?? null,
    prompt_cache_retention: body.prompt_cache_retention ?? null,
    reasoning: { effort: body.reasoning?.effort ?? null, summary: body.reasoning?.summary ?? null },
    safety_identifier: body.safety_identifier ?? null,
    service_tier: 'default',
    store: body.store ?? true,
    temperature: body.temperature ?? 1,
    text: { format: body.text?.format ?? { type: 'text' }, verbosity: body.text?.verbosity ?? 'medium' },
    tool_choice: body.tool_choice ?? 'auto',
    tools: body.tools ?? [],
    top_logprobs: body.top_logprobs ?? 0,
    top_p: body.top_p ?? 1,
    truncation: body.truncation ?? 'disabled',
    usage: isOver && answer.hasUsage ? usageOf(answer) : null,
    user: body.user ?? null,
    metadata: body.metadata ?? {},
  };
}

function usageOf({ reply: { usage }, cached }: ResponseAnswer): object {
  return {
    input_tokens: usage.input,
    input_tokens_details: { cached_tokens: cached },
    output_tokens: usage.output,
    output_tokens_details: { reasoning_tokens: usage.reasoning },
    total_tokens: usage.input + usage.output,
  };
}
