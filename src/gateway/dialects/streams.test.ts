import Anthropic from '@anthropic-ai/sdk';
import * as fc from 'fast-check';
import OpenAI from 'openai';
import { KilnError } from '../../common/errors.js';
import { chat } from './chat/index.js';
import type { AssistantPart, StreamEvent } from './conversation.js';
import { messages } from './messages/index.js';
import { parseArguments } from './tool-arguments.js';
import { collect, echoOf, framesOf, readAll, streams, type Collected } from './test-dialects.js';

const textOf = (parts: AssistantPart[], type: 'text' | 'reasoning' | 'refusal'): string =>
  parts.flatMap((part) => (part.type === type && 'text' in part ? [part.text] : [])).join('');

/** Chat has one text, one reasoning and no order between them. */
const asChat = ({ parts, ...rest }: Collected) => ({
  ...rest,
  text: textOf(parts, 'text'),
  reasoning: textOf(parts, 'reasoning'),
  refusal: textOf(parts, 'refusal'),
  calls: parts.filter((part) => part.type === 'tool_call'),
});
/** Other providers' sealed reasoning can't be shown. */
const asMessage = ({ parts, ...rest }: Collected) => ({
  ...rest,
  parts: parts.filter((part) => part.type !== 'reasoning' || part.sealed?.by !== 'openai'),
});

/** Sealed reasoning that is left out must not part what was parted by it. */
const withoutForeignSeals = (events: StreamEvent[]): StreamEvent[] =>
  events.filter((event) => event.type !== 'reasoning_sealed' || event.by === 'anthropic');

const cuts = fc.array(fc.nat(5000), { maxLength: 20 });

it('brings any stream through chat', () => {
  fc.assert(
    fc.property(streams, cuts, (events, at) => {
      const writer = chat.writer(echoOf({ includeUsage: true }));
      const text = events.map((event) => writer.write(event)).join('');
      const back = readAll(chat.reader(), framesOf(text, at));
      expect(asChat(collect(back))).toEqual(asChat(collect(events)));
    }),
  );
});

it('brings any stream through messages', () => {
  fc.assert(
    fc.property(streams, cuts, (all, at) => {
      const events = withoutForeignSeals(all);
      const writer = messages.writer(echoOf());
      const text = events.map((event) => writer.write(event)).join('');
      const back = readAll(messages.reader(), framesOf(text, at));
      expect(asMessage(collect(back))).toEqual(asMessage(collect(events)));
    }),
  );
});

it('opens one block at a time and ends it with its signature', () => {
  fc.assert(
    fc.property(streams, (events) => {
      const writer = messages.writer(echoOf());
      const frames = framesOf(events.map((event) => writer.write(event)).join(''));
      let open: unknown = null;
      let next = 0;
      let signed = false;
      for (const { event, data } of frames) {
        const body = JSON.parse(data) as { type: string; index?: number; delta?: { type?: string } };
        expect(body.type).toBe(event);
        if (signed) expect(event).toBe('content_block_stop');
        signed = body.delta?.type === 'signature_delta';
        if (event === 'content_block_start') {
          expect([open, body.index]).toEqual([null, next]);
          open = body.index;
          next += 1;
        } else if (event === 'content_block_delta') expect(body.index).toBe(open);
        else if (event === 'content_block_stop') open = null;
      }
      expect(open).toBeNull();
    }),
    { numRuns: 500 },
  );
});

const served =
  (text: string): typeof fetch =>
  () =>
    Promise.resolve(new Response(text, { headers: { 'content-type': 'text/event-stream' } }));

