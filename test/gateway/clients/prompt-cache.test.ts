import { CLAUDES, type ClientsKiln, startClients } from './clients.js';

let kiln: ClientsKiln;
beforeAll(async () => {
  kiln = await startClients();
});
afterAll(() => kiln.end());

/** Long enough to be cached by any model; not the same for two tests. */
const bookOf = (title: string): string => `${title}. ${'It was a dark and stormy night. '.repeat(800)}`;

describe.each(CLAUDES)('the prompt cache of %s', (model) => {
  test('is written, then read, as Anthropic’s client sees it', async () => {
    const ask = {
      model,
      max_tokens: 50,
      system: [
        {
          type: 'text' as const,
          text: bookOf(`For Anthropic, ${model}`),
          cache_control: { type: 'ephemeral' as const },
        },
      ],
      messages: [{ role: 'user' as const, content: 'What kind of night?' }],
    };
    const { usage: written } = await kiln.anthropic.messages.create(ask);
    expect(written.cache_creation_input_tokens).toBeGreaterThan(1000);
    expect(written.cache_read_input_tokens).toBe(0);
    const { usage: read } = await kiln.anthropic.messages.create(ask);
    expect(read.cache_read_input_tokens).toBe(written.cache_creation_input_tokens);
    expect(read.cache_creation_input_tokens).toBe(0);
    const { usage: streamed } = await kiln.anthropic.messages.stream(ask).finalMessage();
    expect(streamed.cache_read_input_tokens).toBe(read.cache_read_input_tokens);
    expect(streamed.input_tokens).toBe(read.input_tokens);
  });

  test('is read, as OpenAI’s client sees it after Anthropic’s has written it', async () => {
    const text = bookOf(`For OpenAI, ${model}`);
    const question = 'What kind of night?';
    const { usage: written } = await kiln.anthropic.messages.create({
      model,
      max_tokens: 50,
      system: [{ type: 'text', text, cache_control: { type: 'ephemeral' } }],
      messages: [{ role: 'user', content: question }],
    });
    const part = { type: 'text' as const, text, cache_control: { type: 'ephemeral' } };
    const { usage } = await kiln.openai.chat.completions.create({
      model,
      messages: [
        { role: 'system', content: [part] },
        { role: 'user', content: question },
      ],
    });
    expect(usage?.prompt_tokens_details?.cached_tokens).toBe(written.cache_creation_input_tokens);
    // OpenAI's count holds all of the prompt, Anthropic's only what was not cached.
    expect(usage?.prompt_tokens).toBe(written.input_tokens + (written.cache_creation_input_tokens ?? 0));
  });
});

test('OpenAI’s own cache shows in both clients’ words', async () => {
  const ask = { model: 'gpt-5.4', messages: [{ role: 'user' as const, content: bookOf('By itself') }] };
  await kiln.openai.chat.completions.create(ask);
  const { usage } = await kiln.openai.chat.completions.create(ask);
  const cached = usage?.prompt_tokens_details?.cached_tokens ?? 0;
  expect(cached).toBeGreaterThanOrEqual(1024);
  const { usage: seen } = await kiln.anthropic.messages.create({ ...ask, max_tokens: 500 });
  expect(seen.cache_read_input_tokens).toBe(cached);
  expect(seen.input_tokens + cached).toBe(usage?.prompt_tokens);
});
