/**
 * Who serves embeddings below which path, and how their wires differ.
 *
 * OpenAI: its Node client's types and `providers/openai.md`. DeepInfra: its published OpenAPI schema `OpenAIEmbeddingsIn` (more
 * dimensions than a model has are padded with zeros). OpenRouter: its API reference, "Submit an embedding request". Google: "OpenAI compatibility" of the Gemini API. vLLM:
 * entrypoints/openai/protocol.py.
 */
import type { Provider } from '../faults.js';
import { OPENAI as OPENAI_TEXT, VENDORS } from '../text/vendors.js';

export interface EmbeddingModel {
  /** Numbers in a vector when nothing else is asked for. */
  dimensions: number;
  /** Takes `dimensions`. */
  isResizable: boolean;
  /** Tokens of one item. */
  maxTokens: number;
}

export interface EmbeddingHost {
  provider: Provider;
  prefix: string;
  models: Readonly<Record<string, EmbeddingModel>>;
  /** Items of one request. */
  maxItems: number;
  /** Tokens of one request; null: no limit. */
  maxRequestTokens: number | null;
  /** Takes `int[]` and `int[][]`. */
  takesTokenIds: boolean;
  /** Null: what is not known is ignored. */
  fields: readonly string[] | null;
  /** What more than a model's dimensions make. */
  beyond: 'refused' | 'padded';
  /** vLLM's answers carry an id, a time and completion tokens. */
  isNumbered: boolean;
}

const FIELDS = ['model', 'input', 'dimensions', 'encoding_format', 'user'];

const model = (dimensions: number, maxTokens: number, isResizable = true): EmbeddingModel => ({
  dimensions,
  maxTokens,
  isResizable,
});

function prefixOf(provider: Provider): string {
  const vendor = VENDORS.find((one) => one.provider === provider);
  if (vendor === undefined) throw new Error(`${provider} is not mounted`);
  return vendor.prefix;
}

export const EMBEDDING_HOSTS: readonly EmbeddingHost[] = [
  {
    provider: 'openai',
    prefix: OPENAI_TEXT.prefix,
    models: {
      'text-embedding-3-small': model(1536, 8192),
      'text-embedding-3-large': model(3072, 8192),
      'text-embedding-ada-002': model(1536, 8192, false),
    },
    maxItems: 2048,
    maxRequestTokens: 300_000,
    takesTokenIds: true,
    fields: FIELDS,
    beyond: 'refused',
    isNumbered: false,
  },
  {
    provider: 'google',
    prefix: prefixOf('google'),
    models: { 'gemini-embedding-001': model(3072, 2048) },
    maxItems: 100,
    maxRequestTokens: null,
    takesTokenIds: false,
    fields: FIELDS,
    beyond: 'refused',
    isNumbered: false,
  },
  {
    provider: 'deepinfra',
    prefix: prefixOf('deepinfra'),
    models: {
      'BAAI/bge-m3': model(1024, 8192),
      'BAAI/bge-large-en-v1.5': model(1024, 512),
      'Qwen/Qwen3-Embedding-0.6B': model(1024, 32_768),
      'Qwen/Qwen3-Embedding-8B': model(4096, 32_768),
      'intfloat/multilingual-e5-large': model(1024, 512),
    },
    maxItems: 1024,
    maxRequestTokens: null,
    takesTokenIds: false,
    fields: null,
    beyond: 'padded',
    isNumbered: false,
  },
  {
    provider: 'openrouter',
    prefix: prefixOf('openrouter'),
    models: { 'openai/text-embedding-3-small': model(1536, 8192), 'openai/text-embedding-3-large': model(3072, 8192) },
    maxItems: 2048,
    maxRequestTokens: 300_000,
    takesTokenIds: true,
    fields: null,
    beyond: 'refused',
    isNumbered: true,
  },
  {
    provider: 'vllm',
    prefix: prefixOf('vllm'),
    models: { 'Qwen/Qwen3-Embedding-0.6B': model(1024, 32_768), 'BAAI/bge-m3': model(1024, 8192, false) },
    maxItems: 2048,
    maxRequestTokens: null,
    takesTokenIds: true,
    fields: null,
    beyond: 'refused',
    isNumbered: true,
  },
];

/** The embedding models of a provider, for its list of models. */
export function embeddingModelsOf(provider: Provider): string[] {
  return EMBEDDING_HOSTS.filter((host) => host.provider === provider).flatMap(({ models }) => Object.keys(models));
}
