import type { JsonObject, JsonValue } from '../../../common/json.js';
import type { Conversation, OutputFormat, Reasoning, Tool, ToolChoice } from '../conversation.js';
import { foreignFields, given, read } from '../shapes.js';
import { NO_PARAMETERS } from '../tool-arguments.js';
import { chatRequest, KNOWN_FIELDS, type ChatRequest } from './schema.js';
import { cacheMark, readTurns } from './turns-in.js';

/** A chat completions body as a conversation. */
export function parse(body: JsonObject): Conversation {
  const request = read(chatRequest, body);
  const { turns, foreign } = readTurns(request.messages);
  const choice = toolChoice(request);
  return {
    ...given<Omit<Conversation, 'turns' | 'tools' | 'stream' | 'includeUsage' | 'foreign'>>({
      toolChoice: choice.choice,
      parallelToolCalls: request.parallel_tool_calls,
      maxOutputTokens: request.max_completion_tokens ?? request.max_tokens,
      temperature: request.temperature,
      topP: request.top_p,
      // 0 and -1 switch it off.
      topK: request.top_k !== null && request.top_k !== undefined && request.top_k > 0 ? request.top_k : null,
      stop: typeof request.stop === 'string' ? [request.stop] : request.stop,
      n: request.n,
      seed: request.seed,
      presencePenalty: request.presence_penalty,
      frequencyPenalty: request.frequency_penalty,
      logitBias: request.logit_bias,
      logprobs: request.logprobs === true ? (request.top_logprobs ?? 0) : undefined,
      format: outputFormat(request),
      reasoning: reasoning(request),
      verbosity: request.verbosity,
      user: request.safety_identifier ?? request.user,
      metadata: request.metadata,
      serviceTier: request.service_tier,
      promptCacheKey: request.prompt_cache_key,
      modalities: otherModalities(body['modalities']),
    }),
    turns,
    tools: tools(request, choice.allowed),
    stream: request.stream ?? false,
    includeUsage: request.stream_options?.include_usage ?? false,
    foreign: [
      ...foreignFields(body, KNOWN_FIELDS).filter(
        (name) => name !== 'modalities' || otherModalities(body[name]) !== null,
      ),
      ...foreign,
      ...(choice.foreign ? ['tool_choice'] : []),
    ],
  };
}

/** `modalities: ["text"]` is the default; null for it. */
function otherModalities(asked: JsonValue | undefined): string[] | null {
  if (asked === undefined || asked === null) return null;
  const others = (Array.isArray(asked) ? asked : [asked]).filter((modality) => modality !== 'text').map(String);
  return others.length === 0 ? null : others;
}

function tools(request: ChatRequest, allowed: string[] | null): Tool[] {
  const current = (request.tools ?? []).map((tool): Tool => {
    if (!isFunctionTool(tool)) return { kind: 'hosted', type: tool.type };
    return functionTool(tool.function, tool.cache_control);
  });
  const legacy = (request.functions ?? []).map((definition) => functionTool(definition, null));
  return [...current, ...legacy].filter(
    (tool) => allowed === null || (tool.kind === 'function' && allowed.includes(tool.name)),
  );
}

type ToolIn = NonNullable<ChatRequest['tools']>[number];
type FunctionToolIn = Extract<ToolIn, { function: unknown; type: 'function' }>;
const isFunctionTool = (tool: ToolIn): tool is FunctionToolIn => tool.type === 'function';

const functionTool = (definition: FunctionToolIn['function'], cache: FunctionToolIn['cache_control']): Tool =>
  given<Extract<Tool, { kind: 'function' }>>({
    kind: 'function',
    name: definition.name,
    description: definition.description,
    parameters: definition.parameters ?? NO_PARAMETERS,
    strict: definition.strict,
    cache: cacheMark(cache),
  });

interface Choice {
  choice: ToolChoice | null;
  /** Names of the tools that may be used, where the client narrows them. */
  allowed: string[] | null;
  /** Chooses something that only this API has. */
  foreign: boolean;
}

function toolChoice(request: ChatRequest): Choice {
  const asked = request.tool_choice ?? legacyChoice(request);
  if (asked === null) return { choice: null, allowed: null, foreign: false };
  if (typeof asked === 'string') return { choice: { type: asked }, allowed: null, foreign: false };
  if (asked.type === 'function')
    return { choice: { type: 'tool', name: asked.function.name }, allowed: null, foreign: false };
  if (asked.type === 'custom') return { choice: null, allowed: null, foreign: true };
  const { mode, tools: allowed } = asked.allowed_tools;
  return { choice: { type: mode }, allowed: allowed.map((tool) => tool.function.name), foreign: false };
}

function legacyChoice({ function_call: call }: ChatRequest): Exclude<ChatRequest['tool_choice'], undefined> {
  if (call === null || call === undefined || typeof call === 'string') return call ?? null;
  return { type: 'function', function: { name: call.name } };
}

function reasoning({ reasoning_effort: effort, thinking }: ChatRequest): Reasoning | null {
  const asked = given<Reasoning>({ effort, mode: thinking?.type, budgetTokens: thinking?.budget_tokens });
  return Object.keys(asked).length === 0 ? null : asked;
}

function outputFormat({ response_format: format }: ChatRequest): OutputFormat | null {
  if (format === null || format === undefined) return null;
  if (format.type !== 'json_schema') return { type: format.type };
  const { name, description, schema, strict } = format.json_schema;
  return given<Extract<OutputFormat, { type: 'json_schema' }>>({
    type: 'json_schema',
    name,
    description,
    schema: schema ?? {},
    strict,
  });
}
