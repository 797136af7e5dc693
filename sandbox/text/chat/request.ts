import { z } from 'zod';

/**
 * The body of `POST /chat/completions` as of openai-node 7.57 (`ChatCompletionCreateParamsBase`), every field with its type.
 * `isStrict`: a field that is not listed is an error, at every depth; else it is left out.
 */
export function chatSchema(isStrict: boolean, own: readonly string[] = []) {
  const object = <Shape extends z.ZodRawShape>(shape: Shape) =>
    isStrict ? z.strictObject(shape) : (z.object(shape) as unknown as z.ZodObject<Shape, z.core.$strict>);
  const record = z.record(z.string(), z.unknown());
  const breakpoint = object({ mode: z.literal('explicit'), ttl: z.enum(['30m', '12h']).optional() }).optional();

  const text = object({ type: z.literal('text'), text: z.string(), prompt_cache_breakpoint: breakpoint });
  const image = object({
    type: z.literal('image_url'),
    image_url: object({ url: z.string(), detail: z.enum(['auto', 'low', 'high']).optional() }),
    prompt_cache_breakpoint: breakpoint,
  });
  const audio = object({
    type: z.literal('input_audio'),
    input_audio: object({ data: z.string(), format: z.enum(['wav', 'mp3']) }),
    prompt_cache_breakpoint: breakpoint,
  });
  const file = object({
    type: z.literal('file'),
    file: object({
      file_data: z.string().optional(),
      file_id: z.string().optional(),
      filename: z.string().optional(),
    }),
    prompt_cache_breakpoint: breakpoint,
  });
  const refusal = object({ type: z.literal('refusal'), refusal: z.string() });
  const texts = z.union([z.string(), z.array(text).min(1)]);
  const name = z.string().optional();

  const toolCall = object({
    id: z.string(),
    type: z.literal('function'),
    function: object({ name: z.string(), arguments: z.string() }),
    // Of Google's endpoint, which others never hand out.
    extra_content: record.optional(),
  });
  const message = z.discriminatedUnion('role', [
    object({ role: z.literal('system'), content: texts, name }),
    object({ role: z.literal('developer'), content: texts, name }),
    object({
      role: z.literal('user'),
      content: z.union([z.string(), z.array(z.discriminatedUnion('type', [text, image, audio, file])).min(1)]),
      name,
    }),
    object({
      role: z.literal('assistant'),
      content: z.union([z.string(), z.array(z.discriminatedUnion('type', [text, refusal]))]).nullish(),
      name,
      refusal: z.string().nullish(),
      // Part of every answer, and sent back by clients that append the answer's message as it came.
      annotations: z.array(z.unknown()).nullish(),
      audio: object({ id: z.string() }).nullish(),
      tool_calls: z.array(toolCall).min(1).optional(),
      function_call: object({ name: z.string(), arguments: z.string() }).nullish(),
    }),
    object({ role: z.literal('tool'), content: texts, tool_call_id: z.string() }),
    object({ role: z.literal('function'), content: z.string().nullable(), name: z.string() }),
  ]);

  const functionName = z
    .string()
    .regex(/^[a-zA-Z0-9_-]+$/, 'a name of the pattern ^[a-zA-Z0-9_-]+$')
    .max(64);
  const definition = object({
    name: functionName,
    description: z.string().optional(),
    parameters: record.optional(),
    strict: z.boolean().nullish(),
  });
  const tool = object({ type: z.literal('function'), function: definition });
  const named = object({ type: z.literal('function'), function: object({ name: z.string() }) });
  const allowed = object({
    type: z.literal('allowed_tools'),
    allowed_tools: object({ mode: z.enum(['auto', 'required']), tools: z.array(record) }),
  });
  const format = z.discriminatedUnion('type', [
    object({ type: z.literal('text') }),
    object({ type: z.literal('json_object') }),
    object({
      type: z.literal('json_schema'),
      json_schema: object({
        name: functionName,
        description: z.string().optional(),
        schema: record.optional(),
        strict: z.boolean().nullish(),
      }),
    }),
  ]);
  const penalty = z.number().min(-2).max(2).nullish();

  const base = object({
    model: z.string(),
    messages: z.array(message).min(1),
    audio: object({ format: z.enum(['wav', 'aac', 'mp3', 'flac', 'opus', 'pcm16']), voice: z.unknown() }).nullish(),
    frequency_penalty: penalty,
    function_call: z.union([z.enum(['none', 'auto']), object({ name: z.string() })]).optional(),
    functions: z
      .array(object({ name: functionName, description: z.string().optional(), parameters: record.optional() }))
      .optional(),
    logit_bias: z.record(z.string(), z.number().min(-100).max(100)).nullish(),
    logprobs: z.boolean().nullish(),
    max_completion_tokens: z.int().min(1).nullish(),
    max_tokens: z.int().min(1).nullish(),
    metadata: z.record(z.string().max(64), z.string().max(512)).nullish(),
    modalities: z.array(z.enum(['text', 'audio'])).nullish(),
    moderation: record.nullish(),
    n: z.int().min(1).max(128).nullish(),
    parallel_tool_calls: z.boolean().optional(),
    prediction: object({ type: z.literal('content'), content: texts }).nullish(),
    presence_penalty: penalty,
    prompt_cache_key: z.string().nullish(),
    prompt_cache_options: object({
      mode: z.enum(['implicit', 'explicit']).optional(),
      ttl: z.literal('30m').optional(),
    }).optional(),
    prompt_cache_retention: z.enum(['in_memory', '24h']).nullish(),
    reasoning_effort: z.enum(['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max']).nullish(),
    response_format: format.optional(),
    safety_identifier: z.string().max(64).nullish(),
    seed: z.int().nullish(),
    service_tier: z.enum(['auto', 'default', 'flex', 'scale', 'priority', 'fast']).nullish(),
    stop: z.union([z.string(), z.array(z.string()).max(16)]).nullish(),
    store: z.boolean().nullish(),
    stream: z.boolean().nullish(),
    stream_options: object({
      include_obfuscation: z.boolean().optional(),
      include_usage: z.boolean().optional(),
    }).nullish(),
    temperature: z.number().min(0).max(2).nullish(),
    tool_choice: z.union([z.enum(['none', 'auto', 'required']), named, allowed]).optional(),
    tools: z.array(tool).max(128).optional(),
    top_logprobs: z.int().min(0).max(20).nullish(),
    top_p: z.number().min(0).max(1).nullish(),
    user: z.string().optional(),
    verbosity: z.enum(['low', 'medium', 'high']).nullish(),
    web_search_options: record.optional(),
  });
  return base.extend(Object.fromEntries(own.map((field) => [field, z.unknown().optional()]))) as unknown as typeof base;
}

export type ChatBody = z.infer<ReturnType<typeof chatSchema>>;
export type ChatMessage = ChatBody['messages'][number];
