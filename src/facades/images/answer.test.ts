import * as fc from 'fast-check';
import { answerPieces, base64, completedEvent, type Picture } from './answer.js';

async function* chunks(parts: readonly Uint8Array[]): AsyncGenerator<Buffer> {
  for (const part of parts) yield Buffer.from(part);
}
async function text(pieces: AsyncIterable<string>): Promise<string> {
  let all = '';
  for await (const piece of pieces) all += piece;
  return all;
}

const PRICE = { unit: 'image', quantity: 1, amountMicroUsd: 1, unitPriceMicroUsd: 1, multiplier: 1 };
const job = (more: object = {}, price: object = {}) =>
  ({
    createdAt: new Date('2026-11-26T12:00:00.900Z'),
    input: more,
    price: { ...PRICE, source: '', date: '', model: '', ...price },
  }) as Parameters<typeof answerPieces>[0];
const picture = (bytes: string): Picture => ({
  row: { contentType: 'image/png', width: 4, height: 3 },
  content: { bytes: async () => chunks([Buffer.from(bytes)]) },
});

test('base64 is the same however the bytes come', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 20 })), async (parts) => {
      expect(await text(base64(chunks(parts)))).toBe(Buffer.concat(parts).toString('base64'));
    }),
  );
});

test("an answer is OpenAI's ImagesResponse", async () => {
  const pieces = answerPieces(job({ quality: 'low', background: 'opaque' }), [picture('one'), picture('two')]);
  expect(JSON.parse(await text(pieces))).toEqual({
    created: 1795694400,
    data: [{ b64_json: 'b25l' }, { b64_json: 'dHdv' }],
    background: 'opaque',
    output_format: 'png',
    quality: 'low',
    size: '4x3',
  });
});

test('links, and the tokens that are charged', async () => {
  const row = { contentType: 'image/jpeg', width: null, height: null };
  const pieces = answerPieces(job({}, { unit: 'token', quantity: 1120 }), [{ row, content: { url: 'http://x/"1"' } }]);
  expect(JSON.parse(await text(pieces))).toEqual({
    created: 1795694400,
    data: [{ url: 'http://x/"1"' }],
    output_format: 'jpeg',
    usage: {
      input_tokens: 0,
      input_tokens_details: { image_tokens: 0, text_tokens: 0 },
      output_tokens: 1120,
      total_tokens: 1120,
    },
  });
});

test.each([
  ['generation', 'image_generation.completed'],
  ['edit', 'image_edit.completed'],
] as const)('the last event of a stream: %s', async (call, type) => {
  const event = await text(completedEvent(call, job({ quality: 'high' }), picture('one')));
  const [, name, data] = /^event: (.*)\ndata: (.*)\n\n$/.exec(event) ?? [];
  expect(name).toBe(type);
  expect(JSON.parse(data ?? '')).toEqual({
    type,
    created_at: 1795694400,
    background: 'auto',
    output_format: 'png',
    quality: 'high',
    size: '4x3',
    b64_json: 'b25l',
    usage: {
      input_tokens: 0,
      input_tokens_details: { image_tokens: 0, text_tokens: 0 },
      output_tokens: 0,
      total_tokens: 0,
    },
  });
});
