import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { type ArtifactStream, ProviderError } from '../providers/contract.js';
import { ArtifactReader } from './artifact-reader.js';

const whole = randomBytes(1000);
const signal = new AbortController().signal;

interface Connection {
  /** Bytes until the connection breaks; without it the whole rest comes. */
  cutAfter?: number;
  /** The source ignores the offset. */
  fromStart?: boolean;
  content?: Buffer;
  totalBytes?: number | null;
  fail?: Error;
}

function source(connections: Connection[]): { open: (offset: number) => Promise<ArtifactStream>; asked: number[] } {
  const asked: number[] = [];
  const open = async (wanted: number): Promise<ArtifactStream> => {
    const { cutAfter, fromStart, content = whole, totalBytes = content.length, fail } = connections[asked.length] ?? {};
    asked.push(wanted);
    if (fail !== undefined) throw fail;
    const offset = fromStart ? 0 : wanted;
    const rest = content.subarray(offset);
    const body = Readable.from(
      (async function* () {
        for (let at = 0; at < (cutAfter ?? rest.length); at += 100)
          yield rest.subarray(at, Math.min(at + 100, cutAfter ?? rest.length));
        if (cutAfter !== undefined) throw new Error('ECONNRESET');
      })(),
      { objectMode: false },
    );
    return { body, contentType: null, totalBytes, offset };
  };
  return { open, asked };
}

async function read(
  connections: Connection[],
  maxBytes = 5000,
): Promise<{ bytes: Buffer; asked: number[]; reader: ArtifactReader }> {
  const { open, asked } = source(connections);
  const reader = new ArtifactReader({ open, maxBytes, signal });
  const chunks: Buffer[] = [];
  for await (const chunk of reader.read()) chunks.push(chunk);
  return { bytes: Buffer.concat(chunks), asked, reader };
}

it('reads a whole artifact over one connection', async () => {
  const { bytes, asked, reader } = await read([{}]);
  expect(bytes.equals(whole)).toBe(true);
  expect(asked).toEqual([0]);
  expect(reader.digest()).toBe(createHash('sha256').update(whole).digest('hex'));
});

it('goes on by Range after each cut', async () => {
  const { bytes, asked, reader } = await read([{ cutAfter: 300 }, { cutAfter: 250 }, {}]);
  expect(bytes.equals(whole)).toBe(true);
  expect(asked).toEqual([0, 300, 550]);
  expect(reader.digest()).toBe(createHash('sha256').update(whole).digest('hex'));
});

it('takes an end before the announced length for a cut', async () => {
  const { bytes, asked } = await read([{ content: whole.subarray(0, 400), totalBytes: 1000 }, {}]);
  expect(bytes.equals(whole)).toBe(true);
  expect(asked).toEqual([0, 400]);
});

it('skips what it has where the source only knows the beginning', async () => {
  const { bytes } = await read([{ cutAfter: 350 }, { fromStart: true }]);
  expect(bytes.equals(whole)).toBe(true);
});

it('refuses another content under the same address', async () => {
  await expect(read([{ cutAfter: 350 }, { fromStart: true, content: randomBytes(1000) }])).rejects.toMatchObject({
    name: 'ArtifactError',
    kind: 'retry',
  });
  await expect(read([{ cutAfter: 350 }, { totalBytes: 999 }])).rejects.toMatchObject({ kind: 'retry' });
});

it('believes the end where no length is told', async () => {
  expect((await read([{ totalBytes: null }])).bytes.equals(whole)).toBe(true);
});

it('gives up when nothing new comes', async () => {
  await expect(read([{ cutAfter: 100 }, { cutAfter: 0 }, { cutAfter: 0 }, { cutAfter: 0 }])).rejects.toMatchObject({
    kind: 'retry',
  });
});

it('caps the bytes, announced or not', async () => {
  await expect(read([{}], 999)).rejects.toMatchObject({ kind: 'too_large' });
  await expect(read([{ totalBytes: null }], 999)).rejects.toMatchObject({ kind: 'too_large' });
});

it('leaves a refusal to the caller, but bears trouble while resuming', async () => {
  const gone = new ProviderError('not_found', 'unknown', 'gone');
  const busy = new ProviderError('unavailable', 'unknown', 'busy');
  await expect(read([{ fail: gone }])).rejects.toBe(gone);
  await expect(read([{ fail: busy }])).rejects.toBe(busy);
  await expect(read([{ cutAfter: 100 }, { fail: gone }])).rejects.toBe(gone);
  expect((await read([{ cutAfter: 100 }, { fail: busy }, {}])).bytes.equals(whole)).toBe(true);
});

it('stops when told to', async () => {
  const stop = new AbortController();
  const { open } = source([{}]);
  const reader = new ArtifactReader({
    open,
    maxBytes: 5000,
    signal: stop.signal,
    onBytes: () => stop.abort(new Error('stop')),
  });
  const reading = async (): Promise<void> => {
    for await (const chunk of reader.read()) expect(chunk.length).toBeGreaterThan(0);
  };
  await expect(reading()).rejects.toThrow('stop');
});
