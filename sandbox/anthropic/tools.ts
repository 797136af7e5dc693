import { z } from 'zod';
import { CacheControl } from './blocks.js';

/** Tool definitions as `@anthropic-ai/sdk` 1.14 types them (`ToolUnion`). */
const callers = z
  .array(z.enum(['direct', 'code_execution_20250825', 'code_execution_20260120', 'code_execution_20260521']))
  .optional();
const shared = {
  allowed_callers: callers,
  cache_control: CacheControl.nullish(),
  defer_loading: z.boolean().optional(),
  strict: z.boolean().optional(),
};
const examples = z.array(z.record(z.string(), z.unknown())).optional();
const domains = z.array(z.string()).nullish();
const maxUses = z.int().min(1).nullish();

const Custom = z.strictObject({
  ...shared,
  type: z.literal('custom'),
  name: z.string().regex(/^[a-zA-Z0-9_-]{1,128}$/),
  description: z.string().optional(),
  input_schema: z.looseObject({
    type: z.literal('object'),
    properties: z.record(z.string(), z.unknown()).nullish(),
    required: z.array(z.string()).nullish(),
  }),
  eager_input_streaming: z.boolean().nullish(),
  input_examples: examples,
});

const client = <T extends string, N extends string>(type: T, name: N, more: z.ZodRawShape = {}) =>
  z.strictObject({ ...shared, ...more, type: z.literal(type), name: z.literal(name), input_examples: examples });
const server = <T extends string, N extends string>(type: T, name: N, more: z.ZodRawShape = {}) =>
  z.strictObject({ ...shared, ...more, type: z.literal(type), name: z.literal(name) });

const webSearch = {
  allowed_domains: domains,
  blocked_domains: domains,
  max_uses: maxUses,
  user_location: z
    .strictObject({
      type: z.literal('approximate'),
      city: z.string().nullish(),
      country: z.string().nullish(),
      region: z.string().nullish(),
      timezone: z.string().nullish(),
    })
    .nullish(),
};
const webFetch = {
  allowed_domains: domains,
  blocked_domains: domains,
  max_uses: maxUses,
  max_content_tokens: z.int().min(1).nullish(),
  citations: z.strictObject({ enabled: z.boolean().optional() }).nullish(),
  url_sources: z.record(z.string(), z.unknown()).nullish(),
};
const inclusion = { response_inclusion: z.enum(['full', 'excluded']).optional() };
const maxCharacters = { max_characters: z.int().min(1).nullish() };
const display = {
  display_height_px: z.int().min(1),
  display_width_px: z.int().min(1),
  display_number: z.int().min(0).nullish(),
};
const toolset = <T extends string>(type: T) =>
  z.strictObject({
    type: z.literal(type),
    cache_control: CacheControl.nullish(),
    configs: z.record(z.string(), z.unknown()).nullish(),
  });

const ToolUnion = z.discriminatedUnion('type', [
  Custom,
  client('bash_20250124', 'bash'),
  client('memory_20250818', 'memory'),
  client('text_editor_20250124', 'str_replace_editor'),
  client('text_editor_20250429', 'str_replace_based_edit_tool'),
  client('text_editor_20250728', 'str_replace_based_edit_tool', maxCharacters),
  client('computer_20250124', 'computer', display),
  client('computer_20251124', 'computer', { ...display, enable_zoom: z.boolean().nullish() }),
  server('code_execution_20250522', 'code_execution'),
  server('code_execution_20250825', 'code_execution'),
  server('code_execution_20260120', 'code_execution'),
  server('code_execution_20260521', 'code_execution'),
  server('web_search_20250305', 'web_search', webSearch),
  server('web_search_20260209', 'web_search', webSearch),
  server('web_search_20260318', 'web_search', { ...webSearch, ...inclusion }),
  server('web_fetch_20250910', 'web_fetch', webFetch),
  server('web_fetch_20260209', 'web_fetch', webFetch),
  server('web_fetch_20260309', 'web_fetch', { ...webFetch, use_cache: z.boolean().optional() }),
  server('web_fetch_20260318', 'web_fetch', { ...webFetch, ...inclusion, use_cache: z.boolean().optional() }),
  server('tool_search_tool_bm25_20251119', 'tool_search_tool_bm25'),
  server('tool_search_tool_bm25', 'tool_search_tool_bm25'),
  server('tool_search_tool_regex_20251119', 'tool_search_tool_regex'),
  server('tool_search_tool_regex', 'tool_search_tool_regex'),
  toolset('browser_toolset_20260801'),
  toolset('computer_toolset_20260801'),
]);

/** A tool without a `type` is a custom one. */
export const Tool = z.preprocess(
  (tool) =>
    typeof tool === 'object' &&
    tool !== null &&
    !Array.isArray(tool) &&
    ((tool as { type?: unknown }).type ?? null) === null
      ? { ...tool, type: 'custom' }
      : tool,
  ToolUnion,
);

export type Tool = z.output<typeof Tool>;
export type CustomTool = z.output<typeof Custom>;

const parallel = { disable_parallel_tool_use: z.boolean().optional() };
export const ToolChoice = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('auto'), ...parallel }),
  z.strictObject({ type: z.literal('any'), ...parallel }),
  z.strictObject({ type: z.literal('tool'), name: z.string(), ...parallel }),
  z.strictObject({ type: z.literal('none') }),
]);
