import { z } from 'zod';
import { byType, chosen, isObject, jsonObject, textOr } from '../shapes.js';

/**
 * What Kiln reads of a messages request: `MessageCreateParamsBase` of `@anthropic-ai/sdk` 1.14 (version 2026-10-21), with
 * the sampling fields of 2023-06-01.
 */
const cacheControl = z.looseObject({ type: z.literal('ephemeral'), ttl: z.enum(['5m', '1h']).nullish() }).nullish();

const textBlock = z.looseObject({ type: z.literal('text'), text: z.string(), cache_control: cacheControl });
const base64 = z.looseObject({ type: z.literal('base64'), media_type: z.string().min(1), data: z.string().min(1) });
const url = z.looseObject({ type: z.literal('url'), url: z.string().min(1) });
const fileSource = z.looseObject({ type: z.literal('file'), file_id: z.string().min(1) });
const plain = z.looseObject({ type: z.literal('text'), data: z.string() });
const nested = z.looseObject({ type: z.literal('content'), content: textOr(jsonObject) });

type MediaSourceIn = z.output<typeof base64> | z.output<typeof url> | z.output<typeof fileSource>;
type DocumentSourceIn = MediaSourceIn | z.output<typeof plain> | z.output<typeof nested>;

const imageBlock = z.looseObject({
  type: z.literal('image'),
  source: byType<MediaSourceIn>({ base64, url, file: fileSource }),
  cache_control: cacheControl,
});
const documentBlock = z.looseObject({
  type: z.literal('document'),
  source: byType<DocumentSourceIn>({ base64, url, file: fileSource, text: plain, content: nested }),
  title: z.string().nullish(),
  context: z.string().nullish(),
  citations: z.looseObject({ enabled: z.boolean().nullish() }).nullish(),
  cache_control: cacheControl,
});
/** Blocks that only Anthropic's own models understand: they pass there as they came. */
const ownBlock = z.looseObject({ type: z.string() });

export type TextBlockIn = z.output<typeof textBlock>;
export type ImageBlockIn = z.output<typeof imageBlock>;
export type DocumentBlockIn = z.output<typeof documentBlock>;
export type OwnBlockIn = { type: 'own'; name: string };

/** Of the SDK's stable and beta `ContentBlockParam`. */
const OWN_TYPES = new Set([
  'search_result',
  'container_upload',
  'compaction',
  'tool_reference',
  'browser_state',
  'advisor_tool_result',
  'fallback',
  'mid_conv_system',
]);
const isOwnType = (type: string): boolean => OWN_TYPES.has(type) || /_tool_(use|result)$/.test(type);
const own = ownBlock.transform((block): OwnBlockIn => ({ type: 'own', name: block.type }));

/** Blocks of the table, and those of Anthropic's alone; `alsoOwn` are others that it may take at this place. */
const blocks = <T>(table: Record<string, z.ZodType<T>>, alsoOwn: readonly string[] = []): z.ZodType<T | OwnBlockIn> => {
  const known = byType<T>(table);
  return chosen<T | OwnBlockIn>('a content block', (value) => {
    if (!isObject(value)) return undefined;
    const { type } = value;
    if (typeof type !== 'string' || Object.hasOwn(table, type)) return known;
    return isOwnType(type) || alsoOwn.includes(type) ? own : known;
  });
};

export type ResultBlockIn = TextBlockIn | ImageBlockIn | DocumentBlockIn | OwnBlockIn;
const toolResult = z.looseObject({
  type: z.literal('tool_result'),
  tool_use_id: z.string().min(1),
  content: textOr(
    blocks<TextBlockIn | ImageBlockIn | DocumentBlockIn>({
      text: textBlock,
      image: imageBlock,
      document: documentBlock,
    }),
  ).nullish(),
  is_error: z.boolean().nullish(),
  cache_control: cacheControl,
});
const toolUse = z.looseObject({
  type: z.literal('tool_use'),
  id: z.string().min(1),
  name: z.string().min(1),
  input: jsonObject,
  cache_control: cacheControl,
});
const thinkingBlock = z.looseObject({
  type: z.literal('thinking'),
  thinking: z.string(),
  signature: z.string().nullish(),
});
const redactedThinking = z.looseObject({ type: z.literal('redacted_thinking'), data: z.string() });

export type ToolResultIn = z.output<typeof toolResult>;
export type UserBlockIn = TextBlockIn | ImageBlockIn | DocumentBlockIn | ToolResultIn | OwnBlockIn;
export type AssistantBlockIn =
  | TextBlockIn
  | z.output<typeof toolUse>
  | z.output<typeof thinkingBlock>
  | z.output<typeof redactedThinking>
  | OwnBlockIn;

