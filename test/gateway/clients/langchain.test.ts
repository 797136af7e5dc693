import { AIMessageChunk, type BaseMessage, HumanMessage, SystemMessage, ToolMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai';
import { z } from 'zod';
import { ALIASES, type ClientsKiln, PNG_BASE64, QUESTION, startClients } from './clients.js';

let kiln: ClientsKiln;
beforeAll(async () => {
  kiln = await startClients();
});
afterAll(() => kiln.end());

const weather = tool(({ city }: { city: string }) => `rain in ${city}`, {
  name: 'weather',
  description: 'Weather of a city',
  schema: z.object({ city: z.string() }),
});

const CASES = [false, true].flatMap((useResponsesApi) => ALIASES.map((alias) => ({ useResponsesApi, alias })));

describe.each(CASES)('ChatOpenAI on $alias, responses $useResponsesApi', ({ alias, useResponsesApi }) => {
  const chat = () =>
    new ChatOpenAI({
      model: alias,
      apiKey: kiln.secret,
      useResponsesApi,
      maxRetries: 0,
      configuration: { baseURL: `${kiln.url}/v1` },
    });

  test('invoke', async () => {
    const answer = await chat().invoke([new SystemMessage('Be brief.'), new HumanMessage('Hello there')]);
    expect(answer.text).toContain('I was told: Be brief.');
    expect(answer.text).toContain('You said: Hello there');
    expect(answer.usage_metadata?.output_tokens).toBeGreaterThan(0);
  });

  test('stream', async () => {
    let whole: AIMessageChunk | undefined;
    let pieces = 0;
    for await (const chunk of await chat().stream('Tell me of the sea')) {
      pieces += 1;
      whole = whole ? whole.concat(chunk) : chunk;
    }
    expect(pieces).toBeGreaterThan(2);
    expect(whole?.text).toContain('You said: Tell me of the sea');
    expect(whole?.usage_metadata?.output_tokens).toBeGreaterThan(0);
  });

  test.each([{ streaming: false }, { streaming: true }])(
    'bindTools over two turns, streaming $streaming',
    async ({ streaming }) => {
      const model = chat().bindTools([weather]);
      const ask = async (messages: BaseMessage[]) => {
        if (!streaming) return model.invoke(messages);
        let whole: AIMessageChunk | undefined;
        for await (const chunk of await model.stream(messages)) whole = whole ? whole.concat(chunk) : chunk;
        return whole ?? new AIMessageChunk('');
      };
      const messages: BaseMessage[] = [new HumanMessage(QUESTION)];
      const first = await ask(messages);
      expect(first.tool_calls?.map(({ args }) => args)).toEqual([{ city: 'Tokyo' }, { city: 'Paris' }]);
      messages.push(first);
      for (const { id = '', args } of first.tool_calls ?? [])
        messages.push(new ToolMessage({ tool_call_id: id, content: await weather.invoke(args as { city: string }) }));
      const second = await ask(messages);
      expect(second.text).toContain('weather says: rain in Tokyo');
      expect(second.text).toContain('weather says: rain in Paris');
      messages.push(second, new HumanMessage('Thanks a lot'));
      expect((await ask(messages)).text).toContain('You said: Thanks a lot');
    },
  );

  test.each(['jsonSchema', 'functionCalling'] as const)('withStructuredOutput by %s', async (method) => {
    const schema = z.object({ name: z.string(), age: z.number() });
    const model = chat().withStructuredOutput(schema, { method, name: 'person' });
    expect(await model.invoke('A letter to Ada, who is 36')).toEqual({ name: 'Ada', age: 36 });
  });

  test('a picture', async () => {
    const content = [
      { type: 'text', text: 'What do you see?' },
      { type: 'image_url', image_url: { url: `data:image/png;base64,${PNG_BASE64}` } },
    ];
    expect((await chat().invoke([new HumanMessage({ content })])).text).toContain('image/png');
  });
});

test('OpenAIEmbeddings', async () => {
  const embeddings = new OpenAIEmbeddings({
    model: 'text-embedding-3-small',
    apiKey: kiln.secret,
    maxRetries: 0,
    configuration: { baseURL: `${kiln.url}/v1` },
  });
  const [one, other] = await embeddings.embedDocuments(['one', 'two']);
  expect([one?.length, other?.length]).toEqual([1536, 1536]);
  expect(await embeddings.embedQuery('one')).toEqual(one);
});
