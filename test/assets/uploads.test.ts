import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import type { UploadView } from '../../src/assets/upload-view.js';
import { execute, queryRow, sql } from '../../src/database/database.js';
import { newId } from '../../src/common/ids.js';
import { imageFile, pixelBomb, tinyMp4, tinyPng } from '../support/media.js';
import { type AssetsHarness, MAX_UPLOAD_BYTES, startAssets } from './harness.js';

let kiln: AssetsHarness;
beforeAll(async () => {
  kiln = await startAssets();
});
afterAll(async () => kiln.close());
beforeEach(() => {
  kiln.worker.on = true;
});

const leftBehind = async (): Promise<string[]> => [
  ...(await kiln.objects()).filter((key) => key.startsWith('staging/')),
  ...(await kiln.tempFiles()),
];

describe('POST /v1/uploads', () => {
  it('takes an image, tells its facts and links to a copy without metadata', async () => {
    const withExif = await sharp(await imageFile('png'))
      .withExif({ IFD0: { Copyright: 'secret place' } })
      .jpeg()
      .toBuffer();
    const { status, body, headers } = await kiln.upload<UploadView>(withExif, 'cat.png');
    expect(status).toBe(201);
    expect(headers.get('location')).toBe(`/v1/uploads/${body.id}`);
    expect(body).toMatchObject({
      object: 'upload',
      status: 'ready',
      kind: 'image',
      content_type: 'image/jpeg',
      filename: 'cat.png',
      width: 64,
      height: 48,
    });
    const stored = Buffer.from(await (await fetch(body.url!)).arrayBuffer());
    expect(stored).toHaveLength(body.bytes!);
    expect(stored.includes('secret place')).toBe(false);
    expect((await kiln.call<UploadView>('GET', `/v1/uploads/${body.id}`)).body).toMatchObject({
      id: body.id,
      sha256: body.sha256,
    });
    expect(await leftBehind()).toEqual([]);
  });

  it('takes a video', async () => {
    const { status, body } = await kiln.upload<UploadView>(await tinyMp4(), 'clip.mp4');
    expect({ status, body }).toMatchObject({
      status: 201,
      body: { kind: 'video', content_type: 'video/mp4', width: 64 },
    });
    expect(body.duration_seconds).toBeCloseTo(1, 0);
  });

  const png = async (): Promise<Buffer> => tinyPng();
  it.each<[string, () => Promise<Buffer>]>([
    ['a text named .png', async () => Buffer.from('this is text, not a picture')],
    ['a corrupt image', async () => (await png()).subarray(0, 60)],
    ['a pixel bomb', pixelBomb],
    ['a truncated video', async () => (await tinyMp4()).subarray(0, 600)],
    [
      'an HLS text',
      async () => Buffer.from('#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n'),
    ],
    ['an SVG', async () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>')],
    [
      'an animated image',
      async () =>
        sharp([await imageFile('png'), await imageFile('jpg')], { join: { animated: true } })
          .gif({ keepDuplicateFrames: true })
          .toBuffer(),
    ],
  ])('refuses %s with 422 and leaves nothing behind', async (_name, make) => {
    const before = await kiln.objects();
    const { status, body } = await kiln.upload<{ error: { type: string; param: string; message: string } }>(
      await make(),
      'file.png',
    );
    expect({ status, body }).toMatchObject({ status: 422, body: { error: { type: 'unusable_media', param: 'file' } } });
    expect(body.error.message).not.toContain('/tmp');
    expect(await kiln.objects()).toEqual(before);
    expect(await leftBehind()).toEqual([]);
  });

  it('refuses what is too large with 413, announced or not, and keeps nothing', async () => {
    const before = await kiln.objects();
    const big = await kiln.upload(new Uint8Array(MAX_UPLOAD_BYTES + 200_000));
    expect(big).toMatchObject({ status: 413, body: { error: { type: 'payload_too_large', param: 'file' } } });
    const head = Buffer.from('--x\r\ncontent-disposition: form-data; name="file"; filename="a.png"\r\n\r\n');
    let sent = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.enqueue(sent === 0 ? head : new Uint8Array(100_000));
        sent += 1;
        if (sent > 60) controller.close();
      },
    });
    const chunked = await kiln
      .call('POST', '/v1/uploads', { body: endless, headers: { 'content-type': 'multipart/form-data; boundary=x' } })
      .catch(() => 'cut');
    if (chunked !== 'cut') expect(chunked).toMatchObject({ status: 413 });
    expect(await kiln.objects()).toEqual(before);
  });

  it('names what is wrong with the body', async () => {
    const form = (name: string, value: Blob | string): FormData => {
      const made = new FormData();
      made.append(name, value);
      return made;
    };
    const post = async (body: unknown): Promise<unknown> => kiln.call('POST', '/v1/uploads', { body });
    expect(await post({ file: 'x' })).toMatchObject({ status: 415 });
    expect(await post(new FormData())).toMatchObject({ status: 400 });
    expect(await post(form('picture', new Blob(['x'])))).toMatchObject({
      status: 400,
      body: { error: { param: 'picture' } },
    });
    expect(await post(form('file', 'text'))).toMatchObject({ status: 400, body: { error: { param: 'file' } } });
    expect(await post(form('file', new Blob([])))).toMatchObject({ status: 400, body: { error: { param: 'file' } } });
    expect(await leftBehind()).toEqual([]);
  });

  it('needs a key', async () => {
    expect(await kiln.call('GET', '/v1/uploads', { key: null })).toMatchObject({ status: 401 });
  });

  it('ends the wait when another worker has decided', async () => {
    kiln.worker.on = false;
    const waiting = kiln.upload<UploadView>(await tinyPng());
    let id: string | undefined;
    while (id === undefined) {
      await new Promise((resolve) => setImmediate(resolve));
      id = (await queryRow<{ id: string }>(kiln.db, sql`SELECT id FROM upload WHERE status = 'pending' LIMIT 1`))?.id;
    }
    await kiln.uploads.decide(id);
    expect(await waiting).toMatchObject({ status: 201, body: { id, status: 'ready' } });
  });
});

