import { embed, toBase64 } from './vectors.js';

const cosine = (a: Float32Array, b: Float32Array): number =>
  a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);

const FOX = 'The quick brown fox jumps over the lazy dog.';
const NEAR = 'A quick brown fox jumped over a lazy dog!';
const FAR = 'Quarterly revenue grew by twelve percent in Europe.';

describe('embeddings', () => {
  it.each([
    [1536, 1536],
    [3072, 3072],
    [3072, 256],
    [768, 768],
  ])('of %d numbers, %d kept: length 1, near for near texts, far for unrelated ones', (native, dimensions) => {
    const [fox, near, far] = [FOX, NEAR, FAR].map((text) => embed(text, native, dimensions));
    if (!fox || !near || !far) throw new Error('three were asked for');
    expect(fox).toHaveLength(dimensions);
    expect(cosine(fox, fox)).toBeCloseTo(1, 5);
    expect(cosine(fox, near)).toBeGreaterThan(0.5);
    expect(Math.abs(cosine(fox, far))).toBeLessThan(0.25);
  });

  it('finds the passage that a question is about', () => {
    const passages = [
      'Refunds are paid within five working days to the card you paid with.',
      'Our offices are open from nine to five on weekdays.',
      'The API answers in JSON and is limited to a hundred requests a minute.',
    ];
    const ranked = (question: string) => {
      const asked = embed(question, 1536, 1536);
      return passages
        .map((text) => ({ text, score: cosine(asked, embed(text, 1536, 1536)) }))
        .toSorted((a, b) => b.score - a.score)[0]?.text;
    };
    expect(ranked('When are refunds paid?')).toBe(passages[0]);
    expect(ranked('When are the offices open?')).toBe(passages[1]);
    expect(ranked('How many API requests a minute are allowed?')).toBe(passages[2]);
  });

  it('does not change from call to call, and keeps the beginning when it is shortened', () => {
    expect(embed(FOX, 1536, 1536)).toEqual(embed(FOX, 1536, 1536));
    const [whole, short] = [embed(FOX, 1536, 1536), embed(FOX, 1536, 512)];
    const ratios = [...short].map((value, index) => (whole[index] ?? 0) / value);
    expect(Math.max(...ratios) - Math.min(...ratios)).toBeLessThan(1e-4);
  });

  it('is dense, of the shortest text too', () => {
    for (const text of ['a', 'hi', FOX]) {
      const vector = embed(text, 1536, 64);
      expect(vector.every((value) => value !== 0)).toBe(true);
      expect(cosine(vector, vector)).toBeCloseTo(1, 5);
    }
  });

  it('has a vector for signs and for other scripts', () => {
    for (const text of ['!?', '🦊', '素早い茶色の狐'])
      expect(cosine(embed(text, 256, 256), embed(text, 256, 256))).toBeCloseTo(1, 5);
  });

  it('is written as little-endian float32', () => {
    const vector = embed(FOX, 256, 256);
    const bytes = Buffer.from(toBase64(vector), 'base64');
    expect(Array.from({ length: 256 }, (_, index) => bytes.readFloatLE(index * 4))).toEqual([...vector]);
  });
});
