import type { Provider } from '../faults.js';

/** Tokens, and what a model can do where that shows on the wire. */
export interface TextModel {
  contextTokens: number;
  maxOutputTokens: number;
  /** `asked`: by `reasoning_effort`, `thinking` or the like. */
  reasons: 'never' | 'asked' | 'always';
  /** Which parts beside text a user message may hold. */
  takes: readonly ('image' | 'audio' | 'file')[];
}

/** A provider that speaks OpenAI's chat completions, and how it differs. Bearer `context.key` everywhere. */
export interface TextVendor {
  provider: Provider;
  /** Where its base URL is mounted; `/chat/completions`, `/models`, `/embeddings`, `/audio/…` are below. */
  prefix: string;
  /** Fields it does not know: refused with 400, or not looked at. */
  unknownFields: 'refused' | 'ignored';
  /** Fields of OpenAI's that it refuses as if it did not know them. */
  refusedFields: readonly string[];
  /** Fields of its own beside OpenAI's; only asked for where unknown ones are refused. */
  ownFields: readonly string[];
  /** Null: any id is served, by the limits of `OTHER_MODEL`. */
  models: Readonly<Record<string, TextModel>>;
  servesAnyModel: boolean;
}

const SEES = ['image'] as const;
const SEES_AND_HEARS = ['image', 'audio', 'file'] as const;
const model = (
  contextTokens: number,
  maxOutputTokens: number,
  reasons: TextModel['reasons'],
  takes: TextModel['takes'] = [],
): TextModel => ({ contextTokens, maxOutputTokens, reasons, takes });

/** What OpenRouter serves by an id that is not in the table. */
export const OTHER_MODEL: TextModel = model(131_072, 65_536, 'asked', SEES_AND_HEARS);

const CLAUDE = model(1_000_000, 128_000, 'asked', ['image', 'file']);
const GEMINI = model(1_048_576, 65_536, 'asked', SEES_AND_HEARS);
const GPT_5 = model(400_000, 128_000, 'asked', ['image', 'file']);

/** `/openai/v1` itself is mounted by ../openai/wire.ts. */
export const OPENAI: TextVendor = {
  provider: 'openai',
  prefix: '/openai/v1',
  unknownFields: 'refused',
  refusedFields: [],
  ownFields: [],
  servesAnyModel: false,
  models: {
    'gpt-5': GPT_5,
    'gpt-5-mini': GPT_5,
    'gpt-5-nano': GPT_5,
    'gpt-5.1': GPT_5,
    'gpt-5.2': GPT_5,
    'gpt-5.4': GPT_5,
    'gpt-5.4-mini': GPT_5,
    'gpt-5.4-nano': GPT_5,
    'gpt-4.1': model(1_047_576, 32_768, 'never', ['image', 'file']),
    'gpt-4.1-mini': model(1_047_576, 32_768, 'never', ['image', 'file']),
    'gpt-4o': model(128_000, 16_384, 'never', ['image', 'file']),
    'gpt-4o-mini': model(128_000, 16_384, 'never', ['image', 'file']),
    'gpt-4o-audio-preview': model(128_000, 16_384, 'never', ['audio']),
    'gpt-audio': model(128_000, 16_384, 'never', ['audio']),
    'o4-mini': model(200_000, 100_000, 'always', ['image', 'file']),
  },
};

/**
 * Every other one. Sources of the differences: Google's unknown names (SkyrimNet-GamePlugin#77, free-claude-code#542), Groq's
 * "property … is unsupported" (chatbot#21) and its page on OpenAI compatibility, OpenRouter's pages on streaming, errors and
 * usage, DeepSeek's and Moonshot's API references, vLLM's entrypoints/openai/protocol.py.
 */
