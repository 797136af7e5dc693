import type { MessagesBody } from './body.js';
import { invalid } from './errors.js';
import type { ClaudeModel, ThinkingType } from './models.js';
import { checkStrictSchema } from './schema-rules.js';

/** What this model refuses although the fields are well formed: guides of Claude Platform, see `models.ts`. */
export function checkModelRules(body: MessagesBody, model: ClaudeModel): void {
  const { max_tokens: maxTokens, stop_sequences: stops = [] } = body;
  if (maxTokens !== Number.MAX_SAFE_INTEGER && maxTokens > model.maxOutputTokens)
    throw invalid(
      `max_tokens: ${maxTokens} > ${model.maxOutputTokens}, which is the maximum allowed number of output tokens for ${model.id}`,
    );
  if (stops.some((stop) => stop.trim() === ''))
    throw invalid('stop_sequences: each stop sequence must contain non-whitespace');
  checkThinking(body, model);
  checkSampling(body, model);
  checkToolChoice(body, model);
  checkSchemas(body);
  checkBreakpoints(body);
}

/** How the model thinks on this request. */
export function thinkingOf(body: MessagesBody, model: ClaudeModel): ThinkingType {
  return body.thinking?.type ?? (model.thinksByDefault ? 'adaptive' : 'disabled');
}

export const thinks = (type: ThinkingType): boolean => type === 'adaptive' || type === 'enabled';

function checkThinking(body: MessagesBody, model: ClaudeModel): void {
  const { thinking, output_config: output } = body;
  if (thinking !== undefined && !model.thinking.includes(thinking.type))
    throw invalid(`"thinking.type.${thinking.type}" is not supported for this model.`);
  if (thinking?.type === 'enabled' && thinking.budget_tokens >= body.max_tokens)
    throw invalid('`max_tokens` must be greater than `thinking.budget_tokens`.');
  const effort = output?.effort ?? undefined;
  if (effort === undefined) return;
  if (model.efforts.length === 0) throw invalid('This model does not support the effort parameter.');
  if (!model.efforts.includes(effort))
    throw invalid(`output_config.effort: '${effort}' is not supported by this model; use ${model.efforts.join(', ')}`);
  const isOff = thinking?.type === 'disabled' || thinking?.type === 'between_tools';
  if (model.capsEffortWithoutThinking && isOff && (effort === 'xhigh' || effort === 'max'))
    throw invalid(`output_config.effort: '${effort}' is not supported when thinking.type is '${thinking.type}'.`);
}

function checkSampling(body: MessagesBody, model: ClaudeModel): void {
  const { temperature, top_p: topP, top_k: topK } = body;
  if (!model.samples) {
    if ((temperature ?? 1) !== 1) throw invalid('`temperature` may only be set to 1 on this model.');
    if ((topP ?? 1) < 0.99) throw invalid('`top_p` must be greater than or equal to 0.99 or unset on this model.');
    if (topK !== undefined) throw invalid('`top_k` is not supported on this model.');
    return;
  }
  if (temperature !== undefined && topP !== undefined)
    throw invalid('`temperature` and `top_p` cannot both be specified for this model. Please use only one.');
  if (!thinks(thinkingOf(body, model))) return;
  if ((temperature ?? 1) !== 1) throw invalid('`temperature` may only be set to 1 when thinking is enabled.');
  if ((topP ?? 1) < 0.95)
    throw invalid('`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled.');
  if (topK !== undefined) throw invalid('`top_k` must be unset when thinking is enabled.');
}

function checkToolChoice(body: MessagesBody, model: ClaudeModel): void {
  const { tool_choice: choice, tools = [] } = body;
  const names = tools.flatMap((tool) => ('name' in tool ? [tool.name] : []));
  if (new Set(names).size !== names.length) throw invalid('tools: Tool names must be unique.');
  if (choice === undefined) return;
  if (tools.length === 0) throw invalid('tool_choice: tool_choice may only be specified while providing tools');
  if (choice.type === 'tool' && !names.includes(choice.name))
    throw invalid(`tool_choice: Tool '${choice.name}' not found in provided tools`);
  if (choice.type !== 'any' && choice.type !== 'tool') return;
  if (!model.forcesTools) throw invalid('tool_choice: type "tool" and "any" are not supported for this model.');
  if (body.thinking !== undefined && thinks(body.thinking.type))
    throw invalid('Thinking may not be enabled when tool_choice forces tool use.');
}

/** Structured outputs and strict tools take a part of JSON Schema. */
function checkSchemas({ output_config: output, tools = [] }: MessagesBody): void {
  if (output?.format) checkStrictSchema(output.format.schema, 'output_config.format.schema');
  for (const [at, tool] of tools.entries())
    if (tool.type === 'custom' && tool.strict === true) checkStrictSchema(tool.input_schema, `tools.${at}.custom`);
}

const MAX_BREAKPOINTS = 4;

function checkBreakpoints(body: MessagesBody): void {
  const ttls = [...marks([body.tools, body.system, body.messages])];
  const count = ttls.length + (body.cache_control ? 1 : 0);
  if (count > MAX_BREAKPOINTS)
    throw invalid(`A maximum of 4 blocks with cache_control may be provided. Found ${count}.`);
  const firstShort = ttls.indexOf('5m');
  if (firstShort !== -1 && ttls.lastIndexOf('1h') > firstShort)
    throw invalid("a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block");
}

/** The ttl of every breakpoint in render order: tools, system, messages. */
function* marks(value: unknown): Generator<'5m' | '1h'> {
  if (typeof value !== 'object' || value === null) return;
  const list: unknown[] = Array.isArray(value) ? value : [value];
  for (const one of list) {
    if (typeof one !== 'object' || one === null) continue;
    if (Array.isArray(one)) yield* marks(one);
    else {
      const { cache_control: mark, content } = one as {
        cache_control?: { ttl?: '5m' | '1h' } | null;
        content?: unknown;
      };
      yield* marks(content);
      if (mark) yield mark.ttl ?? '5m';
    }
  }
}
