import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { createFileStore } from '../../src/storage/file-store.js';
import { freeBytes } from '../../src/storage/free-disk.js';
import type { ObjectStore } from '../../src/storage/object-store.js';
import { createS3Store } from '../../src/storage/s3-store.js';
import { startS3 } from '../support/s3.js';

let dir: string;
let s3: Awaited<ReturnType<typeof startS3>>;
const stores = new Map<'file' | 's3', ObjectStore>();

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'kiln-files-'));
  s3 = await startS3();
  stores.set('file', await createFileStore({ dir }));
  stores.set(
    's3',
    createS3Store({ ...s3, publicEndpoint: 'https://media.example.com', region: 'us-east-1', forcePathStyle: true }),
  );
});

afterAll(async () => {
  for (const store of stores.values()) await store.close();
  await s3.close();
  await rm(dir, { recursive: true, force: true });
});

const bytesOf = async (body: Readable): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
};
const keysOf = async (store: ObjectStore, prefix: string): Promise<string[]> => {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys;
};

describe.each(['file', 's3'] as const)('%s store', (kind) => {
  const store = (): ObjectStore => stores.get(kind)!;

  it('keeps bytes, length and content type', async () => {
    expect(await store().put('a/one.png', Buffer.from('hello'), { contentType: 'image/png' })).toEqual({ bytes: 5 });
    expect(await store().head('a/one.png')).toEqual({ bytes: 5, contentType: 'image/png' });
    const got = await store().get('a/one.png');
    expect({ ...got, body: String(await bytesOf(got.body)) }).toEqual({
      bytes: 5,
      totalBytes: 5,
      contentType: 'image/png',
      body: 'hello',
    });
  });

  it('streams many parts and replaces whole objects', async () => {
    const data = randomBytes(20 * 1024 * 1024 + 7);
    const source = Readable.from(
      (function* () {
        for (let at = 0; at < data.length; at += 65_536) yield data.subarray(at, at + 65_536);
      })(),
    );
    await store().put('big/video.mp4', Buffer.from('old'), { contentType: 'text/plain' });
    expect(await store().put('big/video.mp4', source, { contentType: 'video/mp4' })).toEqual({ bytes: data.length });
    const got = await store().get('big/video.mp4');
    expect(got.contentType).toBe('video/mp4');
    const hash = (buffer: Buffer) => createHash('sha256').update(buffer).digest('hex');
    expect(hash(await bytesOf(got.body))).toBe(hash(data));
  });

  it('gives ranges, inclusive and open, and refuses one outside', async () => {
    await store().put('range', Buffer.from('0123456789'), { contentType: 'text/plain' });
    const middle = await store().get('range', { start: 2, end: 4 });
    expect([String(await bytesOf(middle.body)), middle.bytes, middle.totalBytes]).toEqual(['234', 3, 10]);
    const rest = await store().get('range', { start: 8 });
    expect([String(await bytesOf(rest.body)), rest.bytes, rest.totalBytes]).toEqual(['89', 2, 10]);
    const over = await store().get('range', { start: 8, end: 99 });
    expect(String(await bytesOf(over.body))).toBe('89');
    await expect(store().get('range', { start: 10 })).rejects.toThrow(RangeError);
  });

  it('keeps an empty object', async () => {
    await store().put('empty', Readable.from([]), { contentType: 'text/plain' });
    const got = await store().get('empty');
    expect([got.bytes, (await bytesOf(got.body)).length]).toEqual([0, 0]);
  });

  it('says what is missing', async () => {
    expect(await store().head('no/such')).toBeNull();
    await expect(store().get('no/such')).rejects.toMatchObject({ name: 'ObjectNotFound', key: 'no/such' });
    await expect(store().copy('no/such', 'b', { contentType: 'x/y' })).rejects.toMatchObject({
      name: 'ObjectNotFound',
    });
    await store().delete(['no/such']);
  });

  it('copies with a new content type', async () => {
    await store().put('staging/x', Buffer.from('copied'), { contentType: 'text/plain' });
    await store().copy('staging/x', 'uploads/y', { contentType: 'image/webp' });
    const got = await store().get('uploads/y');
    expect([got.contentType, String(await bytesOf(got.body))]).toEqual(['image/webp', 'copied']);
  });

  it('lists by prefix, also within a name, and deletes many', async () => {
    const keys = ['list/a', 'list/a/b', 'list/ab/c', 'list/b', 'listed'];
    for (const key of keys) await store().put(key, Buffer.from(key), { contentType: 'text/plain' });
    expect((await keysOf(store(), 'list/a')).toSorted()).toEqual(['list/a', 'list/a/b', 'list/ab/c']);
    expect((await keysOf(store(), 'list/')).length).toBe(4);
    await store().delete([...keys.slice(0, 4), 'list/never']);
    expect(await keysOf(store(), 'list')).toEqual(['listed']);
    for await (const entry of store().list('listed')) {
      expect(entry.bytes).toBe(6);
      expect(Math.abs(entry.modifiedAt.getTime() - Date.now())).toBeLessThan(60_000);
    }
  });

  it('shows nothing of a source that fails or is given up', async () => {
    const failing = Readable.from(
      (async function* () {
        yield Buffer.alloc(9 * 1024 * 1024);
        throw new Error('source broke');
      })(),
    );
    await expect(store().put('broken', failing, { contentType: 'x/y' })).rejects.toThrow('source broke');
    expect(await store().head('broken')).toBeNull();
    const control = new AbortController();
    const endless = Readable.from(
      (async function* () {
        for (let i = 0; ; i += 1) {
          if (i === 3) control.abort();
          yield Buffer.alloc(1024 * 1024);
        }
      })(),
    );
    await expect(
      store().put('given-up', endless, { contentType: 'x/y', signal: control.signal }),
    ).rejects.toMatchObject({ name: 'AbortError' });
    expect(await store().head('given-up')).toBeNull();
    expect(endless.destroyed).toBe(true);
  });

  it.each(['../x', 'a/../../x', '/etc/passwd', 'a//b', '', 'a/.', 'a b', 'a\0b', 'a@', 'ü', '..%2fx', 'a\\b'])(
    'refuses the key %j',
    async (key) => {
      await expect(store().put(key, Buffer.from('x'), { contentType: 'x/y' })).rejects.toThrow('illegal object key');
      await expect(store().head(key)).rejects.toThrow('illegal object key');
    },
  );

  it('passes its canary and leaves nothing of it', async () => {
    await store().canary();
    expect(await keysOf(store(), 'canary')).toEqual([]);
  });
});

