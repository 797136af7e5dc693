import { KilnError } from '../../../common/errors.js';
import type { JsonObject } from '../../../common/json.js';
import type { Conversation, OutputFormat, Reasoning, Tool, ToolChoice } from '../conversation.js';
import { foreignFields, given, read } from '../shapes.js';
import { countRequest, KNOWN_FIELDS, messagesRequest, type CountRequest, type ToolIn } from './schema.js';
import { cacheMark, readTurns } from './turns-in.js';

/** A messages body, of either `anthropic-version`, as a conversation. */
export const parse = (body: JsonObject): Conversation => conversationOf(read(messagesRequest, body), body);

/** A body of `/v1/messages/count_tokens`: the same without `max_tokens`. */
export const parseCount = (body: JsonObject): Conversation => conversationOf(read(countRequest, body), body);

function conversationOf(request: CountRequest, body: JsonObject): Conversation {
  if (body['thread'] !== undefined && body['thread'] !== null) throw noThreads();
  const { turns, foreign } = readTurns(request.system, request.messages);
  return {
    ...given<Omit<Conversation, 'turns' | 'tools' | 'stream' | 'includeUsage' | 'foreign'>>({
      toolChoice: toolChoice(request),
      parallelToolCalls: parallelToolCalls(request),
      maxOutputTokens: request.max_tokens,
      temperature: request.temperature,
      topP: request.top_p,
      topK: request.top_k,
      stop: request.stop_sequences,
      format: outputFormat(request),
      reasoning: reasoning(request),
      user: request.metadata?.user_id,
      serviceTier: request.service_tier,
      cache: cacheMark(request.cache_control),
    }),
    turns,
    tools: (request.tools ?? []).map(tool),
    stream: request.stream ?? false,
    // A part of every stream of this API.
    includeUsage: true,
    foreign: [...foreignFields(body, KNOWN_FIELDS), ...foreign],
  };
}

/**
 * A conversation that the server holds belongs to one provider, and every request here may go to another. Anthropic's client
 * reads this word and goes on by sending the whole history (`@anthropic-ai/sdk` 1.14, `ThreadState`).
 */
const noThreads = (): KilnError =>
  new KilnError(400, 'invalid_request_error', "'thread' is not served: send the whole conversation in 'messages'.", {
    param: 'thread',
    shouldRetry: false,
    anthropicDetails: { error_code: 'thread_unsupported_request', unsupported: ['thread'] },
  });

function tool(asked: ToolIn): Tool {
  if (asked.kind === 'hosted') return asked;
  const { definition } = asked;
  return given<Extract<Tool, { kind: 'function' }>>({
    kind: 'function',
    name: definition.name,
    description: definition.description,
    parameters: definition.input_schema,
    strict: definition.strict,
    cache: cacheMark(definition.cache_control),
  });
}

function toolChoice({ tool_choice: choice }: CountRequest): ToolChoice | null {
  if (choice === null || choice === undefined) return null;
  if (choice.type === 'tool') return { type: 'tool', name: choice.name };
  return { type: choice.type === 'any' ? 'required' : choice.type };
}

function parallelToolCalls({ tool_choice: choice }: CountRequest): boolean | null {
  if (choice === null || choice === undefined || choice.type === 'none') return null;
  return typeof choice.disable_parallel_tool_use === 'boolean' ? !choice.disable_parallel_tool_use : null;
}

/** Anthropic's formats have no name. */
function outputFormat({ output_config: config, output_format: old }: CountRequest): OutputFormat | null {
  const format = config?.format ?? old;
  return format ? { type: 'json_schema', name: 'answer', schema: format.schema } : null;
}

function reasoning({ thinking, output_config: config }: CountRequest): Reasoning | null {
  const asked = given<Reasoning>({
    effort: config?.effort,
    mode: thinking?.type,
    budgetTokens: thinking?.type === 'enabled' ? thinking.budget_tokens : null,
    display: thinking?.display,
  });
  return Object.keys(asked).length === 0 ? null : asked;
}
