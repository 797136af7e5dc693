import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp, { type Metadata } from 'sharp';
import type { UploadView } from '../../src/assets/upload-view.js';
import { type Kiln, startKiln } from '../support/kiln.js';
import { tinyMp4, tinyPng } from '../support/media.js';
import { BAD_MEDIA, photoWithPlace, playlist, polyglot } from './bad-media.js';
import {
  type Envelope,
  leftBehind,
  objectsOf,
  type Peer,
  type Presigned,
  presignedUpload,
  startPeer,
  upload,
} from './harness.js';

const MAX_BYTES = 3_000_000;

let kiln: Kiln;
let peer: Peer;
beforeAll(async () => {
  peer = await startPeer();
  kiln = await startKiln({ env: { KILN_MAX_UPLOAD_BYTES: String(MAX_BYTES), KILN_EGRESS_ALLOW: peer.host } });
});
afterAll(async () => {
  await kiln.drop();
  await peer.close();
});

const works = async (): Promise<void> =>
  expect(await upload(kiln, await tinyPng(), 'good.png')).toMatchObject({ status: 201, body: { status: 'ready' } });
/** From a file: while Kiln runs in this process sharp reads nothing from memory. */
async function metadataOf(bytes: Buffer): Promise<Metadata> {
  const path = join(kiln.ground.dir, 'kept');
  await writeFile(path, bytes);
  return sharp(path).metadata();
}
const contentOf = async (url: string | null): Promise<Buffer> =>
  Buffer.from(await (await fetch(url ?? '')).arrayBuffer());

describe.each(BAD_MEDIA)('$what', ({ filename, contentType, make, says }) => {
  it('is refused with 422, posted or PUT, and leaves nothing behind', async () => {
    const bytes = await make();
    const before = await objectsOf(kiln);
    const posted = await upload<Envelope>(kiln, bytes, filename, contentType);
    expect(posted).toMatchObject({ status: 422, body: { error: { type: 'unusable_media', param: 'file' } } });
    expect(posted.body.error.message).toMatch(says);
    expect(posted.body.error.message).not.toMatch(/\/tmp|\/work|kiln-app/);
    const declared = contentType.startsWith('image/') ? 'image/png' : contentType;
    const { put, complete, id } = await presignedUpload<Envelope>(kiln, bytes, declared, filename);
    expect(put.status).toBe(200);
    expect(complete).toMatchObject({ status: 422, body: { error: { type: 'unusable_media', param: 'file' } } });
    expect(complete.body.error.message).toMatch(says);
    expect((await kiln.call('GET', `/v1/uploads/${id}`)).body).toMatchObject({ status: 'rejected', url: null });
    expect(await objectsOf(kiln)).toEqual(before);
    expect(await leftBehind(kiln)).toEqual([]);
  });
});

test('after all of them the worker goes on', works);

test('a playlist is never followed to what it lists', async () => {
  const segment = peer.serve('/segment.ts', (response) => response.end());
  for (const name of ['a.mp4', 'a.m3u8', 'a.ts', 'a.mp3'])
    expect((await upload(kiln, Buffer.from(playlist(segment)), name, 'video/mp4')).status).toBe(422);
  expect(peer.hits).toEqual([]);
});

describe('sizes', () => {
  it('no bytes at all', async () => {
    expect(await upload(kiln, new Uint8Array(), 'a.png')).toMatchObject({
      status: 400,
      body: { error: { param: 'file', message: expect.stringContaining('empty') as string } },
    });
    expect(await kiln.call('POST', '/v1/uploads/presign', { content_type: 'image/png', bytes: 0 })).toMatchObject({
      status: 400,
      body: { error: { param: 'bytes' } },
    });
    expect(await leftBehind(kiln)).toEqual([]);
  });

  it('above the limit: 413 that names the field and the limit', async () => {
    const big = new Uint8Array(MAX_BYTES + 10);
    const tooLarge = { status: 413, body: { error: { type: 'payload_too_large', param: 'file' } } };
    expect(await upload(kiln, big, 'a.png')).toMatchObject(tooLarge);
    const presign = await kiln.call<Envelope>('POST', '/v1/uploads/presign', {
      content_type: 'image/png',
      bytes: big.length,
    });
    expect(presign).toMatchObject({ status: 413, body: { error: { param: 'bytes' } } });
    expect(presign.body.error.message).toContain(String(MAX_BYTES));
    expect(await leftBehind(kiln)).toEqual([]);
  });

  it('a PUT of another length, another type, or a second time is refused', async () => {
    const png = await tinyPng();
    const { body: granted } = await kiln.call<Presigned>('POST', '/v1/uploads/presign', {
      content_type: 'image/png',
      bytes: png.length,
    });
    const put = (body: Uint8Array, headers = granted.headers): Promise<Response> =>
      fetch(granted.url, { method: 'PUT', headers, body: new Uint8Array(body) });
    expect((await put(Buffer.concat([png, png]))).status).toBe(400);
    expect((await put(png, { ...granted.headers, 'content-type': 'image/jpeg' })).status).toBe(400);
    expect((await kiln.call('POST', `/v1/uploads/${granted.upload.id}/complete`, {})).status).toBe(409);
    expect(await leftBehind(kiln)).toEqual([]);
    expect((await put(png)).status).toBe(200);
    expect((await put(png)).status).toBe(412);
    expect(await kiln.call('POST', `/v1/uploads/${granted.upload.id}/complete`, {})).toMatchObject({ status: 201 });
    expect(await leftBehind(kiln)).toEqual([]);
  });
});

