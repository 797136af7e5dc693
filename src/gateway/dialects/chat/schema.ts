import { z } from 'zod';
import { byType, chosen, isObject, jsonObject, textOr } from '../shapes.js';

/**
 * What Kiln reads of a chat completions request: `ChatCompletionCreateParamsBase` of `openai` 7, and what the compatible
 * servers add (`cache_control` on parts, `reasoning_content`, `video_url`, `top_k`). Optional fields may be null there.
 */
const cacheControl = z.looseObject({ type: z.literal('ephemeral'), ttl: z.enum(['5m', '1h']).nullish() }).nullish();

const textPart = z.looseObject({ type: z.literal('text'), text: z.string(), cache_control: cacheControl });
const refusalPart = z.looseObject({ type: z.literal('refusal'), refusal: z.string() });
const imagePart = z.looseObject({
  type: z.literal('image_url'),
  image_url: z.looseObject({ url: z.string(), detail: z.string().nullish() }),
  cache_control: cacheControl,
});
const audioPart = z.looseObject({
  type: z.literal('input_audio'),
  input_audio: z.looseObject({ data: z.string().min(1), format: z.string().min(1) }),
});
const videoPart = z.looseObject({ type: z.literal('video_url'), video_url: z.looseObject({ url: z.string() }) });
const filePart = z.looseObject({
  type: z.literal('file'),
  file: z.looseObject({
    file_data: z.string().nullish(),
    file_id: z.string().nullish(),
    filename: z.string().nullish(),
  }),
  cache_control: cacheControl,
});

export type TextPartIn = z.output<typeof textPart>;
export type AssistantPartIn = TextPartIn | z.output<typeof refusalPart>;
export type UserPartIn =
  | TextPartIn
  | z.output<typeof imagePart>
  | z.output<typeof audioPart>
  | z.output<typeof videoPart>
  | z.output<typeof filePart>;
export type ToolPartIn = TextPartIn | z.output<typeof imagePart>;

const texts = textOr(byType<TextPartIn>({ text: textPart }));
const userContent = textOr(
  byType<UserPartIn>({
    text: textPart,
    image_url: imagePart,
    input_audio: audioPart,
    video_url: videoPart,
    file: filePart,
  }),
);

const functionCall = z.looseObject({ name: z.string().min(1), arguments: z.string() });
const functionToolCall = z.looseObject({
  id: z.string().min(1),
  type: z.literal('function').nullish(),
  function: functionCall,
});
const customToolCall = z.looseObject({ id: z.string().min(1), type: z.literal('custom') });
type ToolCallIn = z.output<typeof functionToolCall> | z.output<typeof customToolCall>;

const system = z.looseObject({ role: z.literal('system'), content: texts });
const developer = z.looseObject({ role: z.literal('developer'), content: texts });
const user = z.looseObject({ role: z.literal('user'), content: userContent, name: z.string().nullish() });
const assistant = z.looseObject({
  role: z.literal('assistant'),
  content: textOr(byType<AssistantPartIn>({ text: textPart, refusal: refusalPart })).nullish(),
  name: z.string().nullish(),
  refusal: z.string().nullish(),
  reasoning_content: z.string().nullish(),
  reasoning: z.string().nullish(),
  tool_calls: z
    .array(
      chosen<ToolCallIn>('a tool call', (value) =>
        isObject(value) && value['type'] === 'custom' ? customToolCall : functionToolCall,
      ),
    )
    .nullish(),
  function_call: functionCall.nullish(),
  audio: jsonObject.nullish(),
});
const tool = z.looseObject({
  role: z.literal('tool'),
  tool_call_id: z.string().min(1),
  content: textOr(byType<ToolPartIn>({ text: textPart, image_url: imagePart })),
  cache_control: cacheControl,
});
const legacyFunction = z.looseObject({
  role: z.literal('function'),
  name: z.string().min(1),
  content: z.string().nullable(),
});

export type MessageIn =
  | z.output<typeof system>
  | z.output<typeof developer>
  | z.output<typeof user>
  | z.output<typeof assistant>
  | z.output<typeof tool>
  | z.output<typeof legacyFunction>;

const ROLES: Record<string, z.ZodType<MessageIn>> = {
  system,
  developer,
  user,
  assistant,
  tool,
  function: legacyFunction,
};
const wrongRole = z.looseObject({ role: z.enum(Object.keys(ROLES)) }) as unknown as z.ZodType<MessageIn>;
const message = chosen<MessageIn>('a message', (value) => {
  if (!isObject(value)) return undefined;
  return typeof value['role'] === 'string' && Object.hasOwn(ROLES, value['role']) ? ROLES[value['role']] : wrongRole;
});

