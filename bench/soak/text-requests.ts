import type { Answer } from './client.js';
import type { TextApi } from './offers.js';
import type { TextAct } from './plan.js';

/** The last thing that a stream says. */
const LAST_FRAMES: Readonly<Record<TextApi, RegExp>> = {
  chat: /^data: \[DONE\]/m,
  responses: /^event: response\.(completed|incomplete)/m,
  messages: /^event: message_stop/m,
  embeddings: /^$/,
};

/** Path and body of one request. */
export function textRequest({ offer, prompt, maxTokens, streamed }: TextAct): {
  method: 'POST';
  path: string;
  body: unknown;
} {
  const { api, model } = offer;
  const messages = [{ role: 'user', content: prompt }];
  const stream = streamed ? { stream: true } : {};
  switch (api) {
    case 'chat':
      return {
        method: 'POST',
        path: '/v1/chat/completions',
        body: { model, messages, max_completion_tokens: maxTokens, ...stream },
      };
    case 'messages':
      return { method: 'POST', path: '/v1/messages', body: { model, messages, max_tokens: maxTokens, ...stream } };
    case 'responses':
      return {
        method: 'POST',
        path: '/v1/responses',
        body: { model, input: prompt, max_output_tokens: maxTokens, ...stream },
      };
    case 'embeddings':
      return { method: 'POST', path: '/v1/embeddings', body: { model, input: prompt } };
  }
}

/** Whether the client has all of a good answer. */
export function wasComplete({ offer, streamed }: TextAct, { status, text, whole }: Answer): boolean {
  if (status >= 300) return false;
  return streamed ? LAST_FRAMES[offer.api].test(text) : whole;
}
