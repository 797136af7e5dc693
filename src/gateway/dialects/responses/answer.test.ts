import * as fc from 'fast-check';
import type { JsonObject } from '../../../common/json.js';
import { type Answer, type AssistantPart, NO_USAGE } from '../conversation.js';
import { responses } from './index.js';
import { echoOf, SUFFIX } from './test-wire.js';

const text = fc.string({ minLength: 1 });
const part: fc.Arbitrary<AssistantPart> = fc.oneof(
  fc.record({ type: fc.constant('text' as const), text }),
  fc.record({ type: fc.constant('refusal' as const), text }),
  fc.record({ type: fc.constant('reasoning' as const), text, signature: text }),
  fc.record({
    type: fc.constant('reasoning' as const),
    text,
    sealed: fc.record({ by: fc.constant('openai' as const), data: fc.base64String({ minLength: 4 }) }),
  }),
  fc.record({
    type: fc.constant('reasoning' as const),
    text: fc.constant(''),
    sealed: fc.record({
      by: fc.constantFrom('openai' as const, 'anthropic' as const),
      data: fc.base64String({ minLength: 4 }),
    }),
  }),
  fc.record({ type: fc.constant('reasoning' as const), text }),
  fc.record({ type: fc.constant('tool_call' as const), id: text, name: text, arguments: text }),
);

const answers: fc.Arbitrary<Answer> = fc
  .record({
    parts: fc.array(part, { maxLength: 6 }),
    cut: fc.constantFrom('stop' as const, 'length' as const, 'refusal' as const),
    usage: fc.option(
      fc.record({
        inputTokens: fc.nat(),
        cacheReadTokens: fc.nat(),
        cacheWriteTokens: fc.nat(),
        outputTokens: fc.nat(),
        reasoningTokens: fc.nat(),
      }),
    ),
    serviceTier: fc.constantFrom('default', 'flex', null),
  })
  .map(({ parts, cut, usage, serviceTier }) => ({
    id: 'up_1',
    model: 'upstream',
    parts,
    finish: cut === 'stop' && parts.some(({ type }) => type === 'tool_call') ? 'tool_calls' : cut,
    stopSequence: null,
    usage: usage && { ...NO_USAGE, ...usage },
    serviceTier,
  }));

const withoutIds = (parts: AssistantPart[]) =>
  parts.map((part) => (part.type === 'reasoning' ? { ...part, id: undefined } : part));

const PLAIN: Answer = {
  id: null,
  model: null,
  parts: [{ type: 'text', text: 'Hello.' }],
  finish: 'stop',
  stopSequence: null,
  usage: null,
  serviceTier: 'standard',
};

describe('a whole answer', () => {
  it('is read back as it was written', () => {
    fc.assert(
      fc.property(answers, (answer) => {
        const read = responses.readAnswer(responses.writeAnswer(answer, echoOf({})));
        expect({ ...read, parts: withoutIds(read.parts) }).toEqual({
          ...answer,
          id: `resp_${SUFFIX}`,
          model: 'gpt-5-mini',
          parts: withoutIds(answer.parts),
        });
      }),
    );
  });

  it('repeats what was asked for', () => {
    const body: JsonObject = {
      input: 'hi',
      instructions: 'Be brief.',
      temperature: 0.5,
      text: { format: null, verbosity: 'low' },
      reasoning: { effort: 'low' },
      tools: [{ type: 'function', name: 'f', parameters: {} }, { type: 'web_search' }],
      metadata: { a: 'b' },
      user: 'u',
    };
    expect(responses.writeAnswer(PLAIN, echoOf(body))).toEqual({
      id: `resp_${SUFFIX}`,
      object: 'response',
      created_at: 1_790_000_000,
      status: 'completed',
      background: false,
      error: null,
      incomplete_details: null,
      instructions: 'Be brief.',
      max_output_tokens: null,
      max_tool_calls: null,
      model: 'gpt-5-mini',
      output: [
        {
          id: `msg_${SUFFIX}_0`,
          type: 'message',
          status: 'completed',
          role: 'assistant',
          content: [{ type: 'output_text', text: 'Hello.', annotations: [], logprobs: [] }],
        },
      ],
      parallel_tool_calls: true,
      previous_response_id: null,
      prompt_cache_key: null,
      reasoning: { effort: 'low', summary: null },
      safety_identifier: null,
      service_tier: null,
      store: false,
      temperature: 0.5,
      text: { format: { type: 'text' }, verbosity: 'low' },
      tool_choice: 'auto',
      tools: [{ type: 'function', name: 'f', parameters: {}, strict: false }, { type: 'web_search' }],
      top_logprobs: 0,
      top_p: null,
      truncation: 'disabled',
      usage: null,
      user: 'u',
      metadata: { a: 'b' },
      access_programs: null,
    });
  });

  it('reads what OpenRouter says that it asked for', () => {
    const usage = { input_tokens: 3, output_tokens: 2, total_tokens: 5, cost: 0.000123 };
    expect(responses.readAnswer({ id: 'gen-1', output: [], usage }).usage).toEqual({
      ...NO_USAGE,
      inputTokens: 3,
      outputTokens: 2,
      reportedCostMicroUsd: expect.closeTo(123, 6) as number,
    });
  });

  it.each([
    [null, /no response/],
    ['<html>', /no response/],
    [{ object: 'chat.completion', choices: [] }, /no response/],
    [{ error: { message: 'Out of quota.' } }, /Out of quota/],
    [{ output: [], status: 'failed', error: { code: 'server_error', message: 'Oops.' } }, /Oops/],
  ])('throws at %j', (body, message) => {
    expect(() => responses.readAnswer(body)).toThrow(TypeError);
    expect(() => responses.readAnswer(body)).toThrow(message);
  });
});