const functionDefinition = z.looseObject({
  name: z.string().min(1),
  description: z.string().nullish(),
  parameters: jsonObject.nullish(),
  strict: z.boolean().nullish(),
});
const functionTool = z.looseObject({
  type: z.literal('function'),
  function: functionDefinition,
  cache_control: cacheControl,
});
const hostedTool = z.looseObject({ type: z.string().min(1) });
type ToolIn = z.output<typeof functionTool> | z.output<typeof hostedTool>;

const named = z.looseObject({ type: z.literal('function'), function: z.looseObject({ name: z.string().min(1) }) });
const allowedTools = z.looseObject({
  type: z.literal('allowed_tools'),
  allowed_tools: z.looseObject({ mode: z.enum(['auto', 'required']), tools: z.array(named) }),
});
const customChoice = z.looseObject({ type: z.literal('custom') });
const choiceWord = z.enum(['none', 'auto', 'required']);
export type ToolChoiceIn =
  | z.output<typeof choiceWord>
  | z.output<typeof named>
  | z.output<typeof allowedTools>
  | z.output<typeof customChoice>;

const responseFormat = byType<
  | { type: 'text' | 'json_object' }
  | {
      type: 'json_schema';
      json_schema: {
        name: string;
        description?: string | null;
        schema?: z.output<typeof jsonObject> | null;
        strict?: boolean | null;
      };
    }
>({
  text: z.looseObject({ type: z.literal('text') }),
  json_object: z.looseObject({ type: z.literal('json_object') }),
  json_schema: z.looseObject({
    type: z.literal('json_schema'),
    json_schema: z.looseObject({
      name: z.string().min(1),
      description: z.string().nullish(),
      schema: jsonObject.nullish(),
      strict: z.boolean().nullish(),
    }),
  }),
});

const choiceObject = byType<Exclude<ToolChoiceIn, string>>({
  function: named,
  allowed_tools: allowedTools,
  custom: customChoice,
});
const stopText = z.string() as z.ZodType<string | string[]>;
const stopTexts = z.array(z.string()) as z.ZodType<string | string[]>;
const positive = z.int().min(1);

export const chatRequest = z.looseObject({
  messages: z.array(message).min(1),
  tools: z
    .array(
      chosen<ToolIn>('a tool', (value) => {
        if (!isObject(value)) return undefined;
        return value['type'] === 'function' ? functionTool : hostedTool;
      }),
    )
    .nullish(),
  tool_choice: chosen<ToolChoiceIn>('none, auto, required or an object', (value) =>
    isObject(value) ? choiceObject : choiceWord,
  ).nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  functions: z.array(functionDefinition).nullish(),
  function_call: chosen<'none' | 'auto' | { name: string }>('none, auto or an object', (value) =>
    isObject(value) ? z.looseObject({ name: z.string().min(1) }) : z.enum(['none', 'auto']),
  ).nullish(),
  max_completion_tokens: positive.nullish(),
  max_tokens: positive.nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  top_k: z.int().nullish(),
  stop: chosen('a string or an array of strings', (value) =>
    typeof value === 'string' ? stopText : Array.isArray(value) ? stopTexts : undefined,
  ).nullish(),
  n: z.int().min(1).max(128).nullish(),
  seed: z.number().nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  logit_bias: jsonObject.nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(20).nullish(),
  response_format: responseFormat.nullish(),
  reasoning_effort: z.string().nullish(),
  /** Anthropic's field, as LiteLLM's and Moonshot's clients send it over this API. */
  thinking: z
    .looseObject({ type: z.enum(['enabled', 'adaptive', 'disabled']), budget_tokens: z.int().min(1).nullish() })
    .nullish(),
  verbosity: z.string().nullish(),
  user: z.string().nullish(),
  safety_identifier: z.string().nullish(),
  metadata: jsonObject.nullish(),
  service_tier: z.string().nullish(),
  prompt_cache_key: z.string().nullish(),
  stream: z.boolean().nullish(),
  stream_options: z
    .looseObject({ include_usage: z.boolean().nullish(), include_obfuscation: z.boolean().nullish() })
    .nullish(),
});
export type ChatRequest = z.output<typeof chatRequest>;

/** Known to the API, and harmless to lose on the way to another one: they tune cost and speed, or label. */
const HINTS = ['model', 'store', 'prediction', 'prompt_cache_retention', 'prompt_cache_options'];
export const KNOWN_FIELDS: ReadonlySet<string> = new Set([...Object.keys(chatRequest.shape), ...HINTS]);
