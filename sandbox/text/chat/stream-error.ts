import type { ChatAnswer } from './answer.js';
import { serverError } from './errors.js';

/**
 * What a stream ends with when its vendor fails in the middle. OpenAI sends the error's body as data; OpenRouter a chunk that
 * has `error` beside its choices (docs: api/reference/errors-and-debugging); Groq an event named `error` (groq-sdk, streaming.ts);
 * vLLM goes on to `[DONE]` (serving.py); of the others nothing is documented.
 */
export function streamError({ chat, id, created }: ChatAnswer): string {
  const { provider } = chat.vendor;
  const error = serverError(provider);
  const body = error.body();
  if (provider === 'openrouter') {
    const chunk = {
      id,
      object: 'chat.completion.chunk',
      created,
      model: chat.body.model,
      provider: 'Sandbox',
      error: { code: 'server_error', message: error.message },
      choices: [{ index: 0, delta: { content: '' }, finish_reason: 'error' }],
    };
    return `data: ${JSON.stringify(chunk)}\n\n`;
  }
  const data = `data: ${JSON.stringify(Array.isArray(body) ? body[0] : body)}\n\n`;
  if (provider === 'groq') return `event: error\n${data}`;
  return provider === 'vllm' ? `${data}data: [DONE]\n\n` : data;
}
