import type { JsonObject, JsonValue } from '../../../common/json.js';
import type { FinishReason, TokenUsage } from '../conversation.js';
import type { Echo } from '../dialect.js';
import { isObject } from '../shapes.js';
import { isGiven } from './fields.js';
import { writeUsage } from './usage.js';

/** Where a response stands. */
export interface Standing {
  status: 'in_progress' | 'completed' | 'incomplete' | 'failed';
  output: JsonObject[];
  usage: TokenUsage | null;
  incompleteReason?: 'max_output_tokens' | 'content_filter';
  error?: { code: string; message: string };
  serviceTier?: string | null;
}

/** `service_tier` of `openai` 7; other providers' words would break clients that check. */
const SERVICE_TIERS = ['auto', 'default', 'flex', 'scale', 'priority'];

/** How an answer that ended for `reason` stands. Stop sequences and pauses have no word here. */
export function endOf(reason: FinishReason | null): Pick<Standing, 'status' | 'incompleteReason'> {
  if (reason === 'length') return { status: 'incomplete', incompleteReason: 'max_output_tokens' };
  if (reason === 'refusal') return { status: 'incomplete', incompleteReason: 'content_filter' };
  return { status: 'completed' };
}

/**
 * A whole response object, as `openai` 7's `Response` demands it. It says `store: false` whatever was asked for: it can't be
 * read again.
 */
export function responseObject({ suffix, createdAt, model, body }: Echo, standing: Standing): JsonObject {
  const given = (key: string): JsonValue => body[key] ?? null;
  const reasoning = isObject(body.reasoning) ? body.reasoning : {};
  return {
    id: `resp_${suffix}`,
    object: 'response',
    created_at: createdAt,
    status: standing.status,
    background: false,
    error: standing.error ?? null,
    incomplete_details: standing.incompleteReason ? { reason: standing.incompleteReason } : null,
    instructions: given('instructions'),
    max_output_tokens: given('max_output_tokens'),
    max_tool_calls: given('max_tool_calls'),
    model,
    output: standing.output,
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    previous_response_id: null,
    prompt_cache_key: given('prompt_cache_key'),
    reasoning: { effort: reasoning.effort ?? null, summary: reasoning.summary ?? null },
    safety_identifier: given('safety_identifier'),
    service_tier: SERVICE_TIERS.find((tier) => tier === standing.serviceTier) ?? null,
    store: false,
    temperature: given('temperature'),
    text: { format: { type: 'text' }, ...(isObject(body.text) && withoutNulls(body.text)) },
    tool_choice: body.tool_choice ?? 'auto',
    tools: Array.isArray(body.tools) ? body.tools.map(toolEcho) : [],
    top_logprobs: body.top_logprobs ?? 0,
    top_p: given('top_p'),
    truncation: body.truncation ?? 'disabled',
    usage: standing.usage && writeUsage(standing.usage),
    user: given('user'),
    metadata: body.metadata ?? {},
    access_programs: null,
  };
}

/** Functions are echoed with the fields that `FunctionTool` demands. */
const toolEcho = (tool: JsonValue): JsonValue =>
  isObject(tool) && tool.type === 'function'
    ? { ...tool, parameters: tool.parameters ?? null, strict: tool.strict ?? false }
    : tool;

const withoutNulls = (value: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(value).filter(([, inner]) => isGiven(inner)));
