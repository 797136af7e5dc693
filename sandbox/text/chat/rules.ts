import { inputTokens } from '../tokens.js';
import type { TextRequest } from '../types.js';
import type { TextModel, TextVendor } from '../vendors.js';
import { type ChatError, failed } from './errors.js';
import type { ChatBody, ChatMessage } from './request.js';
import { strictnessProblem } from './strict-schema.js';

/** A body of the right shape, and what it asks of which model. */
export interface Asked {
  vendor: TextVendor;
  model: TextModel;
  /** As it came, with the fields that the schema leaves out. */
  raw: Record<string, unknown>;
  body: ChatBody;
  reasoning: boolean;
}

type Rule = (asked: Asked) => ChatError | null;

/** What a vendor refuses of a body whose shape is right. */
export function ruleBroken(asked: Asked): ChatError | null {
  for (const rule of [...COMMON, ...(OWN[asked.vendor.provider] ?? [])]) {
    const error = rule(asked);
    if (error !== null) return error;
  }
  return null;
}

const refuse = ({ vendor }: Asked, param: string | null, message: string): ChatError =>
  failed(vendor.provider, 'value', param, message);
const unsupported = ({ vendor }: Asked, param: string, message: string): ChatError =>
  failed(vendor.provider, 'unsupported', param, message);

const CONTENT_KINDS = { image_url: 'image', input_audio: 'audio', file: 'file' } as const;

const partsAreTaken: Rule = (asked) => {
  for (const [index, { role, content }] of asked.body.messages.entries()) {
    if (role !== 'user' || typeof content === 'string') continue;
    const at = content.findIndex(
      (part) => part.type !== 'text' && !asked.model.takes.includes(CONTENT_KINDS[part.type]),
    );
    if (at < 0) continue;
    const { type = '' } = content[at] ?? {};
    const message =
      asked.vendor.provider === 'deepseek'
        ? `Failed to deserialize the JSON body into the target type: messages[${index}]: unknown variant \`${type}\`, expected \`text\``
        : `Invalid content type. '${type}' is not supported by the model '${asked.body.model}'.`;
    return refuse(asked, `messages[${index}].content[${at}].type`, message);
  }
  return null;
};

/** Each call is answered, and each answer was called for. vLLM leaves that to the model's chat template. */
const toolsAreAnswered: Rule = (asked) => {
  const { messages } = asked.body;
  const isGoogle = asked.vendor.provider === 'google';
  let open: string[] = [];
  for (const [index, message] of messages.entries()) {
    if (message.role === 'tool') {
      if (!open.includes(message.tool_call_id))
        return refuse(
          asked,
          `messages[${index}].role`,
          isGoogle
            ? UNBALANCED
            : "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
        );
      open = open.filter((id) => id !== message.tool_call_id);
      continue;
    }
    if (open.length > 0) return refuse(asked, `messages[${index}].role`, isGoogle ? UNBALANCED : unanswered(open));
    open = callIdsOf(message);
  }
  return open.length === 0 ? null : refuse(asked, 'messages', isGoogle ? UNBALANCED : unanswered(open));
};

const UNBALANCED =
  'Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.';
const unanswered = (ids: string[]): string =>
  `An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: ${ids.join(', ')}`;
const callIdsOf = (message: ChatMessage): string[] =>
  message.role === 'assistant' ? (message.tool_calls ?? []).map(({ id }) => id) : [];

const toolChoiceIsKnown: Rule = (asked) => {
  const { tool_choice: choice, tools = [] } = asked.body;
  if (choice === undefined || choice === 'none') return null;
  if (tools.length === 0)
    return refuse(
      asked,
      'tool_choice',
      "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.",
    );
  if (typeof choice === 'string' || choice.type !== 'function') return null;
  const { name } = choice.function;
  if (tools.some((tool) => tool.function.name === name)) return null;
  return refuse(asked, 'tool_choice', `Tool choice '${name}' not found in 'tools' parameter.`);
};

const COMMON: readonly Rule[] = [partsAreTaken, toolChoiceIsKnown];

