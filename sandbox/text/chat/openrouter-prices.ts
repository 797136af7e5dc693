/**
 * USD per token as decimal text, as `GET /api/v1/models` gives them; only what a model has. Plausible, not kept current: a test
 * reads them from the wire.
 */
export interface TokenPrices {
  prompt: string;
  completion: string;
  input_cache_read?: string;
  input_cache_write?: string;
}

const PRICES: Readonly<Record<string, TokenPrices>> = {
  'anthropic/claude-sonnet-4.6': price('0.000003', '0.000015', '0.0000003', '0.00000375'),
  'anthropic/claude-opus-4.6': price('0.000005', '0.000025', '0.0000005', '0.00000625'),
  'anthropic/claude-haiku-4.5': price('0.000001', '0.000005', '0.0000001', '0.00000125'),
  'deepseek/deepseek-chat': price('0.00000014', '0.00000028', '0.000000028'),
  'moonshotai/kimi-k2.6': price('0.00000095', '0.000004', '0.00000016'),
  'openai/gpt-5.4': price('0.0000025', '0.000015', '0.00000025'),
  'qwen/qwen3-coder': price('0.00000022', '0.000001'),
  'minimax/minimax-m3': price('0.0000003', '0.0000012'),
};

function price(prompt: string, completion: string, read?: string, write?: string): TokenPrices {
  return {
    prompt,
    completion,
    ...(read === undefined ? {} : { input_cache_read: read }),
    ...(write === undefined ? {} : { input_cache_write: write }),
  };
}

const OTHER = price('0.000001', '0.000002');

export function pricesOf(model: string): TokenPrices {
  return PRICES[model] ?? OTHER;
}

/** What OpenRouter says an answer cost; free variants cost nothing. */
export function costUsd(model: string, usage: { input: number; cached: number; output: number }): number {
  if (model.endsWith(':free')) return 0;
  const { prompt, completion, input_cache_read: read = prompt } = pricesOf(model);
  const usd =
    (usage.input - usage.cached) * Number(prompt) + usage.cached * Number(read) + usage.output * Number(completion);
  return Number(usd.toFixed(12));
}
