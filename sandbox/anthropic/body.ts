import { z } from 'zod';
import { CacheControl, ContentBlock, TextBlock } from './blocks.js';
import { invalid } from './errors.js';
import { checked } from './issues.js';
import { EFFORTS } from './models.js';
import { Tool, ToolChoice } from './tools.js';

export const VERSIONS = ['2023-06-01', '2026-10-21'] as const;
export type Version = (typeof VERSIONS)[number];

const content = z.union([z.string(), z.array(ContentBlock)]);
const display = z.enum(['summarized', 'omitted']).nullish();

const jsonFormat = z.strictObject({ type: z.literal('json_schema'), schema: z.record(z.string(), z.unknown()) });

/** Fields of a message and of a token count alike (`MessageCountTokensParams`). */
const COUNTED = {
  model: z.string().min(1),
  messages: z
    .array(
      z.discriminatedUnion('role', [
        z.strictObject({ role: z.literal('user'), content }),
        z.strictObject({ role: z.literal('assistant'), content }),
        z.strictObject({ role: z.literal('system'), content: z.union([z.string(), z.array(TextBlock)]) }),
      ]),
    )
    .min(1)
    .max(100_000),
  system: z.union([z.string(), z.array(TextBlock)]).optional(),
  tools: z.array(Tool).optional(),
  tool_choice: ToolChoice.optional(),
  thinking: z
    .discriminatedUnion('type', [
      z.strictObject({ type: z.literal('adaptive'), display }),
      z.strictObject({ type: z.literal('enabled'), budget_tokens: z.int().min(1024), display }),
      z.strictObject({ type: z.literal('disabled') }),
      z.strictObject({ type: z.literal('between_tools') }),
    ])
    .optional(),
  output_config: z.strictObject({ effort: z.enum(EFFORTS).nullish(), format: jsonFormat.nullish() }).optional(),
  cache_control: CacheControl.nullish(),
  speed: z.enum(['standard', 'fast']).nullish(),
};

/** Fields that steer the answer (`MessageCreateParams`). */
const CREATED = {
  ...COUNTED,
  max_tokens: z.int().min(0),
  container: z
    .union([
      z.string(),
      z.strictObject({
        id: z.string().nullish(),
        skills: z
          .array(
            z.strictObject({
              skill_id: z.string(),
              type: z.enum(['anthropic', 'custom']),
              version: z.string().optional(),
            }),
          )
          .nullish(),
      }),
    ])
    .nullish(),
  diagnostics: z.strictObject({ previous_message_id: z.string().nullish() }).nullish(),
  inference_geo: z.string().nullish(),
  metadata: z.strictObject({ user_id: z.string().max(512).nullish() }).optional(),
  service_tier: z.enum(['auto', 'standard_only']).optional(),
  stop_sequences: z.array(z.string()).optional(),
  stream: z.boolean().optional(),
};

/** Gone with 2026-10-21, even at their defaults: guide "Migrating to API version 2026-10-21". */
const SAMPLING = {
  temperature: z.number().min(0).max(1).optional(),
  top_p: z.number().min(0).max(1).optional(),
  top_k: z.int().min(0).optional(),
};

/** Fields that exist with a beta only, by the beginning of its name: `BetaMessageCreateParams` of `@anthropic-ai/sdk` 1.14. */
const BETA_FIELDS: Readonly<Record<string, { beta: readonly string[]; shape: z.ZodType }>> = {
  context_management: {
    beta: ['context-management-', 'compact-'],
    shape: z.strictObject({ edits: z.array(z.looseObject({ type: z.string() })).optional() }).nullish(),
  },
  mcp_servers: {
    beta: ['mcp-client-'],
    shape: z.array(z.looseObject({ type: z.literal('url'), name: z.string(), url: z.string() })).optional(),
  },
  output_format: { beta: ['structured-outputs-'], shape: jsonFormat.nullish() },
  fallbacks: { beta: ['server-side-fallback-'], shape: z.unknown() },
  fallback_credit_token: { beta: ['fallback-credit-'], shape: z.unknown() },
  compaction: { beta: ['compact-'], shape: z.unknown() },
  thread: { beta: ['message-threads-'], shape: z.unknown() },
};

const Created = z.object({ ...CREATED, ...SAMPLING });
export type MessagesBody = z.output<typeof Created>;
export type Message = MessagesBody['messages'][number];

/** How a surface reads the body: which version's fields, which betas, whole or only counted. */
export interface Reading {
  version: Version;
  betas: readonly string[];
  counting: boolean;
}

/** Every field of a body, typed; one that is unknown in this version and without its beta is refused. */
export function readBody(value: unknown, { version, betas, counting }: Reading): MessagesBody {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid('The request body must be a JSON object.');
  const opened = Object.entries(BETA_FIELDS)
    .filter(([, field]) => betas.some((beta) => field.beta.some((start) => beta.startsWith(start))))
    .map(([name, { shape }]) => [name, shape] as const);
  const shape = {
    ...(counting ? COUNTED : CREATED),
    ...(version === '2023-06-01' && !counting ? SAMPLING : {}),
    ...Object.fromEntries(opened),
  };
  const body = checked(z.strictObject(shape), value);
  // A count has no limit and no stream; the rules that look at them see what always passes.
  return { max_tokens: Number.MAX_SAFE_INTEGER, ...body } as MessagesBody;
}

/** The content of a message or a system prompt as blocks. */
export function blocksOf(content: string | ContentBlock[]): ContentBlock[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : content;
}
