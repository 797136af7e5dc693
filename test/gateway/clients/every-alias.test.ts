import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { generateText, stepCountIs, tool } from 'ai';
import { toFile } from 'openai';
import { z } from 'zod';
import { Catalog } from '../../../src/catalog/catalog.service.js';
import type { SyncModality } from '../../../src/catalog/sync-schema.js';
import { type ClientsKiln, QUESTION, silentWav, startClients } from './clients.js';

let kiln: ClientsKiln;
beforeAll(async () => {
  kiln = await startClients();
});
afterAll(() => kiln.end());

/** Shipped aliases of a kind; wildcards are asked for by a name that fits. */
function aliases(modality: SyncModality): string[] {
  const ids = kiln.app
    .get(Catalog)
    .syncs()
    .filter((model) => model.modality === modality)
    .map(({ id }) => id);
  return ids.map((id) =>
    id
      .replace('deepseek/*', 'deepseek/deepseek-chat')
      .replace('gemini/*', 'gemini/gemini-2.5-flash')
      .replace('openrouter/*', 'openrouter/qwen/qwen3-coder'),
  );
}

const weather = tool({
  description: 'Weather of a city',
  inputSchema: z.object({ city: z.string() }),
  execute: ({ city }) => Promise.resolve(`rain in ${city}`),
});

/** What went wrong with which alias: all of them are told at once. */
async function failures(names: string[], ask: (alias: string) => Promise<string>): Promise<Record<string, string>> {
  const wrong: Record<string, string> = {};
  for (const alias of names) {
    const said = await ask(alias).catch((error: unknown) => String(error));
    if (said !== '') wrong[alias] = said.slice(0, 300);
  }
  return wrong;
}

describe.each(['openai', 'openai.chat', 'anthropic'])('%s of the AI SDK with nothing but a prompt', (way) => {
  const modelOf = (alias: string) => {
    const settings = { apiKey: kiln.secret, baseURL: `${kiln.url}/v1` };
    if (way === 'anthropic') return createAnthropic(settings)(alias);
    return way === 'openai' ? createOpenAI(settings)(alias) : createOpenAI(settings).chat(alias);
  };

  test('every text alias calls tools and answers', async () => {
    const wrong = await failures(aliases('text'), async (alias) => {
      const { text } = await generateText({
        model: modelOf(alias),
        prompt: QUESTION,
        tools: { weather },
        stopWhen: stepCountIs(3),
        maxRetries: 0,
      });
      return text.includes('weather says: rain in Tokyo') ? '' : `said ${text}`;
    });
    expect(wrong).toEqual({});
  });
});

test('every embedding alias has a vector', async () => {
  const wrong = await failures(aliases('embedding'), async (model) => {
    const { data } = await kiln.openai.embeddings.create({ model, input: 'hello' });
    return (data[0]?.embedding.length ?? 0) > 10 ? '' : 'no vector';
  });
  expect(wrong).toEqual({});
});

test('every speech alias speaks, with a voice of its own', async () => {
  const wrong = await failures(aliases('speech'), async (model) => {
    const voice = /kokoro/i.test(model) ? 'af_heart' : 'alloy';
    const answer = await kiln.openai.audio.speech.create({ model, voice, input: 'Hello' });
    return (await answer.arrayBuffer()).byteLength > 100 ? '' : 'no sound';
  });
  expect(wrong).toEqual({});
});

test('every transcription alias hears', async () => {
  const wrong = await failures(aliases('transcription'), async (model) => {
    const file = await toFile(silentWav(), 'a.wav', { type: 'audio/wav' });
    const answer = await kiln.openai.audio.transcriptions.create({ model, file });
    return typeof answer.text === 'string' ? '' : 'no text';
  });
  expect(wrong).toEqual({});
});
