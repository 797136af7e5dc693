import { createOpenAI } from '@ai-sdk/openai';
import { generateText, jsonSchema, type ModelMessage, stepCountIs, streamText, tool } from 'ai';
import * as fc from 'fast-check';
import { AIMessage, HumanMessage, ToolMessage } from '@langchain/core/messages';
import { ChatOpenAI } from '@langchain/openai';
import OpenAI from 'openai';
import { KilnError } from '../../../common/errors.js';
import type { JsonObject } from '../../../common/json.js';
import { type Answer, type AssistantPart, type Conversation, NO_USAGE, type StreamEvent } from '../conversation.js';
import { keepableItems, keepsItems, referencedIds, responses, withItems } from './index.js';
import { echoOf, folded, streams, SUFFIX, written } from './test-wire.js';

const sse = (text: string) => new Response(text, { headers: { 'content-type': 'text/event-stream' } });

const bodyOf = (init: RequestInit | undefined) =>
  JSON.parse(typeof init?.body === 'string' ? init.body : '') as JsonObject;

const openai = (answer: (body: JsonObject) => Response) =>
  new OpenAI({
    apiKey: 'k',
    maxRetries: 0,
    fetch: (_url, init) => Promise.resolve(answer(bodyOf(init))),
  });

describe("OpenAI's client", () => {
  it('accumulates any stream to the response that ends it', async () => {
    await fc.assert(
      fc.asyncProperty(streams, async (events) => {
        const client = openai((body) => sse(written(events, body)));
        const final = await client.responses.stream({ model: 'gpt-5-mini', input: 'hi' }).finalResponse();
        const { parts } = folded(events);
        expect(final.output_text).toBe(parts.map(({ type, text }) => (type === 'text' ? text : '')).join(''));
        expect(final.output.filter(({ type }) => type === 'function_call')).toMatchObject(
          parts.flatMap(({ call }) => (call ? [{ call_id: call.id, name: call.name }] : [])),
        );
      }),
      { numRuns: 50 },
    );
  });

  it('builds the same items from events alone as the last event holds', async () => {
    await fc.assert(
      fc.asyncProperty(streams, async (events) => {
        const whole = await openai((body) => sse(written(events, body)))
          .responses.stream({ model: 'gpt-5-mini', input: 'hi' })
          .finalResponse();
        const cut = await openai((body) => sse(written(events.slice(0, -1), body)))
          .responses.stream({ model: 'gpt-5-mini', input: 'hi' })
          .finalResponse();
        expect(cut.output).toEqual(whole.output);
      }),
      { numRuns: 50 },
    );
  });

  it('throws where a stream fails, with the code', async () => {
    const client = openai((body) => {
      const writer = responses.writer(echoOf(body));
      const failure = new KilnError(503, 'unavailable', 'The upstream hung up.');
      const facts = { requestId: 'req_1', usage: NO_USAGE, chargedMicroUsd: 0 };
      return sse(writer.write({ type: 'text', text: 'half' }) + writer.fail(failure, facts));
    });
    const stream = await client.responses.create({ model: 'gpt-5-mini', input: 'hi', stream: true });
    const seen: string[] = [];
    const all = (async () => {
      for await (const event of stream) seen.push(event.type);
    })();
    await expect(all).rejects.toMatchObject({ code: '503', error: { request_id: 'req_1', charged_micro_usd: 0 } });
    expect(seen).toContain('response.output_text.delta');
  });
});

/** Kiln in small: keeps items, resolves references, answers with what the test says. */
class Server {
  readonly seen: Conversation[] = [];
  readonly bodies: JsonObject[] = [];
  readonly #kept = new Map<string, JsonObject>();

  constructor(private readonly turns: AssistantPart[][]) {}