describe('what is declared counts for nothing', () => {
  it('a video posted as a JPEG is a video', async () => {
    expect(await upload(kiln, await tinyMp4(), 'photo.jpg', 'image/jpeg')).toMatchObject({
      status: 201,
      body: { kind: 'video', content_type: 'video/mp4' },
    });
  });

  it('a picture PUT as a video is a picture', async () => {
    const { complete } = await presignedUpload(kiln, await tinyPng(), 'video/mp4');
    expect(complete).toMatchObject({ status: 201, body: { kind: 'image', content_type: 'image/png' } });
  });

  it('a type that is no media is refused before a byte is sent', async () => {
    expect(await kiln.call('POST', '/v1/uploads/presign', { content_type: 'text/html', bytes: 5 })).toMatchObject({
      status: 400,
      body: { error: { param: 'content_type' } },
    });
  });
});

describe('what is kept is only the media', () => {
  it('of a picture that is a web page too', async () => {
    const { status, body } = await upload<UploadView>(kiln, await polyglot(), 'poly.png');
    expect(status).toBe(201);
    const kept = await contentOf(body.url);
    expect(kept.includes('<script>')).toBe(false);
    expect(await metadataOf(kept)).toMatchObject({ format: 'png', width: 64 });
  });

  it('of a photo that says where it was taken', async () => {
    const photo = await photoWithPlace();
    expect(photo.includes('secret place')).toBe(true);
    const { body } = await upload<UploadView>(kiln, photo, 'holiday.jpg');
    const kept = await contentOf(body.url);
    expect((await metadataOf(kept)).exif).toBeUndefined();
    expect(kept.includes('secret place')).toBe(false);
  });
});

describe('names', () => {
  /** As a hostile client writes it, past every encoder. */
  async function rawPost(disposition: string, content: Uint8Array, end = '\r\n--x--\r\n'): Promise<Response> {
    const head = `--x\r\ncontent-disposition: form-data; ${disposition}\r\ncontent-type: image/png\r\n\r\n`;
    return fetch(`${kiln.url}/v1/uploads`, {
      method: 'POST',
      headers: { authorization: `Bearer ${kiln.secret}`, 'content-type': 'multipart/form-data; boundary=x' },
      body: Buffer.concat([Buffer.from(head), content, Buffer.from(end)]),
    });
  }

  it.each([
    ['../../../etc/cron.d/evil.png', 'evil.png'],
    ['C:\\Windows\\evil.png', 'evil.png'],
    ['猫 und Käfer 🐈.png', '猫 und Käfer 🐈.png'],
    ['a\u0007b\u007f.png', 'ab.png'],
    ['left\u202Egnp.exe', 'leftgnp.exe'],
    ['a\r\nset-cookie: x=1.png', 'aset-cookie: x=1.png'],
    [`${'n'.repeat(240)}.png`, 'n'.repeat(200)],
  ])('presigned as %j is kept as %j', async (given, kept) => {
    const answer = await kiln.call<Presigned>('POST', '/v1/uploads/presign', {
      content_type: 'image/png',
      bytes: 10,
      filename: given,
    });
    expect(answer).toMatchObject({ status: 201, body: { upload: { filename: kept } } });
  });

  it.each(['a\u0000b.png', '\ud800half.png', '', 'n'.repeat(256)])('presigned as %j is refused', async (filename) => {
    const body = { content_type: 'image/png', bytes: 10, filename };
    expect(await kiln.call('POST', '/v1/uploads/presign', body)).toMatchObject({
      status: 400,
      body: { error: { param: 'filename' } },
    });
  });

  it.each([
    ['path', 'name="file"; filename="../../../../etc/passwd.png"', 'passwd.png'],
    ['NUL', 'name="file"; filename="a\u0000b.png"', 'ab.png'],
    ['line break as browsers write it', 'name="file"; filename="a%0D%0Ax-evil: 1.png"', 'a%0D%0Ax-evil: 1.png'],
  ])('posted with a %s is kept harmless, and never is part of a key or a header', async (_what, disposition, kept) => {
    const response = await rawPost(disposition, await tinyPng());
    const body = (await response.json()) as UploadView;
    expect({ status: response.status, body }).toMatchObject({ status: 201, body: { filename: kept } });
    expect((await objectsOf(kiln)).filter((key) => /passwd|evil/.test(key))).toEqual([]);
    const file = await fetch(body.url ?? '');
    expect(file.headers.get('content-disposition')).toContain(`${body.id}-content.png`);
    expect(file.headers.get('x-evil')).toBeNull();
  });

  it('a body that ends in the middle of the file is 400, and its bytes are gone', async () => {
    const response = await rawPost('name="file"; filename="a.png"', await tinyPng(), '');
    expect({ status: response.status, body: await response.json() }).toMatchObject({
      status: 400,
      body: { error: { param: 'file' } },
    });
    expect(await leftBehind(kiln)).toEqual([]);
  });
});

test('the worker still goes on', works);