const jsonIsMentioned: Rule = (asked) => {
  const { response_format: format, messages } = asked.body;
  if (format?.type !== 'json_object' || /json/i.test(JSON.stringify(messages.map(({ content }) => content))))
    return null;
  return refuse(
    asked,
    'messages',
    "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
  );
};

const atMostFourStops: Rule = (asked) =>
  Array.isArray(asked.body.stop) && asked.body.stop.length > 4
    ? refuse(asked, 'stop', "Invalid 'stop': array too long. Expected an array with maximum length 4.")
    : null;

const outputFitsModel: Rule = (asked) => {
  const { body, model } = asked;
  const param = body.max_completion_tokens == null ? 'max_tokens' : 'max_completion_tokens';
  const wanted = body[param] ?? 0;
  if (wanted <= model.maxOutputTokens) return null;
  return refuse(
    asked,
    param,
    `${param} is too large: ${wanted}. This model supports at most ${model.maxOutputTokens} completion tokens, whereas you provided ${wanted}.`,
  );
};

/** Of models that reason: sampling is theirs, and `max_tokens` would not count reasoning. Source: OpenAI's reasoning guide. */
const reasonersSample: Rule = (asked) => {
  const { body, model, reasoning } = asked;
  if (model.reasons === 'never') return null;
  if (body.max_tokens != null)
    return unsupported(
      asked,
      'max_tokens',
      "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
    );
  if (!reasoning) return null;
  for (const field of ['temperature', 'top_p'] as const) {
    const value = body[field] ?? 1;
    if (value !== 1)
      return failed(
        'openai',
        'value',
        field,
        `Unsupported value: '${field}' does not support ${value} with this model. Only the default (1) value is supported.`,
      );
  }
  const fields = ['presence_penalty', 'frequency_penalty', 'logprobs', 'top_logprobs', 'logit_bias', 'stop'] as const;
  const field = fields.find((name) => Boolean(body[name]));
  return field === undefined
    ? null
    : unsupported(asked, field, `Unsupported parameter: '${field}' is not supported with this model.`);
};

const strictSchemas: Rule = (asked) => {
  const { response_format: format, tools = [] } = asked.body;
  if (format?.type === 'json_schema') {
    const { name, schema, strict } = format.json_schema;
    const problem = strict === true && schema !== undefined ? strictnessProblem(schema) : null;
    if (problem !== null)
      return refuse(asked, 'response_format', `Invalid schema for response_format '${name}': ${problem}`);
  }
  for (const [index, { function: tool }] of tools.entries()) {
    const problem = tool.strict === true ? strictnessProblem(tool.parameters ?? { type: 'object' }) : null;
    if (problem !== null)
      return refuse(
        asked,
        `tools[${index}].function.parameters`,
        `Invalid schema for function '${tool.name}': ${problem}`,
      );
  }
  return null;
};

const notEmulated: Rule = (asked) => {
  if (asked.body.modalities?.includes('audio') === true)
    return refuse(asked, 'modalities', "Invalid value: 'audio'. This sandbox answers in text only.");
  if (asked.body.web_search_options !== undefined)
    return refuse(asked, 'web_search_options', 'Web search options not supported with this model.');
  return null;
};

/** DeepSeek knows four roles; `developer` is OpenAI's name for `system`. */
const noDevelopers: Rule = (asked) => {
  const at = asked.body.messages.findIndex(({ role }) => role === 'developer');
  if (at < 0) return null;
  return refuse(
    asked,
    `messages[${at}].role`,
    `Failed to deserialize the JSON body into the target type: messages[${at}].role: unknown variant \`developer\`, expected one of \`system\`, \`user\`, \`assistant\`, \`tool\``,
  );
};

const noSchema: Rule = (asked) =>
  asked.body.response_format?.type === 'json_schema'
    ? refuse(asked, 'response_format', 'This response_format type is unavailable now')
    : null;

