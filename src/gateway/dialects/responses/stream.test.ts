import * as fc from 'fast-check';
import { KilnError } from '../../../common/errors.js';
import { NO_USAGE, type StreamEvent } from '../conversation.js';
import { responses } from './index.js';
import { dataOf, echoOf, folded, readBack, streams, SUFFIX, written } from './test-wire.js';
import recorded from './fixtures/streams.json' with { type: 'json' };

const names = (text: string) => dataOf(text).map((event) => event.type);

const REASONED: StreamEvent[] = [
  { type: 'start', id: 'x', model: 'y' },
  { type: 'reasoning', text: 'Let me ' },
  { type: 'reasoning', text: 'see.' },
  { type: 'reasoning_signature', signature: 'sig' },
  { type: 'text', text: 'I ' },
  { type: 'text', text: 'look.' },
  { type: 'tool_call', index: 0, id: 'call_a', name: 'lookup' },
  { type: 'tool_arguments', index: 0, fragment: '{"q":' },
  { type: 'tool_arguments', index: 0, fragment: '1}' },
  { type: 'finish', reason: 'tool_calls', stopSequence: null },
  { type: 'usage', usage: { inputTokens: 9, cacheReadTokens: 4, outputTokens: 7, reasoningTokens: 3 } },
  { type: 'end' },
];

