import type { UploadView } from '../../src/assets/upload-view.js';
import { createS3Store } from '../../src/storage/s3-store.js';
import { imageFile, tinyMp4, tinyPng } from '../support/media.js';
import { startS3 } from '../support/s3.js';
import { type AssetsHarness, startAssets } from './harness.js';
import { readFile } from 'node:fs/promises';

describe('links on the file store', () => {
  let kiln: AssetsHarness;
  let upload: UploadView;
  let bytes: Buffer;
  beforeAll(async () => {
    kiln = await startAssets();
    upload = (await kiln.upload<UploadView>(await tinyMp4(), 'clip.mp4')).body;
    bytes = Buffer.from(await (await fetch(upload.url!)).arrayBuffer());
  });
  afterAll(async () => kiln.close());

  it('stream with headers that keep a browser from running anything', async () => {
    const response = await fetch(upload.url!, { headers: { authorization: 'Bearer wrong' } });
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'video/mp4',
      'content-length': String(bytes.length),
      'accept-ranges': 'bytes',
      'x-content-type-options': 'nosniff',
      'content-security-policy': 'sandbox',
    });
    expect(response.headers.get('content-disposition')).toMatch(/^inline; filename="upload_/);
  });

  it.each([
    ['bytes=0-99', 206, (all: Buffer) => all.subarray(0, 100)],
    ['bytes=100-', 206, (all: Buffer) => all.subarray(100)],
    ['bytes=-50', 206, (all: Buffer) => all.subarray(-50)],
    ['bytes=0-0', 206, (all: Buffer) => all.subarray(0, 1)],
  ])('answer Range %s', async (range, status, part) => {
    const response = await fetch(upload.url!, { headers: { range } });
    expect(response.status).toBe(status);
    expect(Buffer.from(await response.arrayBuffer()).equals(part(bytes))).toBe(true);
    expect(response.headers.get('content-range')).toMatch(new RegExp(`^bytes \\d+-\\d+/${bytes.length}$`));
  });

  it('answer 416 past the end, and HEAD without a body', async () => {
    const past = await fetch(upload.url!, { headers: { range: `bytes=${bytes.length}-` } });
    expect(past.status).toBe(416);
    expect(past.headers.get('content-range')).toBe(`bytes */${bytes.length}`);
    const head = await fetch(upload.url!, { method: 'HEAD' });
    expect(head.status).toBe(200);
    expect(head.headers.get('content-length')).toBe(String(bytes.length));
    expect(await head.text()).toBe('');
    expect((await fetch(upload.url!, { method: 'HEAD', headers: { range: 'bytes=0-9' } })).status).toBe(206);
  });

  it('refuse everything that was not signed, alike', async () => {
    const url = new URL(upload.url!);
    const changed = (change: (copy: URL) => void): string => {
      const copy = new URL(url);
      change(copy);
      return copy.href;
    };
    const stranger = (await kiln.upload<UploadView>(await readFile(await imageFile('png', 8, 8)), 'x.png', kiln.other))
      .body;
    const wrong = [
      changed((copy) => copy.searchParams.delete('signature')),
      changed((copy) => copy.searchParams.delete('expires')),
      changed((copy) => copy.searchParams.set('expires', '1')),
      changed((copy) => copy.searchParams.set('expires', String(Number(url.searchParams.get('expires')) + 1))),
      changed((copy) => copy.searchParams.set('signature', 'A'.repeat(43))),
      changed((copy) => copy.searchParams.append('signature', 'x')),
      changed((copy) => (copy.pathname = copy.pathname.replace('/content', '/poster'))),
      changed((copy) => (copy.pathname = copy.pathname.replace('/content', '/..%2fcontent'))),
      changed((copy) => (copy.pathname = `/files/${stranger.id}/content`)),
      changed((copy) => (copy.pathname = '/files/upload_00000000000000000000000000/content')),
    ];
    for (const link of wrong) {
      const response = await fetch(link);
      expect([link, response.status]).toEqual([link, 403]);
      expect(await response.json()).toMatchObject({ error: { type: 'invalid_link' } });
    }
  });
});

describe('links on S3', () => {
  let kiln: AssetsHarness;
  let closeS3: () => Promise<void>;
  beforeAll(async () => {
    const { close, ...s3 } = await startS3();
    closeS3 = close;
    kiln = await startAssets(async () => createS3Store({ ...s3, region: 'us-east-1', forcePathStyle: true }));
  });
  afterAll(async () => {
    await kiln.close();
    await closeS3();
  });

  it('lead to the store for a quarter of an hour', async () => {
    const { body } = await kiln.upload<UploadView>(await tinyPng());
    const response = await fetch(body.url!, { redirect: 'manual' });
    expect(response.status).toBe(302);
    const there = new URL(response.headers.get('location')!);
    expect(Number(there.searchParams.get('X-Amz-Expires'))).toBeLessThanOrEqual(900);
    expect((await fetch(there)).status).toBe(200);
    expect((await fetch(body.url!, { method: 'HEAD', redirect: 'manual' })).status).toBe(302);
  });

  it('take a presigned PUT with length and type pinned, decided after complete', async () => {
    const bytes = await tinyPng();
    const granted = (
      await kiln.call<{ upload: UploadView; url: string; headers: Record<string, string> }>(
        'POST',
        '/v1/uploads/presign',
        {
          body: { content_type: 'image/png', bytes: bytes.length },
        },
      )
    ).body;
    const signed = new URL(granted.url).searchParams.get('X-Amz-SignedHeaders')!.split(';');
    expect(signed).toEqual(expect.arrayContaining(['content-length', 'content-type', 'if-none-match']));
    expect((await kiln.call('PUT', granted.url, { key: null, body: bytes, headers: granted.headers })).status).toBe(
      200,
    );
    expect(await kiln.call('POST', `/v1/uploads/${granted.upload.id}/complete`)).toMatchObject({
      status: 201,
      body: { status: 'ready' },
    });
    expect((await kiln.objects()).filter((key) => key.startsWith('staging/'))).toEqual([]);
  });
});