export const VENDORS: readonly TextVendor[] = [
  {
    provider: 'google',
    prefix: '/google/v1beta/openai',
    unknownFields: 'refused',
    refusedFields: [
      'frequency_penalty',
      'presence_penalty',
      'logit_bias',
      'logprobs',
      'top_logprobs',
      'metadata',
      'prediction',
      'prompt_cache_key',
      'safety_identifier',
      'service_tier',
      'store',
      'verbosity',
      'web_search_options',
    ],
    ownFields: ['extra_body'],
    servesAnyModel: false,
    models: {
      'gemini-3-flash-preview': GEMINI,
      'gemini-3-pro-preview': model(1_048_576, 65_536, 'always', SEES_AND_HEARS),
      'gemini-2.5-flash': GEMINI,
      'gemini-2.5-pro': model(1_048_576, 65_536, 'always', SEES_AND_HEARS),
    },
  },
  {
    provider: 'openrouter',
    prefix: '/openrouter/api/v1',
    unknownFields: 'ignored',
    refusedFields: [],
    ownFields: [],
    servesAnyModel: true,
    models: {
      'anthropic/claude-sonnet-4.6': CLAUDE,
      'anthropic/claude-opus-4.6': CLAUDE,
      'anthropic/claude-haiku-4.5': model(200_000, 64_000, 'asked', ['image', 'file']),
      'anthropic/claude-opus-4.7': CLAUDE,
      'anthropic/claude-opus-4.8': CLAUDE,
      'anthropic/claude-opus-5': CLAUDE,
      'anthropic/claude-opus-5.5': CLAUDE,
      'anthropic/claude-sonnet-5': CLAUDE,
      'anthropic/claude-sonnet-5.5': CLAUDE,
      'anthropic/claude-haiku-5.5': CLAUDE,
      'anthropic/claude-fable-5': CLAUDE,
      'anthropic/claude-fable-5.1': CLAUDE,
      'anthropic/claude-fable-5.2': CLAUDE,
      'deepseek/deepseek-chat': model(163_840, 163_840, 'asked'),
      'deepseek/deepseek-v4-flash': model(1_048_576, 65_536, 'asked'),
      'deepseek/deepseek-v4-pro': model(1_048_576, 65_536, 'asked'),
      'google/gemini-2.5-flash': GEMINI,
      'google/gemini-3-flash-preview': GEMINI,
      'moonshotai/kimi-k2.6': model(262_144, 65_536, 'asked', SEES),
      'openai/gpt-5.4': GPT_5,
      'qwen/qwen3-coder': model(262_144, 65_536, 'never'),
      'minimax/minimax-m3': model(1_000_000, 131_072, 'asked'),
    },
  },
  {
    provider: 'deepseek',
    prefix: '/deepseek',
    unknownFields: 'ignored',
    refusedFields: [],
    ownFields: [],
    servesAnyModel: false,
    models: {
      'deepseek-flash': model(1_000_000, 384_000, 'asked'),
      'deepseek-chat': model(1_000_000, 384_000, 'asked'),
      'deepseek-reasoner': model(1_000_000, 384_000, 'always'),
      'deepseek-v4-flash': model(1_000_000, 384_000, 'asked'),
      'deepseek-v4-pro': model(1_000_000, 384_000, 'asked'),
    },
  },
  {
    provider: 'moonshot',
    prefix: '/moonshot/v1',
    unknownFields: 'ignored',
    refusedFields: [],
    ownFields: [],
    servesAnyModel: false,
    models: {
      'kimi-k2.6': model(262_144, 65_536, 'always', SEES),
      'kimi-k2.5': model(262_144, 65_536, 'always', SEES),
      'kimi-k2-0905-preview': model(262_144, 65_536, 'never'),
      'moonshot-v1-8k': model(8_192, 8_192, 'never'),
    },
  },
  {
    provider: 'groq',
    prefix: '/groq/openai/v1',
    unknownFields: 'refused',
    refusedFields: ['logit_bias', 'logprobs', 'top_logprobs', 'audio', 'modalities', 'prediction', 'verbosity'],
    ownFields: [
      'citation_options',
      'compound_custom',
      'disable_tool_validation',
      'documents',
      'exclude_domains',
      'include_domains',
      'include_reasoning',
      'reasoning_format',
      'search_settings',
    ],
    servesAnyModel: false,
    models: {
      'llama-3.3-70b-versatile': model(131_072, 32_768, 'never'),
      'openai/gpt-oss-120b': model(131_072, 65_536, 'always'),
      'meta-llama/llama-4-scout-17b-16e-instruct': model(131_072, 8_192, 'never', SEES),
    },
  },
  {
    provider: 'deepinfra',
    prefix: '/deepinfra/v1/openai',
    unknownFields: 'ignored',
    refusedFields: [],
    ownFields: [],
    servesAnyModel: false,
    models: {
      'Qwen/Qwen3-30B-A3B': model(40_960, 40_960, 'asked'),
      'Qwen/Qwen3-Coder-480B-A35B-Instruct': model(262_144, 262_144, 'never'),
      'Qwen/Qwen3-Coder-480B-A35B-Instruct-Turbo': model(262_144, 66_536, 'never'),
      'Qwen/Qwen3.5-397B-A17B': model(262_144, 81_920, 'asked', SEES),
      'deepseek-ai/DeepSeek-V4-Flash': model(1_000_000, 384_000, 'asked'),
      'moonshotai/Kimi-K2.6': model(262_144, 262_144, 'asked', SEES),
      'MiniMaxAI/MiniMax-M3': model(1_000_000, 131_072, 'asked'),
    },
  },
  {
    provider: 'vllm',
    prefix: '/vllm/v1',
    unknownFields: 'ignored',
    refusedFields: [],
    ownFields: [],
    servesAnyModel: false,
    models: {
      'Qwen/Qwen3-30B-A3B-AWQ': model(32_768, 32_768, 'asked'),
      'Qwen/Qwen3-30B-A3B': model(8_192, 8_192, 'asked'),
      'Qwen/QwQ-32B': model(32_768, 32_768, 'always'),
      'Qwen/Qwen3-Omni-30B-A3B-Instruct': model(32_768, 32_768, 'never', SEES_AND_HEARS),
      'Qwen/Qwen3-Coder-30B-A3B-Instruct': model(32_768, 32_768, 'never'),
      'Qwen/Qwen3.5-122B-A10B': model(262_144, 65_536, 'asked'),
      'MiniMaxAI/MiniMax-M3': model(1_000_000, 131_072, 'asked'),
    },
  },
];

/** By its exact id, or by that without a dated suffix (`gpt-5.4-2026-03-05`); null when the vendor has none such. */
export function modelOf(vendor: TextVendor, id: string): TextModel | null {
  const bare = id.replace(/^models\//, '').replace(/-\d{4}-\d{2}-\d{2}$/, '');
  return vendor.models[bare] ?? (vendor.servesAnyModel ? OTHER_MODEL : null);
}
