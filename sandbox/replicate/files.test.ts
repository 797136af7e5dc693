import sharp from 'sharp';
import { call, download } from '../test-client.js';
import { AUTH, FLUX, KLING, linksOf, TestWire } from './test-wire.js';

let picture: string;
let wire: TestWire;

beforeAll(async () => {
  wire = await TestWire.open();
  const bytes = await sharp({ create: { width: 640, height: 360, channels: 3, background: '#c02020' } })
    .png()
    .toBuffer();
  picture = `data:image/png;base64,${bytes.toString('base64')}`;
});
afterAll(() => wire.sandbox.close());

describe('files', () => {
  it('are uploaded, used as an input, listed and deleted', async () => {
    const form = new FormData();
    const bytes = Buffer.from(picture.split(',')[1] ?? '', 'base64');
    form.append('content', new Blob([new Uint8Array(bytes)], { type: 'image/png' }), 'a.png');
    form.append('metadata', new Blob(['{"n":1}'], { type: 'application/json' }));
    const { status, body } = await call<{ id: string; size: number; metadata: object; urls: { get: string } }>(
      `${wire.api}/files`,
      { method: 'POST', headers: AUTH, body: form },
    );
    expect(status).toBe(201);
    expect(body).toMatchObject({ size: bytes.length, metadata: { n: 1 }, content_type: 'image/png' });
    const done = await wire.finished(FLUX, { prompt: 'x', image: body.urls.get, output_format: 'png' });
    expect(await sharp(await download(linksOf(done)[0] ?? '')).metadata()).toMatchObject({ width: 640, height: 368 });
    expect((await call(body.urls.get, { headers: AUTH })).status).toBe(200);
    expect((await call(body.urls.get, { method: 'DELETE', headers: AUTH })).status).toBe(204);
    expect((await call(body.urls.get, { headers: AUTH })).status).toBe(404);
    expect(await wire.finished(FLUX, { prompt: 'x', image: body.urls.get })).toMatchObject({
      status: 'failed',
      error: expect.stringMatching(/^Input validation error: image/) as string,
    });
  });

  it.each([
    ['text', `data:image/png;base64,${Buffer.from('hello').toString('base64')}`],
    ['a cut-off picture', () => picture.slice(0, 200)],
    ['a link that is dead', () => `${wire.sandbox.url}/nowhere`],
  ])('%s instead of a picture fails the run', async (_what, image) => {
    const value = typeof image === 'string' ? image : image();
    expect(await wire.finished(KLING, { prompt: 'x', start_image: value })).toMatchObject({
      status: 'failed',
      error: expect.stringMatching(/^Input validation error: start_image/) as string,
    });
  });
});