const system = z.looseObject({
  role: z.literal('system'),
  content: textOr(blocks<TextBlockIn>({ text: textBlock })),
});
const user = z.looseObject({
  role: z.literal('user'),
  content: textOr(
    blocks<Exclude<UserBlockIn, OwnBlockIn>>({
      text: textBlock,
      image: imageBlock,
      document: documentBlock,
      tool_result: toolResult,
    }),
  ),
});
const assistant = z.looseObject({
  role: z.literal('assistant'),
  content: textOr(
    blocks<Exclude<AssistantBlockIn, OwnBlockIn>>(
      { text: textBlock, tool_use: toolUse, thinking: thinkingBlock, redacted_thinking: redactedThinking },
      // Version 2023-06-01 takes them of an assistant too.
      ['document', 'image'],
    ),
  ),
});
export type MessageIn = z.output<typeof system> | z.output<typeof user> | z.output<typeof assistant>;

const ROLES: Record<string, z.ZodType<MessageIn>> = { user, assistant, system };
const wrongRole = z.looseObject({ role: z.enum(Object.keys(ROLES)) }) as unknown as z.ZodType<MessageIn>;
const message = chosen<MessageIn>('a message', (value) => {
  if (!isObject(value)) return undefined;
  return typeof value['role'] === 'string' && Object.hasOwn(ROLES, value['role']) ? ROLES[value['role']] : wrongRole;
});

const definition = z.looseObject({
  type: z.literal('custom').nullish(),
  name: z.string().min(1),
  description: z.string().nullish(),
  input_schema: jsonObject,
  strict: z.boolean().nullish(),
  cache_control: cacheControl,
});
export type ToolIn = { kind: 'function'; definition: z.output<typeof definition> } | { kind: 'hosted'; type: string };
const functionTool = definition.transform((tool): ToolIn => ({ kind: 'function', definition: tool }));
/** Server tools and toolsets have a dated type. */
const hostedTool = z
  .looseObject({ type: z.string().min(1) })
  .transform((tool): ToolIn => ({ kind: 'hosted', type: tool.type }));

const serial = z.boolean().nullish();
type ToolChoiceIn =
  | { type: 'auto' | 'any'; disable_parallel_tool_use?: boolean | null }
  | { type: 'tool'; name: string; disable_parallel_tool_use?: boolean | null }
  | { type: 'none' };
const toolChoice = byType<ToolChoiceIn>({
  auto: z.looseObject({ type: z.literal('auto'), disable_parallel_tool_use: serial }),
  any: z.looseObject({ type: z.literal('any'), disable_parallel_tool_use: serial }),
  tool: z.looseObject({ type: z.literal('tool'), name: z.string().min(1), disable_parallel_tool_use: serial }),
  none: z.looseObject({ type: z.literal('none') }),
});

const display = z.string().nullish();
type ThinkingIn =
  | { type: 'enabled'; budget_tokens: number; display?: string | null }
  | { type: 'adaptive' | 'disabled' | 'between_tools'; display?: string | null };
const thinking = byType<ThinkingIn>({
  enabled: z.looseObject({ type: z.literal('enabled'), budget_tokens: z.int().min(1), display }),
  adaptive: z.looseObject({ type: z.literal('adaptive'), display }),
  disabled: z.looseObject({ type: z.literal('disabled'), display }),
  between_tools: z.looseObject({ type: z.literal('between_tools'), display }),
});
const format = z.looseObject({ type: z.literal('json_schema'), schema: jsonObject }).nullish();

export const messagesRequest = z.looseObject({
  messages: z.array(message).min(1),
  system: textOr(byType<TextBlockIn>({ text: textBlock })).nullish(),
  /** 0 only fills the cache. */
  max_tokens: z.int().min(0),
  tools: z
    .array(
      chosen<ToolIn>('a tool', (value) => {
        if (!isObject(value)) return undefined;
        return value['type'] === undefined || value['type'] === null || value['type'] === 'custom'
          ? functionTool
          : hostedTool;
      }),
    )
    .nullish(),
  tool_choice: toolChoice.nullish(),
  stop_sequences: z.array(z.string()).nullish(),
  stream: z.boolean().nullish(),
  thinking: thinking.nullish(),
  output_config: z.looseObject({ effort: z.string().nullish(), format }).nullish(),
  /** The name of `output_config.format` in its beta. */
  output_format: format,
  temperature: z.number().min(0).max(1).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  top_k: z.int().min(0).nullish(),
  cache_control: cacheControl,
  metadata: z.looseObject({ user_id: z.string().nullish() }).nullish(),
  service_tier: z.string().nullish(),
});
/** Counting tokens asks for no answer. */
export const countRequest = messagesRequest.extend({ max_tokens: z.int().min(0).nullish() });
export type CountRequest = z.output<typeof countRequest>;

/** Known to the API, and harmless to lose on the way to another one: they save tokens, tell more, or label. */
const HINTS = ['model', 'context_management', 'diagnostics'];
export const KNOWN_FIELDS: ReadonlySet<string> = new Set([...Object.keys(messagesRequest.shape), ...HINTS]);
