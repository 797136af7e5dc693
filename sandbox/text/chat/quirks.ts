import type { Provider } from '../../faults.js';
import type { TextModel, TextVendor } from '../vendors.js';
import { costUsd } from './openrouter-prices.js';

/** Tokens of one answer. `output` holds `reasoning`, `input` holds `cached`. */
export interface ChatUsage {
  input: number;
  cached: number;
  output: number;
  reasoning: number;
}

/** How a vendor's answers differ from OpenAI's. Sources are at each entry; what has none is as OpenAI has it. */
export interface Quirks {
  /** Fields of a message or a delta that hold reasoning text; none: it is not shown. */
  reasoningIn: readonly ('reasoning_content' | 'reasoning' | 'reasoning_details')[];
  usage(usage: ChatUsage, model: string): object;
  /** A comment before the first event. */
  comment: string | null;
  /** The last event with usage: on request; always, with a choice in it; or in the choice of the finish beside it. */
  streamUsage: 'asked' | 'always' | 'in_choice';
  /** A stream names a call and gives its arguments in one event. */
  wholeCalls: boolean;
  /** Each delta repeats the role. */
  repeatsRole: boolean;
  /** What every chunk and answer carries beside OpenAI's fields. */
  more: object;
  idPrefix: string;
  callIdPrefix: string;
}

const details = ({ cached, reasoning }: ChatUsage) => ({
  prompt_tokens_details: { cached_tokens: cached, audio_tokens: 0 },
  completion_tokens_details: {
    reasoning_tokens: reasoning,
    audio_tokens: 0,
    accepted_prediction_tokens: 0,
    rejected_prediction_tokens: 0,
  },
});

const sums = ({ input, output }: ChatUsage) => ({
  prompt_tokens: input,
  completion_tokens: output,
  total_tokens: input + output,
});

const OPENAI: Quirks = {
  reasoningIn: [],
  usage: (usage) => ({ ...sums(usage), ...details(usage) }),
  comment: null,
  streamUsage: 'asked',
  wholeCalls: false,
  repeatsRole: false,
  more: { system_fingerprint: 'fp_sandbox', service_tier: 'default' },
  idPrefix: 'chatcmpl-',
  callIdPrefix: 'call_',
};

const SECONDS_A_TOKEN = 0.001;

const OWN: Partial<Record<Provider, Partial<Quirks>>> = {
  // Thinking is in the total only (googleapis/js-genai and forum reports); calls come whole.
  google: {
    usage: ({ input, output, reasoning }) => ({
      prompt_tokens: input,
      completion_tokens: output - reasoning,
      total_tokens: input + output,
    }),
    wholeCalls: true,
    repeatsRole: true,
    more: {},
    idPrefix: 'sandbox-',
    callIdPrefix: 'function-call-',
  },
  // openrouter.ai/docs: api/reference/streaming, use-cases/usage-accounting, use-cases/reasoning-tokens.
  openrouter: {
    reasoningIn: ['reasoning', 'reasoning_details'],
    usage: (usage, model) => {
      const cost = costUsd(model, usage);
      return {
        ...sums(usage),
        cost,
        is_byok: false,
        ...details(usage),
        cost_details: { upstream_inference_cost: null },
      };
    },
    comment: ': OPENROUTER PROCESSING\n\n',
    streamUsage: 'always',
    repeatsRole: true,
    more: { provider: 'Sandbox' },
    idPrefix: 'gen-',
  },
  // api-docs.deepseek.com: create-chat-completion, guides/kv_cache; comments while it waits: quick_start/rate_limit.
  deepseek: {
    reasoningIn: ['reasoning_content'],
    usage: (usage) => ({
      ...sums(usage),
      prompt_tokens_details: { cached_tokens: usage.cached },
      completion_tokens_details: { reasoning_tokens: usage.reasoning },
      prompt_cache_hit_tokens: usage.cached,
      prompt_cache_miss_tokens: usage.input - usage.cached,
    }),
    comment: ': keep-alive\n\n',
    more: { system_fingerprint: 'fp_sandbox' },
    idPrefix: '',
    callIdPrefix: 'call_00_',
  },
  // platform.kimi.ai/docs/api/chat; usage in the choice of a stream: higress#1568, pi#2017; both spellings: Bike4Mind#1089.
  moonshot: {
    reasoningIn: ['reasoning_content'],
    usage: (usage) => ({
      ...sums(usage),
      ...(usage.cached === 0
        ? {}
        : { cached_tokens: usage.cached, prompt_tokens_details: { cached_tokens: usage.cached } }),
    }),
    streamUsage: 'in_choice',
    more: {},
  },
  // groq-sdk's types: ChatCompletionChunk.XGroq, CompletionUsage.
  groq: {
    reasoningIn: ['reasoning'],
    usage: (usage) => ({
      queue_time: 0.01,
      ...sums(usage),
      prompt_time: usage.input * SECONDS_A_TOKEN,
      completion_time: usage.output * SECONDS_A_TOKEN,
      total_time: (usage.input + usage.output) * SECONDS_A_TOKEN,
      ...(usage.cached === 0 ? {} : { prompt_tokens_details: { cached_tokens: usage.cached } }),
      ...(usage.reasoning === 0 ? {} : { completion_tokens_details: { reasoning_tokens: usage.reasoning } }),
    }),
    wholeCalls: true,
    more: { system_fingerprint: 'fp_sandbox' },
  },
  // dev.to/rachelvectle: usage.estimated_cost, in USD.
  deepinfra: {
    reasoningIn: ['reasoning_content'],
    usage: (usage) => ({
      ...sums(usage),
      prompt_tokens_details: usage.cached === 0 ? null : { cached_tokens: usage.cached },
      estimated_cost: usage.input * 1e-7 + usage.output * 4e-7,
    }),
    more: {},
  },
  // vllm/entrypoints/openai/chat_completion/protocol.py; `reasoning_content` is the name before 0.12, still sent by some builds.
  vllm: {
    reasoningIn: ['reasoning', 'reasoning_content'],
    usage: ({ input, output }) => ({
      prompt_tokens: input,
      total_tokens: input + output,
      completion_tokens: output,
      prompt_tokens_details: null,
    }),
    more: {},
    callIdPrefix: 'chatcmpl-tool-',
  },
};

export function quirksOf({ provider }: TextVendor): Quirks {
  return { ...OPENAI, ...OWN[provider] };
}

const field = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;

/** Whether the model thinks first, by the vendor's own switches and OpenAI's. */
export function asksToReason({ provider }: TextVendor, model: TextModel, raw: Record<string, unknown>): boolean {
  const thinking = field(raw['thinking'], 'type');
  if (model.reasons === 'never') return false;
  if (provider === 'moonshot' && thinking === 'disabled') return false;
  if (model.reasons === 'always') return true;
  const { reasoning_effort: effort, reasoning } = raw;
  if (effort !== undefined && effort !== null) return effort !== 'none';
  if (provider === 'openrouter')
    return (
      typeof reasoning === 'object' &&
      reasoning !== null &&
      field(reasoning, 'enabled') !== false &&
      field(reasoning, 'effort') !== 'none'
    );
  if (provider === 'vllm') return field(raw['chat_template_kwargs'], 'enable_thinking') === true;
  if (provider === 'google') {
    const config = field(field(raw['extra_body'], 'google'), 'thinking_config');
    return config !== undefined && field(config, 'thinking_budget') !== 0;
  }
  return thinking === 'enabled';
}
