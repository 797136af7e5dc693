import { z } from 'zod';

/**
 * The body of `POST /responses` as of openai-node 7.57 (`ResponseCreateParamsBase`) and the input items that belong to text and
 * functions. Unknown fields are errors at every depth. `input`'s items are checked one by one: `ITEMS`.
 */
const record = z.record(z.string(), z.unknown());
const name = z
  .string()
  .regex(/^[a-zA-Z0-9_-]+$/, 'a name of the pattern ^[a-zA-Z0-9_-]+$')
  .max(64);
const breakpoint = record.optional();

const inputText = z.strictObject({
  type: z.literal('input_text'),
  text: z.string(),
  prompt_cache_breakpoint: breakpoint,
});
const inputImage = z.strictObject({
  type: z.literal('input_image'),
  detail: z.enum(['low', 'high', 'auto', 'original']).nullish(),
  file_id: z.string().nullish(),
  image_url: z.string().nullish(),
  prompt_cache_breakpoint: breakpoint,
});
const inputFile = z.strictObject({
  type: z.literal('input_file'),
  detail: z.enum(['auto', 'low', 'high']).optional(),
  file_data: z.string().nullish(),
  file_id: z.string().nullish(),
  file_url: z.string().nullish(),
  filename: z.string().nullish(),
  prompt_cache_breakpoint: breakpoint,
});
const outputText = z.strictObject({
  type: z.literal('output_text'),
  text: z.string(),
  annotations: z.array(record).optional(),
  logprobs: z.array(record).optional(),
});
const refusal = z.strictObject({ type: z.literal('refusal'), refusal: z.string() });
const content = z.discriminatedUnion('type', [inputText, inputImage, inputFile, outputText, refusal]);
export type Content = z.infer<typeof content>;

const id = z.string().nullish();
const status = z.enum(['in_progress', 'completed', 'incomplete']).nullish();

const message = z.strictObject({
  type: z.literal('message').optional(),
  id,
  status,
  role: z.enum(['user', 'assistant', 'system', 'developer']),
  content: z.union([z.string(), z.array(content)]),
  phase: z.enum(['commentary', 'final_answer']).nullish(),
});
const functionCall = z.strictObject({
  type: z.literal('function_call'),
  id,
  status,
  call_id: z.string(),
  name: z.string(),
  arguments: z.string(),
  namespace: z.string().nullish(),
});
const functionCallOutput = z.strictObject({
  type: z.literal('function_call_output'),
  id,
  status,
  call_id: z.string(),
  output: z.union([z.string(), z.array(z.discriminatedUnion('type', [inputText, inputImage, inputFile]))]),
});
const reasoning = z.strictObject({
  type: z.literal('reasoning'),
  id: z.string(),
  status,
  summary: z.array(z.strictObject({ type: z.literal('summary_text'), text: z.string() })),
  content: z.array(record).nullish(),
  encrypted_content: z.string().nullish(),
});
const reference = z.strictObject({ type: z.literal('item_reference'), id: z.string() });

export type Item =
  | z.infer<typeof message>
  | z.infer<typeof functionCall>
  | z.infer<typeof functionCallOutput>
  | z.infer<typeof reasoning>
  | z.infer<typeof reference>;

/** By `type`; an item without one is a message. */
export const ITEMS: Readonly<Record<string, z.ZodType<Item>>> = {
  message,
  function_call: functionCall,
  function_call_output: functionCallOutput,
  reasoning,
  item_reference: reference,
};

const tool = z.strictObject({
  type: z.literal('function'),
  name,
  description: z.string().nullish(),
  parameters: record.nullish(),
  strict: z.boolean().nullish(),
  async: z.boolean().optional(),
  defer_loading: z.boolean().optional(),
  output_schema: record.nullish(),
  allowed_callers: z.array(z.string()).nullish(),
});

const format = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text') }),
  z.strictObject({ type: z.literal('json_object') }),
  z.strictObject({
    type: z.literal('json_schema'),
    name,
    schema: record,
    description: z.string().optional(),
    strict: z.boolean().nullish(),
  }),
]);

const LEAST_OUTPUT_TOKENS = 16;

export const BODY = z.strictObject({
  model: z.string(),
  input: z.union([z.string(), z.array(record)]),
  background: z.boolean().nullish(),
  context_management: z.array(record).nullish(),
  conversation: z.union([z.string(), record]).nullish(),
  include: z.array(z.string()).nullish(),
  instructions: z.string().nullish(),
  max_output_tokens: z.int().min(LEAST_OUTPUT_TOKENS).nullish(),
  max_tool_calls: z.int().min(1).nullish(),
  metadata: z.record(z.string().max(64), z.string().max(512)).nullish(),
  moderation: record.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  previous_response_id: z.string().nullish(),
  prompt: record.nullish(),
  prompt_cache_key: z.string().nullish(),
  prompt_cache_options: record.optional(),
  prompt_cache_retention: z.enum(['in_memory', '24h']).nullish(),
  reasoning: z
    .strictObject({
      context: z.enum(['auto', 'current_turn', 'all_turns']).nullish(),
      effort: z.enum(['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max']).nullish(),
      generate_summary: z.enum(['auto', 'concise', 'detailed']).nullish(),
      mode: z.string().optional(),
      summary: z.enum(['auto', 'concise', 'detailed']).nullish(),
    })
    .nullish(),
  safety_identifier: z.string().max(64).nullish(),
  service_tier: z.enum(['auto', 'default', 'flex', 'scale', 'priority', 'fast', 'ultrafast']).nullish(),
  store: z.boolean().nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.strictObject({ include_obfuscation: z.boolean().optional() }).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  text: z
    .strictObject({ format: format.optional(), verbosity: z.enum(['low', 'medium', 'high']).nullish() })
    .optional(),
  tool_choice: z
    .union([
      z.enum(['none', 'auto', 'required']),
      z.strictObject({ type: z.literal('function'), name: z.string() }),
      z.strictObject({ type: z.literal('allowed_tools'), mode: z.enum(['auto', 'required']), tools: z.array(record) }),
    ])
    .optional(),
  tools: z.array(tool).max(128).optional(),
  top_logprobs: z.int().min(0).max(20).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  truncation: z.enum(['auto', 'disabled']).nullish(),
  user: z.string().optional(),
});

export type ResponsesBody = z.infer<typeof BODY>;
