import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { readAll } from '../../test/support/provider-wire.js';
import { ProviderError } from './contract.js';
import { decodeValue, readToValue, takeValues, withoutValues } from './json-values.js';

const inChunks = (text: string, size: number): Readable =>
  Readable.from(
    Array.from({ length: Math.ceil(text.length / size) }, (_, at) =>
      Buffer.from(text.slice(at * size, (at + 1) * size)),
    ),
    { objectMode: false },
  );

const first = randomBytes(50);
const second = randomBytes(31);
const document = JSON.stringify({
  note: 'a "bytes" : text \\ with bytes',
  bytes: first.toString('base64'),
  list: [{ other: 'bytes', bytes: second.toString('base64') }, 'bytes', { bytesLonger: 'kept' }],
  done: true,
});

describe('values cut out of a JSON document', () => {
  test.each([1, 2, 3, 5, 7, 64, 10_000])(
    'chunks of %i bytes: reading stops where the first value begins',
    async (size) => {
      const body = inChunks(document + 'x'.repeat(100_000), size);
      expect(await readToValue(body, 'bytes')).toEqual({ reached: true });
      expect(body.destroyed).toBe(true);
    },
  );

  test.each([1, 2, 3, 5, 7, 64, 10_000])(
    'chunks of %i bytes: a document without a value is read whole',
    async (size) => {
      expect(await readToValue(inChunks(document, size), 'byte')).toEqual({ reached: false, text: document });
    },
  );

  test.each([1, 2, 3, 5, 7, 64, 10_000])('chunks of %i bytes: each value is decoded', async (size) => {
    expect(await readAll(decodeValue(inChunks(document, size), 'bytes', 0))).toEqual(first);
    expect(await readAll(decodeValue(inChunks(document, size), 'bytes', 1))).toEqual(second);
  });

  test.each([1, 4, 100])('escapes inside a value are undone, also across chunks of %i', async (size) => {
    const escaped = '{"bytes" :\n "\\u002fw\\/8\\u003d"}';
    expect(await readAll(decodeValue(inChunks(escaped, size), 'bytes', 0))).toEqual(Buffer.from('/w/8=', 'base64'));
  });

  test('a value that is not a string is left alone', async () => {
    const nothing = '{"bytes":null,"a":"bytes","b":"x"}';
    expect(await readToValue(inChunks(nothing, 3), 'bytes')).toEqual({ reached: false, text: nothing });
  });

  test('a document that ends inside a value is an error, not a short file', async () => {
    const cut = document.slice(0, 80);
    await expect(readAll(decodeValue(inChunks(cut, 9), 'bytes', 0))).rejects.toThrow('ended in the middle');
    await expect(readToValue(inChunks(cut, 9), 'byte')).rejects.toThrow(ProviderError);
  });

  test('a value that is no longer there is not_found', async () => {
    await expect(readAll(decodeValue(inChunks(document, 9), 'bytes', 2))).rejects.toMatchObject({ kind: 'not_found' });
  });
});

describe('values taken out as they pass', () => {
  test.each([1, 3, 7, 64, 10_000])('chunks of %i bytes: every value is decoded, the rest is read', async (size) => {
    const taken = await takeValues(inChunks(document, size), 'bytes', async (value, index) => ({
      index,
      bytes: await readAll(value),
    }));
    expect(taken.values).toEqual([
      { index: 0, bytes: first },
      { index: 1, bytes: second },
    ]);
    expect(JSON.parse(taken.text)).toMatchObject({
      bytes: '',
      list: [{ other: 'bytes', bytes: '' }, 'bytes', {}],
      done: true,
    });
  });

  test('a document that ends inside a value fails its taker too', async () => {
    const failed: unknown[] = [];
    const taking = takeValues(inChunks('{"bytes":"QUJD', 4), 'bytes', (value) =>
      readAll(value).catch((error: unknown) => {
        failed.push(error);
        throw error;
      }),
    );
    await expect(taking).rejects.toMatchObject({ kind: 'internal', outcome: 'unknown' });
    expect(failed).toHaveLength(1);
  });

  test('a taker that fails is heard, and nobody waits for it', async () => {
    const long = JSON.stringify({ bytes: randomBytes(300_000).toString('base64') });
    const taking = takeValues(inChunks(long, 1000), 'bytes', async (value) => {
      value.destroy();
      throw new Error('no room');
    });
    await expect(taking).rejects.toThrow('no room');
  });
});

describe('values left out of a JSON document', () => {
  test.each([1, 2, 3, 7, 64, 10_000])('chunks of %i bytes: the rest passes as it is', async (size) => {
    const passed = await readAll(withoutValues(inChunks(document, size), 'bytes'));
    expect(passed.toString()).toBe(
      document.replace(first.toString('base64'), '').replace(second.toString('base64'), ''),
    );
  });

  test('a document that ends in a value fails', async () => {
    await expect(readAll(withoutValues(inChunks('{"bytes":"abc', 4), 'bytes'))).rejects.toBeInstanceOf(ProviderError);
  });
});
