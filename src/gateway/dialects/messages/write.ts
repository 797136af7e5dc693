import type { JsonObject } from '../../../common/json.js';
import type { Conversation, Tool } from '../conversation.js';
import type { ModelTraits } from '../dialect.js';
import { given } from '../shapes.js';
import { effortOf, thinkingOf } from './thinking.js';
import { cacheControl, writeMessages, writeSystem } from './turns-out.js';

/** Anthropic's limit of `metadata.user_id`. */
const USER_CHARS = 256;
/** OpenAI's JSON mode, which the API does not have, as words. */
const JSON_INSTRUCTION = 'Answer with one valid JSON object and nothing else: no prose, no code fence.';
/** Where the tiers of the two providers mean the same. */
const TIERS: Record<string, string> = { auto: 'auto', standard_only: 'standard_only', default: 'standard_only' };

/** The conversation as a messages body; `max_tokens` is the model's where the client named none. */
export function write(conversation: Conversation, traits: ModelTraits): JsonObject {
  const { user, topP, serviceTier } = conversation;
  const maxTokens = Math.min(conversation.maxOutputTokens ?? traits.maxOutputTokens, traits.maxOutputTokens);
  const system = [
    ...writeSystem(conversation.turns),
    ...(conversation.format?.type === 'json_object' ? [{ type: 'text', text: JSON_INSTRUCTION }] : []),
  ];
  const functions = conversation.tools.filter((tool) => tool.kind === 'function');
  const stop = conversation.stop?.filter((sequence) => sequence.trim() !== '') ?? [];
  const tier = serviceTier === undefined ? undefined : TIERS[serviceTier];
  return given<JsonObject>({
    max_tokens: maxTokens,
    system: system.length === 0 ? undefined : system,
    messages: writeMessages(conversation.turns),
    tools: functions.length === 0 ? undefined : functions.map(functionTool),
    tool_choice: functions.length === 0 ? undefined : toolChoice(conversation),
    stop_sequences: stop.length === 0 ? undefined : stop,
    temperature: traits.sampling ? conversation.temperature : undefined,
    // Some models refuse it beside a temperature, even where it is the default.
    top_p: traits.sampling && topP !== 1 ? topP : undefined,
    top_k: traits.sampling ? conversation.topK : undefined,
    thinking: thinkingOf(conversation, traits, maxTokens),
    output_config: outputConfig(conversation, traits),
    metadata: user !== undefined && user.length <= USER_CHARS ? { user_id: user } : undefined,
    service_tier: tier,
    ...cacheControl(conversation.cache),
    stream: conversation.stream ? true : undefined,
  });
}

const functionTool = (tool: Extract<Tool, { kind: 'function' }>): JsonObject => ({
  ...given<JsonObject>({
    name: tool.name,
    description: tool.description,
    input_schema: tool.parameters,
    strict: tool.strict,
  }),
  ...cacheControl(tool.cache),
});

function toolChoice({ toolChoice: choice, parallelToolCalls }: Conversation): JsonObject | undefined {
  if (choice?.type === 'none') return { type: 'none' };
  if (choice === undefined && parallelToolCalls !== false) return undefined;
  const serial: JsonObject = parallelToolCalls === undefined ? {} : { disable_parallel_tool_use: !parallelToolCalls };
  if (choice?.type === 'tool') return { type: 'tool', name: choice.name, ...serial };
  return { type: choice?.type === 'required' ? 'any' : 'auto', ...serial };
}

function outputConfig(conversation: Conversation, traits: ModelTraits): JsonObject | undefined {
  const { format } = conversation;
  const config = given<JsonObject>({
    effort: effortOf(conversation, traits),
    format: format?.type === 'json_schema' ? { type: 'json_schema', schema: format.schema } : undefined,
  });
  return Object.keys(config).length === 0 ? undefined : config;
}
