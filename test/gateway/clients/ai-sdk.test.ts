import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import {
  embedMany,
  generateObject,
  generateSpeech,
  generateText,
  type LanguageModel,
  type ModelMessage,
  Output,
  stepCountIs,
  streamText,
  tool,
  transcribe,
} from 'ai';
import { z } from 'zod';
import { ALIASES, CLAUDES, type ClientsKiln, PNG_BASE64, PROVIDER_OF, QUESTION, startClients } from './clients.js';

let kiln: ClientsKiln;
let openai: ReturnType<typeof createOpenAI>;
let anthropic: ReturnType<typeof createAnthropic>;
beforeAll(async () => {
  kiln = await startClients();
  openai = createOpenAI({ apiKey: kiln.secret, baseURL: `${kiln.url}/v1` });
  anthropic = createAnthropic({ apiKey: kiln.secret, baseURL: `${kiln.url}/v1` });
});
afterAll(() => kiln.end());

const weather = tool({
  description: 'Weather of a city',
  inputSchema: z.object({ city: z.string() }),
  execute: ({ city }) => Promise.resolve(`rain in ${city}`),
});
const QUESTIONED: ModelMessage = { role: 'user', content: QUESTION };

const WAYS: Record<string, (model: string) => LanguageModel> = {
  'openai, its default call': (model) => openai(model),
  'openai.chat': (model) => openai.chat(model),
  anthropic: (model) => anthropic(model),
};
const CASES = Object.keys(WAYS).flatMap((way) => ALIASES.map((alias) => [way, alias] as const));
const modelOf = (way: string, alias: string): LanguageModel => WAYS[way]!(alias);
const COMMON = { maxRetries: 0, maxOutputTokens: 2000 };

describe.each(CASES)('%s on %s', (way, alias) => {
  test('generateText', async () => {
    const { text, usage, finishReason } = await generateText({
      ...COMMON,
      model: modelOf(way, alias),
      instructions: 'Be brief.',
      prompt: 'Hello there',
    });
    expect(text).toContain('I was told: Be brief.');
    expect(text).toContain('You said: Hello there');
    expect(finishReason).toBe('stop');
    expect(usage.inputTokens).toBeGreaterThan(0);
    expect(usage.outputTokens).toBeGreaterThan(0);
  });

  test('streamText', async () => {
    const errors: unknown[] = [];
    const result = streamText({
      ...COMMON,
      model: modelOf(way, alias),
      prompt: 'Tell me of the sea',
      onError: ({ error }) => void errors.push(error),
    });
    let text = '';
    for await (const piece of result.textStream) text += piece;
    expect(errors).toEqual([]);
    expect(text).toContain('You said: Tell me of the sea');
    expect((await result.usage).outputTokens).toBeGreaterThan(0);
  });

  test.each(['generateText', 'streamText'])('%s: tools over several steps, then another turn', async (call) => {
    const run = async (messages: ModelMessage[]) => {
      const settings = {
        ...COMMON,
        model: modelOf(way, alias),
        messages,
        tools: { weather },
        stopWhen: stepCountIs(4),
      };
      if (call === 'generateText') {
        const { text, steps, responseMessages } = await generateText(settings);
        return { text, steps: steps.length, messages: responseMessages };
      }
      const errors: unknown[] = [];
      const result = streamText({ ...settings, onError: ({ error }) => void errors.push(error) });
      await result.consumeStream();
      expect(errors).toEqual([]);
      return { text: await result.text, steps: (await result.steps).length, messages: await result.responseMessages };
    };
    const first = await run([QUESTIONED]);
    expect(first.steps).toBe(2);
    expect(first.text).toContain('weather says: rain in Tokyo');
    expect(first.text).toContain('weather says: rain in Paris');
    const second = await run([QUESTIONED, ...first.messages, { role: 'user', content: 'Thanks a lot' }]);
    expect(second.text).toContain('You said: Thanks a lot');
  });

  test('an object by a schema', async () => {
    const schema = z.object({ name: z.string(), age: z.number() });
    const prompt = 'A letter to Ada, who is 36';
    const model = modelOf(way, alias);
    const { object } = await generateObject({ ...COMMON, model, prompt, schema });
    expect(object).toEqual({ name: 'Ada', age: 36 });
    const { output } = await generateText({ ...COMMON, model, prompt, output: Output.object({ schema }) });
    expect(output).toEqual({ name: 'Ada', age: 36 });
  });

  test('a picture', async () => {
    const { text } = await generateText({
      ...COMMON,
      model: modelOf(way, alias),
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What do you see?' },
            { type: 'file', mediaType: 'image/png', data: PNG_BASE64 },
          ],
        },
      ],
    });
    expect(text).toContain('image/png');
  });

  test('the limit of tokens', async () => {
    const { finishReason } = await generateText({
      ...COMMON,
      model: modelOf(way, alias),
      prompt: 'word '.repeat(60),
      maxOutputTokens: 16,
    });
    expect(finishReason).toBe('length');
  });
});

describe.each(['claude-sonnet', 'gpt-5.4'])('store: false on %s', (alias) => {
  test('tools over several steps with nothing kept', async () => {
    const { text, steps } = await generateText({
      ...COMMON,
      model: openai(alias),
      messages: [QUESTIONED],
      tools: { weather },
      stopWhen: stepCountIs(4),
      providerOptions: { openai: { store: false, reasoningEffort: 'low', include: ['reasoning.encrypted_content'] } },
    });
    expect(steps).toHaveLength(2);
    expect(text).toContain('weather says: rain in Paris');
  });
});

describe.each(CLAUDES)('thinking of %s', (alias) => {
  test('goes back to Anthropic with its signature from step to step', async () => {
    const { steps, text } = await generateText({
      maxRetries: 0,
      model: anthropic(alias),
      messages: [QUESTIONED],
      tools: { weather },
      stopWhen: stepCountIs(4),
      providerOptions: { anthropic: { thinking: { type: 'enabled', budgetTokens: 1024 } } },
    });
    expect(steps[0]?.reasoningText).toMatch(/./);
    expect(text).toContain('weather says: rain in Paris');
    const seen = (await kiln.lastBody(PROVIDER_OF[alias])) as { messages?: { content: { type: string }[] }[] };
    expect(seen.messages?.[1]?.content[0]).toMatchObject({ type: 'thinking', signature: expect.stringMatching(/./) });
  });
});

test('embedMany', async () => {
  const { embeddings, usage } = await embedMany({
    model: openai.embedding('text-embedding-3-small'),
    values: ['one', 'two', 'three'],
    maxRetries: 0,
  });
  expect(embeddings.map((one) => one.length)).toEqual([1536, 1536, 1536]);
  expect(usage.tokens).toBeGreaterThan(0);
});

test('generateSpeech, and transcribe, which hears it', async () => {
  const sentence = 'The quick brown fox jumps over the lazy dog.';
  const { audio } = await generateSpeech({
    model: openai.speech('tts-1'),
    text: sentence,
    voice: 'alloy',
    maxRetries: 0,
  });
  const heard = await transcribe({ model: openai.transcription('whisper-1'), audio: audio.uint8Array, maxRetries: 0 });
  expect(heard.text).toBe(sentence);
  expect(heard.segments.length).toBeGreaterThan(0);
});
