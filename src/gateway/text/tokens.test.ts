import { randomBytes } from 'node:crypto';
import { DIALECTS } from '../dialects/index.js';
import { countTokens, inputTokensAtMost } from './tokens.js';

const heldFor = (content: unknown): number =>
  inputTokensAtMost(
    DIALECTS.messages.parse({ max_tokens: 1, messages: [{ role: 'user', content: content as string }] }),
  );

const prose = 'The quick brown fox jumps over the lazy dog, and nobody minds. '.repeat(200);

describe('what is held for is no less than', () => {
  test.each([
    ['prose', prose],
    ['base64', randomBytes(20_000).toString('base64')],
    ['hexadecimal', randomBytes(20_000).toString('hex')],
    ['Chinese', '今天天气很好，我们去公园散步吧。'.repeat(300)],
  ])('the tokens of %s', async (_name, text) => {
    expect(heldFor(text)).toBeGreaterThanOrEqual(await countTokens(text));
  });

  test('a token for each digit', () => {
    expect(heldFor('1234567890'.repeat(500))).toBeGreaterThanOrEqual(5000);
  });

  test('a picture of the finest detail', () => {
    const source = { type: 'base64', media_type: 'image/png', data: 'AAAA' };
    expect(heldFor([{ type: 'image', source }])).toBeGreaterThanOrEqual(10_000);
  });

  test('ten pages of bare text in a PDF', () => {
    const source = { type: 'base64', media_type: 'application/pdf', data: 'A'.repeat(100_000) };
    expect(heldFor([{ type: 'document', source }])).toBeGreaterThanOrEqual(30_000);
  });

  test('a document that nobody has seen', () => {
    const source = { type: 'url', url: 'https://example.com/a.pdf' };
    expect(heldFor([{ type: 'document', source }])).toBeGreaterThanOrEqual(1_000_000);
  });
});

test('text is counted in pieces, to which its length as one word does not matter', async () => {
  const whole = await countTokens(prose);
  expect(await countTokens('a'.repeat(79_000))).toBe(79_000 / 8);
  expect(await countTokens('')).toBe(0);
  expect(whole).toBeGreaterThan(2500);
  expect(whole).toBeLessThan(2900);
});
