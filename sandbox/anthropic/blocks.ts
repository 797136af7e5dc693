import { z } from 'zod';

/** Content blocks of requests, field by field as `@anthropic-ai/sdk` 1.14 types them (`ContentBlockParam`). */
export const CacheControl = z.strictObject({ type: z.literal('ephemeral'), ttl: z.enum(['5m', '1h']).optional() });
const cacheControl = CacheControl.nullish();
const id = z.string().regex(/^[a-zA-Z0-9_-]+$/);
const fileSource = z.strictObject({ type: z.literal('file'), file_id: z.string().min(1) });
const link = z.string().regex(/^https?:\/\//);
const index = z.int().min(0);

const citation = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('char_location'),
    cited_text: z.string(),
    document_index: index,
    document_title: z.string().nullable(),
    start_char_index: index,
    end_char_index: index,
  }),
  z.strictObject({
    type: z.literal('page_location'),
    cited_text: z.string(),
    document_index: index,
    document_title: z.string().nullable(),
    start_page_number: index,
    end_page_number: index,
  }),
  z.strictObject({
    type: z.literal('content_block_location'),
    cited_text: z.string(),
    document_index: index,
    document_title: z.string().nullable(),
    start_block_index: index,
    end_block_index: index,
  }),
  z.strictObject({
    type: z.literal('web_search_result_location'),
    cited_text: z.string(),
    encrypted_index: z.string(),
    title: z.string().nullable(),
    url: z.string(),
  }),
  z.strictObject({
    type: z.literal('search_result_location'),
    cited_text: z.string(),
    search_result_index: index,
    source: z.string(),
    title: z.string().nullable(),
    start_block_index: index,
    end_block_index: index,
  }),
]);

export const TextBlock = z.strictObject({
  type: z.literal('text'),
  text: z.string(),
  cache_control: cacheControl,
  citations: z.array(citation).nullish(),
});

const ImageBlock = z.strictObject({
  type: z.literal('image'),
  source: z.discriminatedUnion('type', [
    z.strictObject({
      type: z.literal('base64'),
      media_type: z.enum(['image/jpeg', 'image/png', 'image/gif', 'image/webp']),
      data: z.string().min(1),
    }),
    z.strictObject({ type: z.literal('url'), url: link }),
    fileSource,
  ]),
  cache_control: cacheControl,
  transformations: z.strictObject({ oversized_image: z.enum(['downsize', 'error']).optional() }).nullish(),
});

const citations = z.strictObject({ enabled: z.boolean().optional() });

const DocumentBlock = z.strictObject({
  type: z.literal('document'),
  source: z.discriminatedUnion('type', [
    z.strictObject({ type: z.literal('base64'), media_type: z.literal('application/pdf'), data: z.string().min(1) }),
    z.strictObject({ type: z.literal('text'), media_type: z.literal('text/plain'), data: z.string().min(1) }),
    z.strictObject({
      type: z.literal('content'),
      content: z.union([z.string(), z.array(z.discriminatedUnion('type', [TextBlock, ImageBlock]))]),
    }),
    z.strictObject({ type: z.literal('url'), url: link }),
    fileSource,
  ]),
  cache_control: cacheControl,
  citations: citations.nullish(),
  context: z.string().nullish(),
  title: z.string().nullish(),
});

const SearchResultBlock = z.strictObject({
  type: z.literal('search_result'),
  content: z.array(TextBlock),
  source: z.string(),
  title: z.string(),
  cache_control: cacheControl,
  citations: citations.optional(),
});

const caller = z
  .discriminatedUnion('type', [
    z.strictObject({ type: z.literal('direct') }),
    z.strictObject({ type: z.literal('code_execution_20250825'), tool_id: z.string() }),
    z.strictObject({ type: z.literal('code_execution_20260120'), tool_id: z.string() }),
  ])
  .optional();

const ToolUseBlock = z.strictObject({
  type: z.literal('tool_use'),
  id,
  name: z.string().min(1).max(200),
  input: z.record(z.string(), z.unknown()),
  cache_control: cacheControl,
  caller,
  toolset_name: z.string().nullish(),
});

const ToolResultBlock = z.strictObject({
  type: z.literal('tool_result'),
  tool_use_id: id,
  content: z
    .union([
      z.string(),
      z.array(
        z.discriminatedUnion('type', [
          TextBlock,
          ImageBlock,
          DocumentBlock,
          SearchResultBlock,
          z.strictObject({ type: z.literal('tool_reference'), tool_name: z.string(), cache_control: cacheControl }),
        ]),
      ),
    ])
    .optional(),
  is_error: z.boolean().optional(),
  cache_control: cacheControl,
  toolset_name: z.string().nullish(),
});

const SERVER_TOOLS = [
  'web_search',
  'web_fetch',
  'code_execution',
  'bash_code_execution',
  'text_editor_code_execution',
  'tool_search_tool_regex',
  'tool_search_tool_bm25',
] as const;

const serverResult = <T extends string>(type: T) =>
  z.strictObject({
    type: z.literal(type),
    tool_use_id: z.string(),
    content: z.unknown(),
    cache_control: cacheControl,
    caller,
  });

export const ContentBlock = z.discriminatedUnion('type', [
  TextBlock,
  ImageBlock,
  DocumentBlock,
  SearchResultBlock,
  z.strictObject({ type: z.literal('thinking'), thinking: z.string(), signature: z.string() }),
  z.strictObject({ type: z.literal('redacted_thinking'), data: z.string() }),
  ToolUseBlock,
  ToolResultBlock,
  z.strictObject({
    type: z.literal('server_tool_use'),
    id,
    name: z.enum(SERVER_TOOLS),
    input: z.record(z.string(), z.unknown()),
    cache_control: cacheControl,
    caller,
  }),
  serverResult('web_search_tool_result'),
  serverResult('web_fetch_tool_result'),
  serverResult('code_execution_tool_result'),
  serverResult('bash_code_execution_tool_result'),
  serverResult('text_editor_code_execution_tool_result'),
  serverResult('tool_search_tool_result'),
  z.strictObject({ type: z.literal('container_upload'), file_id: z.string(), cache_control: cacheControl }),
]);

export type ContentBlock = z.output<typeof ContentBlock>;
export type TextBlock = z.output<typeof TextBlock>;
export type ToolResult = z.output<typeof ToolResultBlock>;
export type ImageBlock = z.output<typeof ImageBlock>;
export type DocumentBlock = z.output<typeof DocumentBlock>;