describe('file store only', () => {
  it('has no links of its own', async () => {
    const store = stores.get('file')!;
    expect(await store.presignGet('a', { expiresSeconds: 60, contentType: 'x/y', inline: true })).toBeNull();
    expect(await store.presignPut('a', { expiresSeconds: 60, contentType: 'x/y', bytes: 1 })).toBeNull();
  });

  it('sweeps what a crashed writer left, keeps objects, leaves no empty folders', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'kiln-sweep-'));
    const before = await createFileStore({ dir: folder });
    await before.put('kept/x', Buffer.from('kept'), { contentType: 'x/y' });
    await mkdir(join(folder, 'tmp'), { recursive: true });
    await writeFile(join(folder, 'tmp', 'half-written'), 'half');
    const longAgo = new Date(Date.now() - 2 * 3_600_000);
    await utimes(join(folder, 'tmp', 'half-written'), longAgo, longAgo);
    await writeFile(join(folder, 'tmp', 'of-another-process'), 'half');
    const after = await createFileStore({ dir: folder });
    expect(await readdir(join(folder, 'tmp'))).toEqual(['of-another-process']);
    expect(await after.head('kept/x')).toEqual({ bytes: 4, contentType: 'x/y' });
    await after.delete(['kept/x']);
    expect(await readdir(join(folder, 'objects'))).toEqual([]);
    await rm(folder, { recursive: true, force: true });
  });

  it('tells the free bytes of its folder', async () => {
    expect(await freeBytes(dir)).toBeGreaterThan(0);
  });
});

describe('s3 store only', () => {
  const local = (): ObjectStore => createS3Store({ ...s3, region: 'us-east-1', forcePathStyle: true });

  it('signs length, type and if-none-match of an upload, and no checksum of an empty body', async () => {
    const store = local();
    const presigned = (await store.presignPut('staging/up', {
      expiresSeconds: 900,
      contentType: 'image/png',
      bytes: 5,
    }))!;
    const query = new URL(presigned.url).searchParams;
    expect(query.get('X-Amz-SignedHeaders')).toBe('content-length;content-type;host;if-none-match');
    expect(query.get('X-Amz-Expires')).toBe('900');
    expect([...query.keys()].filter((name) => /checksum/i.test(name))).toEqual([]);
    const answer = await fetch(presigned.url, { method: presigned.method, headers: presigned.headers, body: 'hello' });
    expect(answer.status).toBe(200);
    expect(await store.head('staging/up')).toEqual({ bytes: 5, contentType: 'image/png' });
    await store.close();
  });

  it('signs downloads with type and name', async () => {
    const store = local();
    await store.put('out/x', Buffer.from('media'), { contentType: 'application/octet-stream' });
    const url = (await store.presignGet('out/x', {
      expiresSeconds: 60,
      contentType: 'video/mp4',
      filename: 'größe "1".mp4',
      inline: false,
    }))!;
    const answer = await fetch(url);
    expect(await answer.text()).toBe('media');
    expect(answer.headers.get('content-type')).toBe('video/mp4');
    expect(answer.headers.get('content-disposition')).toBe(
      `attachment; filename="gr__e _1_.mp4"; filename*=UTF-8''gr%C3%B6%C3%9Fe%20%221%22.mp4`,
    );
    await store.close();
  });

  it('names the public endpoint in links', async () => {
    const url = await stores
      .get('s3')!
      .presignGet('out/x', { expiresSeconds: 60, contentType: 'video/mp4', inline: true });
    expect(new URL(url!).origin).toBe('https://media.example.com');
  });
});
