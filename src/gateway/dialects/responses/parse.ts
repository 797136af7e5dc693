import { invalidRequest } from '../../../common/errors.js';
import type { JsonObject, JsonValue } from '../../../common/json.js';
import type { Conversation, OutputFormat, Reasoning } from '../conversation.js';
import { given } from '../shapes.js';
import {
  flag,
  integer,
  isGiven,
  list,
  name,
  number,
  object,
  oneOf,
  optional,
  type Read,
  required,
  text,
  wrong,
} from './fields.js';
import { readInput } from './input.js';
import { readTools } from './tools.js';

const SEALED = 'reasoning.encrypted_content';
const LOGPROBS = 'message.output_text.logprobs';

/** Fields that need what Kiln keeps for nobody. */
const STATEFUL: Record<string, string> = {
  previous_response_id: 'Responses are not kept here: send the whole conversation in `input` instead.',
  conversation: 'Conversations are not kept here: send the whole conversation in `input` instead.',
  prompt: 'Prompts are not kept here: send their text in `instructions` and `input` instead.',
};

/**
 * Fields that are read here or say nothing another model must obey: where the answer is kept, how the cache or the stream is
 * to be run, how many calls hosted tools may make.
 */
const KNOWN = new Set([
  'model',
  'input',
  'instructions',
  'tools',
  'tool_choice',
  'parallel_tool_calls',
  'max_output_tokens',
  'temperature',
  'top_p',
  'top_logprobs',
  'text',
  'reasoning',
  'include',
  'metadata',
  'user',
  'safety_identifier',
  'service_tier',
  'prompt_cache_key',
  'stream',
  ...Object.keys(STATEFUL),
  'background',
  'store',
  'stream_options',
  'truncation',
  'max_tool_calls',
  'prompt_cache_retention',
  'prompt_cache_options',
]);

/** A body of `POST /v1/responses`. Shape: `openai` 7, `ResponseCreateParams`. Its references must have been resolved. */
export function parse(body: JsonObject): Conversation {
  refuseState(body);
  const input = readInput(body.input);
  const instructions = optional(body, 'instructions', '', text);
  const use = readTools(body);
  const output = optional(body, 'text', '', outputOf);
  const include = optional(body, 'include', '', texts) ?? [];
  const topLogprobs = optional(body, 'top_logprobs', '', integer(0, 20));
  optional(body, 'store', '', flag);
  optional(body, 'truncation', '', oneOf('auto', 'disabled'));
  return given({
    turns:
      instructions === undefined || instructions === ''
        ? input.turns
        : [{ role: 'system' as const, parts: [{ type: 'text' as const, text: instructions }] }, ...input.turns],
    tools: use.tools,
    toolChoice: use.toolChoice,
    parallelToolCalls: optional(body, 'parallel_tool_calls', '', flag),
    maxOutputTokens: optional(body, 'max_output_tokens', '', integer(1, Number.MAX_SAFE_INTEGER)),
    temperature: optional(body, 'temperature', '', number(0, 2)),
    topP: optional(body, 'top_p', '', number(0, 1)),
    logprobs: include.includes(LOGPROBS) || (topLogprobs ?? 0) > 0 ? (topLogprobs ?? 0) : undefined,
    format: output?.format,
    reasoning: reasoningOf(body, include.includes(SEALED)),
    verbosity: output?.verbosity,
    user: optional(body, 'safety_identifier', '', text) ?? optional(body, 'user', '', text),
    metadata: optional(body, 'metadata', '', object),
    serviceTier: optional(body, 'service_tier', '', text),
    promptCacheKey: optional(body, 'prompt_cache_key', '', text),
    stream: optional(body, 'stream', '', flag) ?? false,
    includeUsage: false,
    foreign: [
      ...unknownIn(body, KNOWN, ''),
      ...input.foreign,
      ...use.foreign,
      ...(output?.foreign ?? []),
      ...odd(body),
    ],
  });
}

function refuseState(body: JsonObject): void {
  for (const [field, why] of Object.entries(STATEFUL)) {
    if (isGiven(body[field])) throw invalidRequest(`'${field}' is not supported. ${why}`, field);
  }
  if (optional(body, 'background', '', flag) === true) {
    throw invalidRequest(
      "'background' can only be false: an answer ends with its request; stream it instead.",
      'background',
    );
  }
}

interface Output {
  format?: OutputFormat;
  verbosity?: string;
  foreign: string[];
}

function outputOf(value: JsonValue, field: string): Output {
  const output = object(value, field);
  return given({
    format: optional(output, 'format', field, formatOf),
    verbosity: optional(output, 'verbosity', field, text),
    foreign: unknownIn(output, new Set(['format', 'verbosity']), field),
  });
}

const formatOf: Read<OutputFormat> = (value, field) => {
  const format = object(value, field);
  const types = "'text', 'json_object' or 'json_schema'";
  const type = required(format, 'type', field, oneOf('text', 'json_object', 'json_schema'), types);
  if (type !== 'json_schema') return { type };
  return given({
    type,
    name: required(format, 'name', field, name, 'a name for the schema'),
    schema: required(format, 'schema', field, object, 'a JSON Schema'),
    description: optional(format, 'description', field, text),
    strict: optional(format, 'strict', field, flag),
  });
};

const EFFORTS = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'] as const;

function reasoningOf(body: JsonObject, sealed: boolean): Reasoning | undefined {
  const asked = optional(body, 'reasoning', '', object) ?? {};
  const reasoning: Reasoning = given({
    effort: optional(asked, 'effort', 'reasoning', oneOf(...EFFORTS)),
    summary: optional(asked, 'summary', 'reasoning', text) ?? optional(asked, 'generate_summary', 'reasoning', text),
    sealed: sealed || undefined,
  });
  return Object.keys(reasoning).length > 0 ? reasoning : undefined;
}

const REASONING_FIELDS = new Set(['effort', 'summary', 'generate_summary']);

const odd = (body: JsonObject): string[] =>
  unknownIn(optional(body, 'reasoning', '', object) ?? {}, REASONING_FIELDS, 'reasoning');

const unknownIn = (value: JsonObject, known: ReadonlySet<string>, at: string): string[] =>
  Object.keys(value)
    .filter((key) => !known.has(key) && isGiven(value[key]))
    .map((key) => (at === '' ? key : `${at}.${key}`));

const texts: Read<string[]> = (value, field) =>
  list(value, field).map((word, index) => {
    if (typeof word !== 'string') throw wrong(`${field}[${index}]`, 'a string', word);
    return word;
  });
