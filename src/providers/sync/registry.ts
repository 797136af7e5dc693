import { anthropic } from './anthropic/index.js';
import { bedrock } from './bedrock/index.js';
import type { SyncAdapter } from './contract.js';
import { openAiCompatible } from './openai-compatible/index.js';
import { withThoughtSignatures } from './openai-compatible/thought-signatures.js';

const TEXT = ['chat'] as const;

/**
 * Providers of the synchronous gateway, by the name a route of the catalog gives. `openai_compatible` is any server that
 * speaks as OpenAI's does: vLLM, whisper and Kokoro servers.
 */
const all: readonly SyncAdapter[] = [
  openAiCompatible('openai', {
    kinds: ['chat', 'responses', 'embeddings', 'speech', 'transcription'],
  }),
  openAiCompatible('openai_compatible', { kinds: TEXT }),
  openAiCompatible('google', { kinds: ['chat', 'embeddings'], fit: withThoughtSignatures }),
  // Asked to say what a request cost (OpenRouter, "Usage Accounting").
  openAiCompatible('openrouter', {
    kinds: TEXT,
    body: { usage: { include: true } },
  }),
  openAiCompatible('deepseek', { kinds: TEXT }),
  openAiCompatible('moonshot', { kinds: TEXT }),
  openAiCompatible('groq', { kinds: ['chat', 'transcription'] }),
  openAiCompatible('deepinfra', { kinds: ['chat', 'embeddings', 'speech'] }),
  anthropic,
  bedrock,
];

export const syncAdapters: ReadonlyMap<string, SyncAdapter> = new Map(all.map((adapter) => [adapter.id, adapter]));