  readonly fetch = (_url: unknown, init?: RequestInit): Promise<Response> => {
    const raw = bodyOf(init);
    const body = withItems(raw, new Map(referencedIds(raw).flatMap((id) => this.#found(id))));
    const conversation = responses.parse(body);
    const parts = this.turns[this.seen.length] ?? [];
    this.seen.push(conversation);
    this.bodies.push(raw);
    const echo = { ...echoOf(body, conversation), suffix: `${SUFFIX}${this.seen.length}` };
    if (conversation.stream) {
      const writer = responses.writer(echo);
      const text = eventsOf(parts)
        .map((event) => writer.write(event))
        .join('');
      for (const { id, item } of writer.items()) this.#kept.set(id, item);
      return Promise.resolve(sse(text));
    }
    const response = responses.writeAnswer(answerOf(parts), echo);
    if (keepsItems(body)) for (const { id, item } of keepableItems(response)) this.#kept.set(id, item);
    return Promise.resolve(Response.json(response));
  };

  #found(id: string): [string, JsonObject][] {
    const item = this.#kept.get(id);
    return item ? [[id, item]] : [];
  }
}

const usage = { ...NO_USAGE, inputTokens: 11, outputTokens: 5, reasoningTokens: 2, cacheReadTokens: 3 };

const finishOf = (parts: AssistantPart[]) =>
  parts.some(({ type }) => type === 'tool_call') ? ('tool_calls' as const) : ('stop' as const);

const answerOf = (parts: AssistantPart[]): Answer => ({
  id: 'up',
  model: 'upstream',
  parts,
  finish: finishOf(parts),
  stopSequence: null,
  usage,
  serviceTier: null,
});

const eventsOf = (parts: AssistantPart[]): StreamEvent[] => [
  { type: 'start', id: 'up', model: 'upstream' },
  ...parts.flatMap((part, index): StreamEvent[] => {
    if (part.type === 'tool_call') {
      return [
        { type: 'tool_call', index, id: part.id, name: part.name },
        ...Array.from(part.arguments, (fragment): StreamEvent => ({ type: 'tool_arguments', index, fragment })),
      ];
    }
    const signature: StreamEvent[] =
      part.type === 'reasoning' && part.signature ? [{ type: 'reasoning_signature', signature: part.signature }] : [];
    return [
      ...part.text.split(' ').map((word, at): StreamEvent => ({ type: part.type, text: at === 0 ? word : ` ${word}` })),
      ...signature,
    ];
  }),
  { type: 'finish', reason: finishOf(parts), stopSequence: null },
  { type: 'usage', usage },
  { type: 'end' },
];

const TURNS: AssistantPart[][] = [
  [
    { type: 'reasoning', text: 'I should look it up.', signature: 'sig-1' },
    { type: 'text', text: 'Let me look.' },
    { type: 'tool_call', id: 'toolu_1', name: 'weather', arguments: '{"city":"Oslo"}' },
    { type: 'tool_call', id: 'toolu_2', name: 'weather', arguments: '{"city":"Rome"}' },
  ],
  [
    { type: 'reasoning', text: 'Both known.', signature: 'sig-2' },
    { type: 'text', text: 'Oslo 3, Rome 18.' },
  ],
  [{ type: 'text', text: 'You are welcome.' }],
];

const weather = tool({
  description: 'Weather of a city',
  inputSchema: jsonSchema<{ city: string }>({
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
    additionalProperties: false,
  }),
  execute: ({ city }) => Promise.resolve(city === 'Oslo' ? 3 : 18),
});

interface Run {
  text: string;
  reasoning: string | undefined;
  messages: ModelMessage[];
}

const QUESTION: ModelMessage = { role: 'user', content: 'Oslo and Rome?' };

describe.each([{ store: undefined }, { store: false }])('the AI SDK with store $store', ({ store }) => {
  const settings = (server: Server, messages: ModelMessage[]) => ({
    model: createOpenAI({ apiKey: 'k', fetch: server.fetch })('gpt-5-mini'),
    messages,
    tools: { weather },
    stopWhen: stepCountIs(3),
    maxRetries: 0,
    providerOptions: { openai: { reasoningSummary: 'auto', ...(store === false && { store }) } },
  });

  const ways: [string, (server: Server, messages: ModelMessage[]) => Promise<Run>][] = [
    [
      'generateText',
      async (server, messages) => {
        const result = await generateText(settings(server, messages));
        return { text: result.text, reasoning: result.reasoningText, messages: result.responseMessages };
      },
    ],
    [
      'streamText',
      async (server, messages) => {
        const result = streamText(settings(server, messages));
        await result.consumeStream({
          onError: (error) => {
            throw error;
          },
        });
        return {
          text: await result.text,
          reasoning: await result.reasoningText,
          messages: await result.responseMessages,
        };
      },
    ],
  ];

  it.each(ways)('%s: tools, reasoning and a second turn keep everything', async (_name, run) => {
    const server = new Server(TURNS);
    const first = await run(server, [QUESTION]);
    expect(first).toMatchObject({ text: 'Oslo 3, Rome 18.', reasoning: 'Both known.' });

    const thanks: ModelMessage = { role: 'user', content: 'Thanks' };
    const second = await run(server, [QUESTION, ...first.messages, thanks]);
    expect(second.text).toBe('You are welcome.');

    expect(server.seen[2]!.turns).toMatchObject([
      { role: 'user', parts: [{ type: 'text', text: 'Oslo and Rome?' }] },
      { role: 'assistant', parts: TURNS[0] },
      { role: 'tool', callId: 'toolu_1', parts: [{ type: 'text', text: '3' }] },
      { role: 'tool', callId: 'toolu_2', parts: [{ type: 'text', text: '18' }] },
      { role: 'assistant', parts: TURNS[1] },
      { role: 'user', parts: [{ type: 'text', text: 'Thanks' }] },
    ]);
    const references = server.bodies.flatMap(referencedIds);
    expect(references.length > 0).toBe(store !== false);
  });
});

it('the AI SDK sees one error where a stream fails', async () => {
  const model = createOpenAI({
    apiKey: 'k',
    fetch: (_url, init) => {
      const writer = responses.writer(echoOf(bodyOf(init)));
      const failure = new KilnError(503, 'unavailable', 'The upstream hung up.');
      const half =
        writer.write({ type: 'text', text: 'half' }) +
        writer.write({ type: 'tool_call', index: 0, id: 'c', name: 'weather' });
      return Promise.resolve(sse(half + writer.fail(failure, { requestId: 'req_1', usage, chargedMicroUsd: 3 })));
    },
  })('gpt-5-mini');
  const errors: unknown[] = [];
  const result = streamText({
    model,
    prompt: 'hi',
    tools: { weather },
    maxRetries: 0,
    onError: ({ error }) => void errors.push(error),
  });
  const types: string[] = [];
  for await (const part of result.stream) types.push(part.type);
  expect(errors).toEqual([expect.objectContaining({ message: expect.stringContaining('The upstream hung up.') })]);
  expect(types).toContain('text-delta');
  expect(types).not.toContain('tool-call');
});

describe.each([{ streaming: false }, { streaming: true }])('LangChain with streaming $streaming', ({ streaming }) => {
  it.each([{ zdrEnabled: false }, { zdrEnabled: true }])(
    'takes a second turn, zdrEnabled $zdrEnabled',
    async (settings) => {
      const server = new Server(TURNS);
      const model = new ChatOpenAI({
        model: 'gpt-5-mini',
        apiKey: 'k',
        useResponsesApi: true,
        streaming,
        maxRetries: 0,
        reasoning: { effort: 'low', summary: 'auto' },
        configuration: { fetch: server.fetch },
        ...settings,
      }).bindTools([
        { type: 'function', function: { name: 'weather', parameters: { type: 'object', properties: {} } } },
      ]);
      const question = new HumanMessage('Oslo and Rome?');
      const first = await model.invoke([question]);
      expect(first.text).toBe('Let me look.');
      expect(first.tool_calls).toMatchObject([
        { id: 'toolu_1', args: { city: 'Oslo' } },
        { id: 'toolu_2', args: { city: 'Rome' } },
      ]);
      expect(first.usage_metadata).toMatchObject({ input_tokens: 11, output_tokens: 5 });

      const results = first.tool_calls?.map(
        ({ id }) => new ToolMessage({ tool_call_id: id ?? '', content: id === 'toolu_1' ? '3' : '18' }),
      );
      const second = await model.invoke([question, first, ...(results ?? [])]);
      expect(second).toBeInstanceOf(AIMessage);
      expect(second.text).toBe('Oslo 3, Rome 18.');
      expect(server.seen[1]!.turns).toMatchObject([
        { role: 'user' },
        { role: 'assistant', parts: TURNS[0] },
        { role: 'tool', callId: 'toolu_1', parts: [{ text: '3' }] },
        { role: 'tool', callId: 'toolu_2', parts: [{ text: '18' }] },
      ]);
    },
  );
});