/** Seen of kimi-k2.6 (Bike4Mind#1089): only its own temperature; thinking, a tool is its own choice. */
const kimiThinks: Rule = (asked) => {
  const { body, model, reasoning } = asked;
  if (model.reasons !== 'always') return null;
  const only = reasoning ? 1 : 0.6;
  if (body.temperature != null && body.temperature !== only)
    return refuse(asked, 'temperature', `invalid temperature: only ${only} is allowed for this model`);
  const isFree = body.tool_choice === undefined || body.tool_choice === 'auto' || body.tool_choice === 'none';
  return reasoning && !isFree
    ? refuse(asked, 'tool_choice', "tool_choice 'specified' is incompatible with thinking enabled")
    : null;
};

const kimiIsCool: Rule = (asked) =>
  (asked.body.temperature ?? 0) > 1
    ? refuse(asked, 'temperature', 'invalid temperature: must be between 0 and 1')
    : null;

/** Gemini 3 wants its calls back with the signature that came with them: the first of each step since the last user message. */
const signaturesComeBack: Rule = (asked) => {
  if (!asked.body.model.includes('gemini-3')) return null;
  const { messages } = asked.body;
  const since = messages.findLastIndex(({ role }) => role === 'user');
  const unsigned = messages.slice(since + 1).some((message) => {
    const [first] = message.role === 'assistant' ? (message.tool_calls ?? []) : [];
    return first !== undefined && !JSON.stringify(first.extra_content ?? {}).includes('thought_signature');
  });
  return unsigned
    ? refuse(asked, 'messages', 'Function call is missing a thought_signature in functionCall parts.')
    : null;
};

const oneChoice: Rule = (asked) =>
  (asked.body.n ?? 1) > 1 ? refuse(asked, 'n', "'n' : number must be at most 1") : null;

const OWN: Partial<Record<TextVendor['provider'], readonly Rule[]>> = {
  openai: [
    toolsAreAnswered,
    jsonIsMentioned,
    atMostFourStops,
    outputFitsModel,
    reasonersSample,
    strictSchemas,
    notEmulated,
  ],
  google: [toolsAreAnswered, signaturesComeBack],
  openrouter: [toolsAreAnswered],
  deepseek: [noDevelopers, toolsAreAnswered, jsonIsMentioned, outputFitsModel, noSchema],
  moonshot: [toolsAreAnswered, kimiIsCool, kimiThinks],
  groq: [toolsAreAnswered, jsonIsMentioned, atMostFourStops, outputFitsModel, oneChoice],
  deepinfra: [toolsAreAnswered],
};

/** Null, or the refusal of what is longer than the model's context; vLLM counts the answer's room too. */
export function tooLong({ vendor, model, body }: Asked, request: TextRequest, isForced: boolean): ChatError | null {
  const tokens = isForced ? model.contextTokens + 1 : inputTokens(request);
  const room = vendor.provider === 'vllm' ? (body.max_completion_tokens ?? body.max_tokens ?? 1) : 0;
  if (tokens + room <= model.contextTokens) return null;
  const message = TOO_LONG[vendor.provider] ?? tooLongFor;
  return failed(vendor.provider, 'too_long', 'messages', message({ limit: model.contextTokens, tokens, room }));
}

interface Excess {
  limit: number;
  tokens: number;
  room: number;
}

const tooLongFor = ({ limit, tokens }: Excess): string =>
  `This model's maximum context length is ${limit} tokens. However, your messages resulted in ${tokens} tokens. Please reduce the length of the messages.`;

const TOO_LONG: Partial<Record<TextVendor['provider'], (excess: Excess) => string>> = {
  google: ({ limit, tokens }) =>
    `The input token count (${tokens}) exceeds the maximum number of tokens allowed (${limit}).`,
  openrouter: ({ limit, tokens }) =>
    `This endpoint's maximum context length is ${limit} tokens. However, you requested about ${tokens} tokens.`,
  moonshot: ({ limit }) => `Invalid request: Your request exceeded model token limit: ${limit}`,
  groq: () => 'Please reduce the length of the messages or completion.',
  vllm: ({ limit, tokens, room }) =>
    `This model's maximum context length is ${limit} tokens. However, you requested ${tokens + room} tokens (${tokens} in the messages, ${room} in the completion).`,
};
