import { readdir, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type GatewayKiln, startGateway, usageOf } from './gateway.js';
import { type Behaviour, hangs, json } from './upstream.js';

const MODEL = {
  modality: 'transcription',
  title: 'Ears',
  description: 'A transcription model of a test.',
  created: '2026-11-26',
};
const PRICE = { rates: { audio_minute: 0.006 }, source: 'test', date: '2026-11-26' };

let kiln: GatewayKiln;
let key: { id: string; secret: string };
beforeAll(async () => {
  kiln = await startGateway((upstream) => {
    const route = (name: string) => ({
      provider: 'openai',
      model: 'up-ears',
      endpoints: [`${upstream.url}/${name}/v1`],
      price: PRICE,
    });
    return { ears: { ...MODEL, routes: { left: route('left'), right: route('right') } } };
  });
  key = await kiln.newKey();
});
afterAll(() => kiln.end());
beforeEach(async () => {
  kiln.upstream.reset();
  for (const id of ['ears/left', 'ears/right'])
    await kiln.call('POST', `/admin/routes/${encodeURIComponent(id)}/resume`);
});

const headers = () => ({ authorization: `Bearer ${key.secret}` });
const sound = (bytes: number, fill = 'sound'): Blob => new Blob([Buffer.alloc(bytes, fill)], { type: 'audio/mpeg' });
type Part = [name: string, value: string | Blob, filename?: string];
function formOf(...parts: Part[]): FormData {
  const form = new FormData();
  for (const [name, value, filename] of parts)
    if (typeof value === 'string') form.append(name, value);
    else form.append(name, value, filename ?? 'a.mp3');
  return form;
}
const send = (form: FormData) =>
  kiln.call<{ text: string; error?: { message: string; param: string } }>(
    'POST',
    '/v1/audio/transcriptions',
    form,
    headers(),
  );
const HEARD = json(200, { text: 'heard', duration: 30 });

/** Folders that hold a recording of this length on its way through. */
async function foldersWith(bytes: number): Promise<string[]> {
  const names = (await readdir(tmpdir())).filter((name) => name.startsWith('kiln-audio-'));
  const sizes = await Promise.all(
    names.map(async (name) => [name, (await stat(join(tmpdir(), name, 'audio')).catch(() => null))?.size] as const),
  );
  return sizes.filter(([, size]) => size === bytes).map(([name]) => name);
}

/** The answer is out a moment before its recording is gone. */
async function goneFrom(bytes: number): Promise<void> {
  while ((await foldersWith(bytes)).length > 0) await new Promise((resolve) => setImmediate(resolve));
}

describe('parts in any order', () => {
  test.each<[string, Part[]]>([
    [
      'the file first',
      [
        ['file', sound(100_001)],
        ['language', 'en'],
        ['model', 'ears'],
      ],
    ],
    [
      'the file last',
      [
        ['model', 'ears'],
        ['language', 'en'],
        ['file', sound(100_001)],
      ],
    ],
    [
      'the file between',
      [
        ['language', 'en'],
        ['file', sound(100_001)],
        ['model', 'ears'],
      ],
    ],
  ])('%s', async (_name, parts) => {
    let came: Uint8Array = new Uint8Array();
    kiln.upstream.script('left', (request, response, body) => {
      came = body;
      return HEARD(request, response, body);
    });
    const answer = await send(formOf(...parts));
    expect(answer.body.text).toBe('heard');
    const form = Buffer.from(came);
    expect(form.includes(Buffer.alloc(100_001, 'sound'))).toBe(true);
    expect(form.toString('latin1')).toMatch(/name="language"\r\n\r\nen\r\n/);
    expect(form.toString('latin1')).toMatch(/name="model"\r\n\r\nup-ears\r\n/);
  });
});

test('a recording of 25 MB goes through whole, to the next route too, and leaves nothing behind', async () => {
  const bytes = 25 * 1024 * 1024;
  const lengths: number[] = [];
  let onDisk: string[] = [];
  const notes =
    (then: Behaviour): Behaviour =>
    async (request, response, body) => {
      lengths.push(body.length);
      onDisk = await foldersWith(bytes);
      return then(request, response, body);
    };
  kiln.upstream.script('left', notes(json(503, { error: { message: 'busy' } })));
  kiln.upstream.script('right', notes(HEARD));
  const answer = await send(formOf(['file', sound(bytes)], ['model', 'ears']));
  expect(answer.status).toBe(200);
  expect(answer.headers.get('x-kiln-route')).toBe('ears/right');
  expect(lengths.map((length) => length > bytes)).toEqual([true, true]);
  expect(onDisk).toHaveLength(1);
  await goneFrom(bytes);
  expect(await usageOf(kiln, answer.headers.get('x-request-id'))).toMatchObject({ status: 'ok', attempts: 2 });
});

