import { storableText } from './send.js';

describe('storableText', () => {
  it('keeps a short answer', () => expect(storableText(Buffer.from('príjem ok'))).toBe('príjem ok'));

  it('keeps at most 1 KB and no half character', () => {
    const text = storableText(Buffer.from('a' + 'é'.repeat(2000)));
    expect(Buffer.byteLength(text)).toBe(1023);
    expect(text).not.toContain('\uFFFD');
  });

  it('keeps at most 1 KB of bytes that are no text, and no NUL', () => {
    const text = storableText(Buffer.concat([Buffer.alloc(10), Buffer.alloc(3000, 0xff)]));
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(1024);
    expect(text).toMatch(/^\uFFFD+$/);
  });
});
