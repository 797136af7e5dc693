import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { stringify } from 'yaml';
import { dropGround, type Kiln, newGround, startKiln } from '../../support/kiln.js';

const PRICE = {
  rates: { input: 3, cache_read: 0.3, cache_write: 3.75, output: 15 },
  source: 'test',
  date: '2026-11-26',
};

/** Beside the shipped aliases: Claude at Anthropic only, and a model behind a server that speaks chat completions only. */
const MODELS = {
  'claude-direct': {
    modality: 'text',
    title: 'Claude at Anthropic',
    description: 'Claude Sonnet 4.6 without the routes beside.',
    created: '2026-11-26',
    context_tokens: 200_000,
    max_output_tokens: 64_000,
    traits: {
      features: ['tools', 'parallel_tools', 'vision', 'documents', 'json_object', 'json_schema', 'top_k'],
      thinking: 'adaptive',
      efforts: ['low', 'medium', 'high', 'max'],
      prefill: false,
    },
    routes: {
      anthropic: {
        provider: 'anthropic',
        model: 'claude-sonnet-4-6',
        endpoints: ['https://api.anthropic.com'],
        credential: 'anthropic',
        price: PRICE,
        sandbox: { paths: ['/anthropic'] },
      },
    },
  },
  'open-model': {
    modality: 'text',
    title: 'An open model',
    description: 'A model that sees and hears, by chat completions only.',
    created: '2026-11-26',
    context_tokens: 131_072,
    max_output_tokens: 65_536,
    traits: {
      features: ['tools', 'parallel_tools', 'vision', 'audio', 'documents', 'json_object', 'json_schema', 'seed'],
      efforts: ['low', 'medium', 'high'],
      reasoning_field: 'reasoning',
    },
    routes: {
      openrouter: {
        provider: 'openrouter',
        model: 'some/open-model',
        endpoints: ['https://openrouter.ai/api/v1'],
        credential: 'openrouter',
        price: PRICE,
        sandbox: { paths: ['/openrouter/api/v1'] },
      },
    },
  },
  'listening-model': {
    modality: 'transcription',
    title: 'A model that listens',
    description: 'Transcripts that can be streamed.',
    created: '2026-11-26',
    limits: { response_formats: ['json', 'text'], streams: true },
    routes: {
      openai: {
        provider: 'openai',
        model: 'gpt-4o-mini-transcribe',
        endpoints: ['https://api.openai.com/v1'],
        credential: 'openai',
        price: { rates: { input: 1.25, output: 5 }, source: 'test', date: '2026-11-26' },
        sandbox: { paths: ['/openai/v1'] },
      },
    },
  },
};

/**
 * Aliases by the API that serves them: AWS's Claude and Anthropic's (messages), OpenAI (chat completions and responses), and
 * a server of chat completions only. Every client is tried on each, so that every translation is.
 */
export const ALIASES = ['claude-sonnet', 'claude-direct', 'gpt-5.4', 'open-model'] as const;
export const CLAUDES = ['claude-sonnet', 'claude-direct'] as const;
/** The sandbox's name for who serves the alias. */
export const PROVIDER_OF = {
  'claude-sonnet': 'bedrock',
  'claude-direct': 'anthropic',
  'gpt-5.4': 'openai',
  'open-model': 'openrouter',
} as const;

export interface ClientsKiln extends Kiln {
  openai: OpenAI;
  anthropic: Anthropic;
  /** Body of the newest request that a provider of the sandbox saw. */
  lastBody(provider: string): Promise<Record<string, unknown>>;
  end(): Promise<void>;
}

/** Kiln with real clients of a user's key. They do not repeat what failed: a test must see it. */
export async function startClients(): Promise<ClientsKiln> {
  const ground = await newGround();
  const overlay = join(ground.dir, 'catalog.yaml');
  await writeFile(overlay, stringify({ models: MODELS }));
  const kiln = await startKiln({ ground, env: { KILN_CATALOG: overlay } });
  const { secret } = await kiln.newKey();
  return {
    ...kiln,
    secret,
    openai: new OpenAI({ apiKey: secret, baseURL: `${kiln.url}/v1`, maxRetries: 0 }),
    anthropic: new Anthropic({ apiKey: secret, baseURL: kiln.url, maxRetries: 0 }),
    lastBody: async (provider) => {
      const seen = await kiln.sandbox.requests(provider);
      return seen.at(-1)?.body ?? {};
    },
    end: async () => {
      await kiln.close();
      await dropGround(ground);
    },
  };
}

/** A red dot: the smallest PNG that is one. */
export const PNG_BASE64 =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==';

/** Parameters of a tool that tells the weather of one city. */
export const CITY_SCHEMA = {
  type: 'object' as const,
  properties: { city: { type: 'string' as const } },
  required: ['city'],
  additionalProperties: false,
};
export const QUESTION = 'What is the weather in Tokyo and Paris?';

/** A second of silence as WAV: 8 kHz, 16 bits, mono. */
export function silentWav(seconds = 1): Buffer {
  const bytes = 16_000 * seconds;
  const wav = Buffer.alloc(44 + bytes);
  wav.write('RIFF', 0);
  wav.writeUInt32LE(36 + bytes, 4);
  wav.write('WAVEfmt ', 8);
  wav.writeUInt32LE(16, 16);
  wav.writeUInt16LE(1, 20);
  wav.writeUInt16LE(1, 22);
  wav.writeUInt32LE(8000, 24);
  wav.writeUInt32LE(16_000, 28);
  wav.writeUInt16LE(2, 32);
  wav.writeUInt16LE(16, 34);
  wav.write('data', 36);
  wav.writeUInt32LE(bytes, 40);
  return wav;
}