test('a recording of 26 MB is 413, and leaves nothing behind', async () => {
  const answer = await send(formOf(['model', 'ears'], ['file', sound(26 * 1024 * 1024)]));
  expect(answer.status).toBe(413);
  expect(answer.body.error?.param).toBe('file');
  expect(kiln.upstream.seen).toEqual([]);
  await goneFrom(25 * 1024 * 1024);
});

test('a client that goes away leaves no file behind and stops the upstream', async () => {
  const bytes = 77_777;
  const asked = Promise.withResolvers<void>();
  kiln.upstream.script('left', (request, response, body) => {
    asked.resolve();
    return hangs(request, response, body);
  });
  const gone = new AbortController();
  const asking = fetch(`${kiln.url}/v1/audio/transcriptions`, {
    method: 'POST',
    headers: headers(),
    body: formOf(['file', sound(bytes)], ['model', 'ears']),
    signal: gone.signal,
  }).catch((error: unknown) => error);
  await asked.promise;
  expect(await foldersWith(bytes)).toHaveLength(1);
  gone.abort();
  await kiln.upstream.seen[0]?.closed;
  await asking;
  await goneFrom(bytes);
  expect(kiln.upstream.seen).toHaveLength(1);
});

describe('a form that is wrong names the part', () => {
  test.each<[string, Part[], number, string]>([
    [
      'two files',
      [
        ['file', sound(9)],
        ['file', sound(9)],
        ['model', 'ears'],
      ],
      400,
      'file',
    ],
    [
      'a file of another name',
      [
        ['audio', sound(9)],
        ['model', 'ears'],
      ],
      400,
      'file',
    ],
    ['no file', [['model', 'ears']], 400, 'file'],
    [
      'a file that is text',
      [
        ['model', 'ears'],
        ['file', 'not a file'],
      ],
      400,
      'file',
    ],
    ['no model', [['file', sound(9)]], 400, 'model'],
    [
      'two models',
      [
        ['file', sound(9)],
        ['model', 'ears'],
        ['model', 'ears'],
      ],
      400,
      'model',
    ],
    [
      'an unknown format',
      [
        ['file', sound(9)],
        ['model', 'ears'],
        ['response_format', 'mp4'],
      ],
      400,
      'response_format',
    ],
    [
      'a temperature of 3',
      [
        ['file', sound(9)],
        ['model', 'ears'],
        ['temperature', '3'],
      ],
      400,
      'temperature',
    ],
  ])('%s', async (_name, parts, status, param) => {
    const answer = await send(formOf(...parts));
    expect([answer.status, answer.body.error?.param]).toEqual([status, param]);
    expect(kiln.upstream.seen).toEqual([]);
  });

  test('JSON in the place of a form', async () => {
    const answer = await kiln.call('POST', '/v1/audio/transcriptions', { model: 'ears' }, headers());
    expect(answer.status).toBe(415);
  });

  test('a form that ends in the middle', async () => {
    const body = '--b\r\ncontent-disposition: form-data; name="file"; filename="a.mp3"\r\n\r\nhalf';
    const answer = await fetch(`${kiln.url}/v1/audio/transcriptions`, {
      method: 'POST',
      headers: { ...headers(), 'content-type': 'multipart/form-data; boundary=b' },
      body,
    });
    expect(answer.status).toBe(400);
  });
});

test('a filename from elsewhere is only a name', async () => {
  let came = '';
  kiln.upstream.script('left', (request, response, body) => {
    came = body.toString('latin1');
    return HEARD(request, response, body);
  });
  const answer = await send(formOf(['file', sound(9), '../../etc/pass"wd.mp3'], ['model', 'ears']));
  expect(answer.status).toBe(200);
  expect(came).toContain('wd.mp3"');
  expect(came).not.toContain('..');
  expect(came).not.toContain('etc/');
});