describe('writer', () => {
  it('says every event in order, numbered from 0', () => {
    const text = written(REASONED);
    expect(names(text)).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.reasoning_summary_part.added',
      'response.reasoning_summary_text.delta',
      'response.reasoning_summary_text.delta',
      'response.reasoning_summary_text.done',
      'response.reasoning_summary_part.done',
      'response.output_item.done',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.output_item.added',
      'response.function_call_arguments.delta',
      'response.function_call_arguments.delta',
      'response.function_call_arguments.done',
      'response.output_item.done',
      'response.completed',
    ]);
    expect(dataOf(text).map((event) => event.sequence_number)).toEqual(names(text).map((_, index) => index));
  });

  it('ends with the whole response', () => {
    expect(dataOf(written(REASONED, { store: false })).at(-1)!.response).toMatchObject({
      id: `resp_${SUFFIX}`,
      model: 'gpt-5-mini',
      status: 'completed',
      output: [
        {
          id: `rs_${SUFFIX}_0`,
          type: 'reasoning',
          summary: [{ type: 'summary_text', text: 'Let me see.' }],
          encrypted_content: 'kiln.anthropic.signature:sig',
        },
        {
          id: `msg_${SUFFIX}_1`,
          role: 'assistant',
          status: 'completed',
          content: [{ type: 'output_text', text: 'I look.' }],
        },
        { id: `fc_${SUFFIX}_2`, call_id: 'call_a', name: 'lookup', arguments: '{"q":1}', status: 'completed' },
      ],
      usage: {
        input_tokens: 9,
        input_tokens_details: { cached_tokens: 4 },
        output_tokens: 7,
        output_tokens_details: { reasoning_tokens: 3 },
        total_tokens: 16,
      },
    });
  });

  it.each([
    { reason: 'length' as const, details: { reason: 'max_output_tokens' }, status: 'incomplete' },
    { reason: 'refusal' as const, details: { reason: 'content_filter' }, status: 'completed' },
  ])('ends in response.incomplete after $reason', ({ reason, details, status }) => {
    const text = written([
      { type: 'text', text: 'cut' },
      { type: 'finish', reason, stopSequence: null },
      { type: 'end' },
    ]);
    const last = dataOf(text).at(-1)!;
    expect(last).toMatchObject({
      type: 'response.incomplete',
      response: { status: 'incomplete', incomplete_details: details, output: [{ status }] },
    });
  });

  it('keeps pieces of a summary in one item, up to its seal', () => {
    const text = written([
      { type: 'reasoning', text: 'One' },
      { type: 'part_end' },
      { type: 'reasoning', text: 'Two' },
      { type: 'reasoning_sealed', by: 'openai', data: 'gAAAAA' },
      { type: 'part_end' },
      { type: 'reasoning', text: 'Three' },
      { type: 'reasoning_sealed', by: 'anthropic', data: 'b3BhcXVl' },
      { type: 'end' },
    ]);
    const piece = (said: string) => ({ type: 'summary_text', text: said });
    expect(dataOf(text).at(-1)).toMatchObject({
      response: {
        output: [
          { summary: [piece('One'), piece('Two')], encrypted_content: 'gAAAAA' },
          { summary: [piece('Three')] },
          { summary: [], encrypted_content: 'kiln.anthropic.redacted:b3BhcXVl' },
        ],
      },
    });
  });

  it('keeps fragments of parallel calls apart', () => {
    const text = written([
      { type: 'tool_call', index: 0, id: 'a', name: 'f' },
      { type: 'tool_call', index: 1, id: 'b', name: 'g' },
      { type: 'tool_arguments', index: 1, fragment: '{"b"' },
      { type: 'tool_arguments', index: 0, fragment: '{}' },
      { type: 'tool_arguments', index: 1, fragment: ':2}' },
      { type: 'finish', reason: 'tool_calls', stopSequence: null },
      { type: 'end' },
    ]);
    const deltas = dataOf(text).filter(({ type }) => type === 'response.function_call_arguments.delta');
    expect(deltas.map(({ output_index: at, delta }) => [at, delta])).toEqual([
      [1, '{"b"'],
      [0, '{}'],
      [1, ':2}'],
    ]);
    expect(dataOf(text).at(-1)).toMatchObject({
      response: { output: [{ arguments: '{}' }, { arguments: '{"b":2}' }] },
    });
  });

  it('ids are unique and at most 64 characters long, whatever the suffix', () => {
    const writer = responses.writer({ ...echoOf({}), suffix: 'x'.repeat(100) });
    for (const event of REASONED) writer.write(event);
    const ids = writer.items().map(({ id }) => id);
    expect(new Set(ids).size).toBe(3);
    expect(Math.max(...ids.map((id) => id.length))).toBeLessThanOrEqual(64);
  });

  it('remembers finished items, unless the client keeps them itself', () => {
    const kept = (store?: boolean) => {
      const writer = responses.writer(echoOf(store === undefined ? {} : { store }));
      for (const event of REASONED.slice(0, 7)) writer.write(event);
      return writer.items().map(({ id, item }) => [id, item.type]);
    };
    expect(kept()).toEqual([
      [`rs_${SUFFIX}_0`, 'reasoning'],
      [`msg_${SUFFIX}_1`, 'message'],
    ]);
    expect(kept(false)).toEqual([]);
  });

  const failure = new KilnError(503, 'unavailable', 'The upstream hung up.', { code: undefined });
  const facts = { requestId: 'req_1', usage: { ...NO_USAGE, inputTokens: 5, outputTokens: 2 }, chargedMicroUsd: 42 };

  it('fails with what was billed, and finishes no call that was cut', () => {
    const writer = responses.writer(echoOf({}));
    writer.write({ type: 'tool_call', index: 0, id: 'call_a', name: 'pay' });
    expect(dataOf(writer.fail(failure, facts))).toEqual([
      expect.objectContaining({
        type: 'error',
        sequence_number: 3,
        code: '503',
        message: 'The upstream hung up.',
        param: null,
        error: expect.objectContaining({
          code: '503',
          request_id: 'req_1',
          charged_micro_usd: 42,
          usage: expect.objectContaining({ total_tokens: 7 }),
        }),
      }),
      expect.objectContaining({
        type: 'response.failed',
        response: expect.objectContaining({
          status: 'failed',
          error: { code: '503', message: 'The upstream hung up.' },
          output: [],
        }),
      }),
    ]);
  });

  it('fails with the error alone where no response was begun', () => {
    expect(names(responses.writer(echoOf({})).fail(failure, facts))).toEqual(['error']);
  });
});

describe('reader', () => {
  it('reads back what the writer wrote, for any stream', () => {
    fc.assert(
      fc.property(streams, (events) => {
        const read = folded(readBack(written(events)));
        const sent = folded(events);
        expect(read.parts).toEqual(sent.parts);
        expect(read.rest).toMatchObject(sent.rest);
      }),
    );
  });

  it.each(Object.entries(recorded.streams))('reads %s', (_name, { events, reads }) => {
    const reader = responses.reader();
    const read = events.flatMap((event) => reader.read({ event: '', data: JSON.stringify(event) }));
    expect(read).toEqual(reads);
  });

  it('throws at what is no JSON', () => {
    expect(() => responses.reader().read({ event: 'response.created', data: '{"type":' })).toThrow(SyntaxError);
  });
});
