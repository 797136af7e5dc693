import type { JsonObject, JsonValue } from '../../../common/json.js';
import type { Conversation, OutputFormat, Tool, ToolChoice } from '../conversation.js';
import type { ModelTraits } from '../dialect.js';
import { given } from '../shapes.js';
import { signedMessages } from '../signed-calls.js';
import { asksToThink, nearestEffort } from '../traits.js';
import { writeTurns } from './turns-out.js';

/** OpenAI's limit for a stable id of the end user; Claude Code's ids are longer. */
const USER_CHARS = 64;

/** The conversation as a chat completions body; hints that the model does not know are left out. */
export function write(conversation: Conversation, traits: ModelTraits): JsonObject {
  const { features } = traits;
  const { user, temperature, topP, tools, maxOutputTokens, logprobs } = conversation;
  const functions = tools.filter((tool) => tool.kind === 'function');
  return given<JsonObject>({
    messages: signedMessages(writeTurns(conversation.turns, traits), traits.signsCalls === true),
    [traits.maxTokensField]:
      maxOutputTokens === undefined ? undefined : Math.min(maxOutputTokens, traits.maxOutputTokens),
    temperature: traits.sampling ? temperature : undefined,
    top_p: traits.sampling ? topP : undefined,
    top_k: traits.sampling && features.has('top_k') ? conversation.topK : undefined,
    stop: stopOf(conversation),
    n: conversation.n === 1 ? undefined : conversation.n,
    seed: features.has('seed') ? conversation.seed : undefined,
    presence_penalty: features.has('penalties') ? conversation.presencePenalty : undefined,
    frequency_penalty: features.has('penalties') ? conversation.frequencyPenalty : undefined,
    logit_bias: features.has('logit_bias') ? conversation.logitBias : undefined,
    logprobs: logprobs === undefined ? undefined : true,
    top_logprobs: logprobs === undefined || logprobs === 0 ? undefined : logprobs,
    tools: functions.length === 0 ? undefined : functions.map((tool) => functionTool(tool, traits)),
    tool_choice: functions.length === 0 ? undefined : toolChoice(conversation.toolChoice),
    parallel_tool_calls:
      functions.length > 0 && features.has('parallel_tools') ? conversation.parallelToolCalls : undefined,
    response_format: responseFormat(conversation.format, traits),
    reasoning_effort: effortOf(conversation, traits),
    user: user !== undefined && user.length <= USER_CHARS ? user : undefined,
    stream: conversation.stream ? true : undefined,
    stream_options: conversation.stream && traits.streamUsage ? { include_usage: true } : undefined,
  });
}

export const stopOf = ({ stop }: Conversation): string[] | undefined => {
  const strings = stop?.filter((sequence) => sequence !== '');
  return strings === undefined || strings.length === 0 ? undefined : strings;
};

const functionTool = (tool: Extract<Tool, { kind: 'function' }>, traits: ModelTraits): JsonObject => ({
  type: 'function',
  function: given<JsonObject>({
    name: tool.name,
    description: tool.description,
    parameters: tool.parameters,
    strict: tool.strict,
  }),
  ...(tool.cache !== undefined &&
    traits.cacheMarks === true && {
      cache_control: tool.cache.ttl === '5m' ? { type: 'ephemeral' } : { type: 'ephemeral', ttl: tool.cache.ttl },
    }),
});

function toolChoice(choice: ToolChoice | undefined): JsonValue | undefined {
  if (choice?.type === 'tool') return { type: 'function', function: { name: choice.name } };
  return choice?.type;
}

function responseFormat(format: OutputFormat | undefined, traits: ModelTraits): JsonObject | undefined {
  if (format === undefined || format.type === 'text') return undefined;
  if (format.type === 'json_object')
    return traits.features.has('json_object')
      ? { type: 'json_object' }
      : { type: 'json_schema', json_schema: { name: 'answer', schema: { type: 'object' } } };
  const { type, ...schema } = format;
  return { type, json_schema: given<JsonObject>(schema) };
}

/** Anthropic's budgets, as the effort that OpenAI's models would spend about as much on. */
function effortOf({ reasoning }: Conversation, traits: ModelTraits): string | undefined {
  if (reasoning === undefined || traits.efforts.length === 0) return undefined;
  if (reasoning.mode === 'disabled')
    return ['none', 'minimal', 'low'].find((effort) => traits.efforts.includes(effort));
  if (reasoning.effort !== undefined) return nearestEffort(reasoning.effort, traits.efforts);
  if (!asksToThink(reasoning) || reasoning.budgetTokens === undefined) return undefined;
  const { budgetTokens } = reasoning;
  return nearestEffort(budgetTokens <= 4096 ? 'low' : budgetTokens <= 16_384 ? 'medium' : 'high', traits.efforts);
}
