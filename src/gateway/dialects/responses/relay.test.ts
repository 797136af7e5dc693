import type { JsonObject } from '../../../common/json.js';
import { keepableItems, keepableOf, keepsItems, referencedIds, responses, withItems } from './index.js';
import { dataOf, echoOf, TRAITS } from './test-wire.js';

const { relay } = responses;

const relayed = (body: JsonObject, traits = TRAITS) =>
  relay.request({ model: 'alias', input: 'hi', ...body }, responses.parse({ input: 'hi', ...body }), traits);

describe('relay', () => {
  it('sends the body as it came, kept nowhere', () => {
    const body = {
      input: 'hi',
      moderation: { model: 'x' },
      store: false,
      stream: true,
      tools: [{ type: 'web_search' }],
    };
    expect(relayed(body)).toEqual(body);
  });

  it('asks for seals where the client counts on its items being kept', () => {
    const logprobs = 'message.output_text.logprobs';
    expect(relayed({ include: [logprobs] }).include).toEqual([logprobs, 'reasoning.encrypted_content']);
    expect(relayed({ store: false }).include).toBeUndefined();
    expect(relayed({}, { ...TRAITS, efforts: [] }).include).toBeUndefined();
  });

  it('hands back what OpenAI can read without looking it up', () => {
    const sealed = { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'gAAAAA' };
    const search = { type: 'web_search_call', id: 'ws_1', status: 'completed' };
    const request = relayed({
      input: [
        { role: 'user', content: 'hi' },
        sealed,
        { type: 'reasoning', id: 'rs_2', summary: [] },
        { type: 'reasoning', id: 'rs_3', summary: [], encrypted_content: 'kiln.anthropic.signature:x' },
        search,
        { type: 'message', id: 'msg_1', role: 'assistant', content: 'Hello.', phase: 'final_answer' },
        { type: 'function_call', id: 'fc_1', call_id: 'c', name: 'f', arguments: '{}' },
      ],
    });
    expect(request.input).toEqual([
      { role: 'user', content: 'hi' },
      sealed,
      search,
      { type: 'message', role: 'assistant', content: 'Hello.', phase: 'final_answer' },
      { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' },
    ]);
  });

  it('answers with the alias', () => {
    const body = { id: 'resp_1', model: 'gpt-5-mini-2025-08-07', output: [] };
    expect(relay.answer(body, echoOf({}))).toEqual({ ...body, model: 'gpt-5-mini' });
  });

  it.each([
    ['response.created', true],
    ['response.in_progress', true],
    ['response.completed', true],
    ['response.incomplete', true],
    ['response.failed', true],
    ['response.output_text.delta', false],
  ])('the name of the model in %s', (event, swapped) => {
    const data = { type: event, response: { id: 'resp_1', model: 'upstream', output: [{ model: 'upstream' }] } };
    for (const name of [event, '']) {
      const text = relay.frame({ event: name, data: JSON.stringify(data) }, echoOf({}));
      expect(text.startsWith(name === '' ? 'data: ' : `event: ${name}\ndata: `)).toBe(true);
      expect(dataOf(text)).toEqual([swapped ? { ...data, response: { ...data.response, model: 'gpt-5-mini' } } : data]);
    }
  });

  it('other frames pass byte for byte', () => {
    const data = '{ "type":"response.output_text.delta", "delta":"\\u00e9", "model":"upstream" }';
    expect(relay.frame({ event: 'x', data }, echoOf({}))).toBe(`event: x\ndata: ${data}\n\n`);
    expect(relay.frame({ event: '', data: 'a\nb' }, echoOf({}))).toBe('data: a\ndata: b\n\n');
  });

  it('refuses only what the model lacks', () => {
    const body = {
      input: [{ role: 'user', content: [{ type: 'input_image', image_url: 'https://x/y.png' }] }],
      moderation: {},
      tools: [{ type: 'web_search' }],
    };
    const conversation = responses.parse(body);
    expect(relay.unsupported(conversation, TRAITS)).toEqual([]);
    expect(relay.unsupported(conversation, { ...TRAITS, features: new Set(['tools']) })).toEqual([
      expect.stringContaining("'input'"),
    ]);
  });
});

describe('references', () => {
  const input: JsonObject[] = [
    { role: 'user', content: 'hi' },
    { type: 'item_reference', id: 'rs_1' },
    { id: 'msg_1' },
    { type: 'item_reference', id: 'rs_1' },
    { type: 'message', id: 'msg_2', role: 'assistant', content: 'Hello.' },
  ];
  const body = { input };
  const message = { type: 'message', id: 'msg_1', role: 'assistant', content: [] };
  const reasoning = { type: 'reasoning', id: 'rs_1', summary: [] };

  it('are found, each once', () => {
    expect(referencedIds(body)).toEqual(['rs_1', 'msg_1']);
    expect(referencedIds({ input: 'hi' })).toEqual([]);
  });

  it('give way to their items', () => {
    const items = new Map<string, JsonObject>([
      ['rs_1', reasoning],
      ['msg_1', message],
    ]);
    expect(withItems(body, items).input).toEqual([input[0], reasoning, message, reasoning, input[4]]);
  });

  it('to what is not kept are 400 with their place', () => {
    expect(() => withItems(body, new Map([['rs_1', reasoning]]))).toThrow(
      expect.objectContaining({ status: 400, param: 'input[2].id', message: expect.stringContaining("'msg_1'") }),
    );
  });

  it('can be made to every item of an answer that has an id', () => {
    expect(keepableItems({ output: [reasoning, message, { type: 'message' }, 'x'] })).toEqual([
      { id: 'rs_1', item: reasoning },
      { id: 'msg_1', item: message },
    ]);
    expect(keepableItems({})).toEqual([]);
  });

  it('can be made to items of a stream that was passed through', () => {
    const event = 'response.output_item.done';
    const data = JSON.stringify({ type: event, output_index: 0, item: message });
    expect(keepableOf({ event, data })).toEqual([{ id: 'msg_1', item: message }]);
    expect(keepableOf({ event: '', data })).toEqual([{ id: 'msg_1', item: message }]);
    const delta = 'response.output_text.delta';
    expect(keepableOf({ event: delta, data: JSON.stringify({ type: delta, delta: event }) })).toEqual([]);
  });

  it('are wanted unless store is false', () => {
    const stores: JsonObject[] = [{}, { store: null }, { store: true }, { store: false }];
    expect(stores.map(keepsItems)).toEqual([true, true, true, false]);
  });
});