describe('the decision', () => {
  const pending = async (): Promise<string> => {
    kiln.worker.on = false;
    const row = await kiln.uploads.create({ id: kiln.key.id }, createReadStream(await imageFile('png')), {
      filename: null,
      source: 'multipart',
    });
    return row.id;
  };

  it('is made once by many workers, and again is no change', async () => {
    const id = await pending();
    await Promise.all([kiln.uploads.decide(id), kiln.uploads.decide(id), kiln.uploads.decide(id)]);
    const first = await kiln.uploads.decide(id);
    expect(first).toMatchObject({ status: 'ready', claims: 1, stagingKey: null });
    expect((await kiln.objects()).filter((key) => key.startsWith(`uploads/${id}/`))).toEqual([first!.objectKey]);
  });

  it('is made again after a worker died, and refused after three died', async () => {
    const id = await pending();
    await execute(
      kiln.db,
      sql`UPDATE upload SET claims = 2, claim_until = now() - interval '1 second', created_at = now() - interval '1 minute' WHERE id = ${id}`,
    );
    expect(await kiln.uploads.overdue(10)).toContain(id);
    expect(await kiln.uploads.decide(id)).toMatchObject({ status: 'ready' });
    const poison = await pending();
    await execute(
      kiln.db,
      sql`UPDATE upload SET claims = 3, claim_until = now() - interval '1 second' WHERE id = ${poison}`,
    );
    expect(await kiln.uploads.decide(poison)).toMatchObject({ status: 'rejected', error: { code: 'damaged' } });
    expect(await leftBehind()).toEqual([]);
  });

  it('does not count trouble with the store against the upload', async () => {
    const id = await pending();
    const broken = failingGet(new Error('store is away'));
    await expect(kiln.uploads.decide(id)).rejects.toThrow('store is away');
    broken.restore();
    expect(await kiln.uploads.get(kiln.key, id)).toMatchObject({ status: 'pending', claims: 0 });
    await execute(kiln.db, sql`UPDATE upload SET claim_until = now() - interval '1 second' WHERE id = ${id}`);
    expect(await kiln.uploads.decide(id)).toMatchObject({ status: 'ready' });
  });

  it('rejects what has no bytes any more', async () => {
    const id = await pending();
    await kiln.store.delete([`staging/${id}`]);
    expect(await kiln.uploads.decide(id)).toMatchObject({ status: 'rejected', error: { code: 'missing' } });
  });

  function failingGet(error: Error): { restore(): void } {
    const { get } = kiln.store;
    kiln.store.get = async () => {
      throw error;
    };
    return { restore: () => void (kiln.store.get = get) };
  }
});

interface Presigned {
  upload: UploadView;
  method: string;
  url: string;
  headers: Record<string, string>;
}