it("writes chat streams that OpenAI's client puts together", async () => {
  await fc.assert(
    fc.asyncProperty(streams, async (events) => {
      const writer = chat.writer(echoOf({ includeUsage: true }));
      const text = events.map((event) => writer.write(event)).join('');
      const client = new OpenAI({ apiKey: 'sk-test', fetch: served(text) });
      const completion = await client.chat.completions
        .stream({ model: 'claude-sonnet', messages: [], stream_options: { include_usage: true } })
        .finalChatCompletion();
      const wanted = asChat(collect(events));
      const [choice] = completion.choices;
      expect(completion.id).toBe('chatcmpl-01kaz5nq6ne8ztxvt7vr5h0d9f');
      expect(choice?.message.content ?? '').toBe(wanted.text);
      expect(choice?.message.refusal ?? '').toBe(wanted.refusal);
      expect(choice?.message.tool_calls ?? []).toMatchObject(
        wanted.calls.map((call) => ({ id: call.id, function: { name: call.name, arguments: call.arguments } })),
      );
      expect(completion.usage).toMatchObject({
        prompt_tokens: wanted.usage?.inputTokens,
        completion_tokens: wanted.usage?.outputTokens,
        prompt_tokens_details: { cached_tokens: wanted.usage?.cacheReadTokens },
      });
    }),
    { numRuns: 60 },
  );
});

it("writes messages streams that Anthropic's client puts together", async () => {
  await fc.assert(
    fc.asyncProperty(streams, async (all) => {
      const events = withoutForeignSeals(all);
      const writer = messages.writer(echoOf());
      const text = events.map((event) => writer.write(event)).join('');
      const client = new Anthropic({ apiKey: 'sk-test', fetch: served(text) });
      const message = await client.messages
        .stream({ model: 'claude-sonnet', max_tokens: 10, messages: [{ role: 'user', content: 'Hi' }] })
        .finalMessage();
      const wanted = collect(events);
      expect(message.id).toBe('msg_01kaz5nq6ne8ztxvt7vr5h0d9f');
      expect(message.content).toMatchObject(
        wanted.parts.flatMap((part): object[] => {
          if (part.type === 'text') return [{ type: 'text', text: part.text }];
          if (part.type === 'tool_call')
            return [{ type: 'tool_use', id: part.id, name: part.name, input: parseArguments(part.arguments) }];
          if (part.type === 'refusal') return [];
          return part.sealed === undefined
            ? [{ type: 'thinking', thinking: part.text, signature: part.signature ?? '' }]
            : [{ type: 'redacted_thinking', data: part.sealed.data }];
        }),
      );
      const { inputTokens, cacheReadTokens, cacheWriteTokens, outputTokens } = wanted.usage!;
      expect(message.usage).toMatchObject({
        input_tokens: inputTokens - cacheReadTokens - cacheWriteTokens,
        cache_read_input_tokens: cacheReadTokens,
        output_tokens: outputTokens,
      });
    }),
    { numRuns: 60 },
  );
});

const broken = new KilnError(503, 'route_unavailable', 'Every route failed.');
const facts = { requestId: 'req_1', usage: null, chargedMicroUsd: 12 };

it("fails a chat stream so that OpenAI's client throws", async () => {
  const writer = chat.writer(echoOf());
  const text = writer.write({ type: 'text', text: 'Hal' }) + writer.fail(broken, facts);
  expect(text).not.toContain('[DONE]');
  const client = new OpenAI({ apiKey: 'sk-test', fetch: served(text), maxRetries: 0 });
  const stream = client.chat.completions.stream({ model: 'm', messages: [] });
  await expect(stream.finalChatCompletion()).rejects.toMatchObject({
    error: { message: 'Every route failed.', type: 'route_unavailable', request_id: 'req_1', charged_micro_usd: 12 },
  });
});

it("fails a messages stream so that Anthropic's client throws", async () => {
  const writer = messages.writer(echoOf());
  const text = writer.write({ type: 'text', text: 'Hal' }) + writer.fail(broken, facts);
  const client = new Anthropic({ apiKey: 'sk-test', fetch: served(text), maxRetries: 0 });
  const stream = client.messages.stream({ model: 'm', max_tokens: 1, messages: [] });
  await expect(stream.finalMessage()).rejects.toMatchObject({
    error: { type: 'error', error: { type: 'overloaded_error' }, request_id: 'req_1', charged_micro_usd: 12 },
  });
});