describe('presigned PUT', () => {
  const presign = async (bytes: Uint8Array): Promise<Presigned> =>
    (
      await kiln.call<Presigned>('POST', '/v1/uploads/presign', {
        body: { content_type: 'image/png', bytes: bytes.length, filename: 'a.png' },
      })
    ).body;
  const put = async (
    { url, headers }: Presigned,
    body: Uint8Array,
    more: Record<string, string> = {},
  ): Promise<number> => (await kiln.call('PUT', url, { key: null, body, headers: { ...headers, ...more } })).status;

  it('takes the granted bytes once, and is ready after complete', async () => {
    const bytes = await tinyPng();
    const granted = await presign(bytes);
    expect(granted).toMatchObject({ method: 'PUT', upload: { status: 'pending', url: null } });
    const complete = `/v1/uploads/${granted.upload.id}/complete`;
    expect(await kiln.call('POST', complete)).toMatchObject({
      status: 409,
      body: { error: { type: 'upload_incomplete' } },
    });
    expect(await put(granted, bytes.subarray(1))).toBe(400);
    expect(await put(granted, bytes, { 'content-type': 'image/jpeg' })).toBe(400);
    expect(await put({ ...granted, url: granted.url.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')) }, bytes)).toBe(
      403,
    );
    expect(await put(granted, bytes)).toBe(200);
    expect(await put(granted, bytes)).toBe(412);
    expect(await kiln.call('POST', complete)).toMatchObject({ status: 201, body: { status: 'ready', width: 64 } });
    expect(await kiln.call('POST', complete)).toMatchObject({ status: 201, body: { status: 'ready' } });
    expect(await put(granted, bytes)).toBe(412);
    expect(await leftBehind()).toEqual([]);
  });

  it('refuses an expired link and what may not be asked', async () => {
    const bytes = await tinyPng();
    const granted = await presign(bytes);
    const [head, , tail] = granted.url.split('/put/')[1]!.split('.');
    expect(await put({ ...granted, url: `${kiln.url}/files/put/${head}.1.${tail}` }, bytes)).toBe(403);
    const ask = async (body: unknown): Promise<unknown> => kiln.call('POST', '/v1/uploads/presign', { body });
    expect(await ask({ content_type: 'text/html', bytes: 1 })).toMatchObject({
      status: 400,
      body: { error: { param: 'content_type' } },
    });
    expect(await ask({ content_type: 'image/png', bytes: 0 })).toMatchObject({
      status: 400,
      body: { error: { param: 'bytes' } },
    });
    expect(await ask({ content_type: 'image/png', bytes: 1, x: 1 })).toMatchObject({
      status: 400,
      body: { error: { param: 'x' } },
    });
    expect(await ask({ content_type: 'image/png', bytes: MAX_UPLOAD_BYTES + 1 })).toMatchObject({
      status: 413,
      body: { error: { param: 'bytes' } },
    });
  });
});

describe('listing and deleting', () => {
  it('pages through the own uploads in both directions', async () => {
    const png = await readFile(await imageFile('png', 16, 16));
    for (let n = 0; n < 3; n += 1) await kiln.upload(png, `${n}.png`, kiln.other);
    const list = async (
      query: string,
    ): Promise<{ data: UploadView[]; has_more: boolean; first_id: string; last_id: string }> =>
      (await kiln.call<never>('GET', `/v1/uploads?${query}`, { key: kiln.other })).body;
    const names = ({ data }: { data: UploadView[] }): (string | null)[] => data.map(({ filename }) => filename);
    const first = await list('limit=2');
    expect(first).toMatchObject({ object: 'list', has_more: true });
    expect(names(first)).toEqual(['2.png', '1.png']);
    const second = await list(`limit=2&after=${first.last_id}`);
    expect(names(second)).toEqual(['0.png']);
    expect(second.has_more).toBe(false);
    expect(names(await list(`limit=1&before=${second.first_id}`))).toEqual(['1.png']);
    expect(names(await list('order=asc'))).toEqual(['0.png', '1.png', '2.png']);
    expect(await kiln.call('GET', '/v1/uploads?limit=0')).toMatchObject({
      status: 400,
      body: { error: { param: 'limit' } },
    });
    expect(await kiln.call('GET', '/v1/uploads?colour=red')).toMatchObject({
      status: 400,
      body: { error: { param: 'colour' } },
    });
  });

  it('deletes objects and row, but not while a job reads it', async () => {
    const { body } = await kiln.upload<UploadView>(await tinyPng());
    const jobId = newId('job');
    await execute(kiln.db, sql`INSERT INTO asset_pin (asset_id, job_id) VALUES (${body.id}, ${jobId})`);
    expect(await kiln.call('DELETE', `/v1/uploads/${body.id}`)).toMatchObject({
      status: 409,
      body: { error: { type: 'upload_in_use' } },
    });
    await execute(kiln.db, sql`DELETE FROM asset_pin WHERE job_id = ${jobId}`);
    expect(await kiln.call('DELETE', `/v1/uploads/${body.id}`)).toMatchObject({ status: 200, body: { deleted: true } });
    expect((await kiln.objects()).filter((key) => key.includes(body.id))).toEqual([]);
    expect(await kiln.call('GET', `/v1/uploads/${body.id}`)).toMatchObject({ status: 404 });
    expect((await fetch(body.url!)).status).toBe(403);
  });

  it('sweeps unused ones past their time', async () => {
    const { body } = await kiln.upload<UploadView>(await tinyPng());
    await execute(kiln.db, sql`UPDATE upload SET expires_at = now() - interval '1 second' WHERE id = ${body.id}`);
    expect((await fetch(body.url!)).status).toBe(410);
    expect(await kiln.uploads.sweep(100)).toBeGreaterThan(0);
    expect((await kiln.objects()).filter((key) => key.includes(body.id))).toEqual([]);
  });

  it('sweeps staged bytes that have no row, a day later', async () => {
    await kiln.store.put('staging/orphan', Buffer.from('x'), { contentType: 'application/octet-stream' });
    await kiln.uploads.sweepStaging();
    expect(await kiln.objects()).toContain('staging/orphan');
    await kiln.uploads.sweepStaging(new Date(Date.now() + 25 * 3_600_000));
    expect(await kiln.objects()).not.toContain('staging/orphan');
  });
});
