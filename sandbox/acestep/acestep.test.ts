import { type Sandbox, startSandbox } from '../server.js';
import { call, download, probe, unanswered, until } from '../test-client.js';

const AUTH = { authorization: 'Bearer sandbox' };

interface Row {
  task_id: string;
  status: number;
  result: string;
  progress_text: string;
}
interface Song {
  file: string;
  progress: number;
  stage: string;
  seed_value: string;
  metas: { bpm: number; duration: number };
}
type Wrapped<T> = { data: T; code: number; error: null; timestamp: number; extra: null; detail?: unknown };

let sandbox: Sandbox;
let base: string;

beforeAll(async () => {
  sandbox = await startSandbox({ speed: 0 });
  base = `${sandbox.url}/acestep`;
});
afterEach(() => sandbox.clearFaults());
afterAll(() => sandbox.close());

const release = (json: object) =>
  call<Wrapped<{ task_id: string; status: string; queue_position: number }>>(`${base}/release_task`, {
    headers: AUTH,
    json,
  });
const query = (id: string) =>
  call<Wrapped<Row[]>>(`${base}/query_result`, { headers: AUTH, json: { task_id_list: [id] } });
const song = (more: object = {}) => ({ prompt: 'lo-fi piano', audio_duration: 12, batch_size: 1, ...more });

async function finish(more: object = {}): Promise<{ row: Row; songs: Song[] }> {
  const { status, body } = await release(song(more));
  expect(status).toBe(200);
  const row = await until(async () => (await query(body.data.task_id)).body.data.find((one) => one.status !== 0));
  return { row, songs: JSON.parse(row.result) as Song[] };
}

describe('ACE-Step', () => {
  it.each([
    ['mp3', 'mp3'],
    ['wav', 'pcm_s16le'],
    ['flac', 'flac'],
  ])('makes an audible piece of the asked length as %s', async (format, codec) => {
    const { row, songs } = await finish({ audio_format: format, bpm: 90, use_random_seed: false, seed: 3 });
    expect(row.status).toBe(1);
    expect(songs).toMatchObject([{ seed_value: '3', progress: 1, metas: { bpm: 90, duration: 12 } }]);
    const { streams, seconds } = probe(await download(`${base}${songs[0]?.file}`, AUTH), format);
    expect(streams).toMatchObject([{ codec_name: codec, codec_type: 'audio' }]);
    expect(seconds).toBeCloseTo(12, 0);
  });

  it('makes two songs and ignores the seed unless told otherwise', async () => {
    const { songs } = await finish({ batch_size: undefined, seed: 5 });
    expect(songs).toHaveLength(2);
    expect(songs[0]?.seed_value.split(',')).not.toContain('5');
  });

  it('takes forms, camel case and aliases', async () => {
    const form = new URLSearchParams({
      caption: 'folk',
      duration: '10',
      batchSize: '1',
      useRandomSeed: 'false',
      seed: '9',
    });
    const { body } = await call<Wrapped<{ task_id: string }>>(`${base}/release_task`, {
      method: 'POST',
      headers: AUTH,
      body: form,
    });
    const row = (await query(body.data.task_id)).body.data[0];
    expect(JSON.parse(row?.result ?? '')).toMatchObject([{ prompt: 'folk', seed_value: '9', metas: { duration: 10 } }]);
    const multipart = new FormData();
    multipart.append('prompt', 'cover it');
    multipart.append('task_type', 'cover');
    multipart.append('batch_size', '1');
    multipart.append('src_audio', new Blob(['RIFF']), 'a.wav');
    expect((await call(`${base}/release_task`, { method: 'POST', headers: AUTH, body: multipart })).status).toBe(200);
  });

  it('takes parts out of a recording, each as long as it and unlike the others', async () => {
    const { songs } = await finish({ audio_duration: 17, audio_format: 'wav' });
    const recording = await download(`${base}${songs[0]?.file}`, AUTH);
    const extract = async (track: string): Promise<Buffer> => {
      const form = new FormData();
      for (const [name, value] of Object.entries({ task_type: 'extract', batch_size: '1', seed: '3' }))
        form.append(name, value);
      form.append('use_random_seed', 'false');
      form.append('track_name', track);
      form.append('src_audio', new Blob([new Uint8Array(recording)]), 'a.wav');
      const { status, body } = await call<Wrapped<{ task_id: string }>>(`${base}/release_task`, {
        method: 'POST',
        headers: AUTH,
        body: form,
      });
      expect({ status, detail: body.detail }).toEqual({ status: 200, detail: undefined });
      const { task_id: id } = body.data;
      const row = await until(async () => (await query(id)).body.data.find((one) => one.status !== 0));
      return download(`${base}${(JSON.parse(row.result) as Song[])[0]?.file}`, AUTH);
    };
    const [drums, bass] = [await extract('drums'), await extract('bass')];
    expect(probe(drums, 'mp3').seconds).toBeCloseTo(17, 0);
    expect(drums.equals(bass)).toBe(false);
  });

  it('reads an unknown task as one that waits', async () => {
    const { body } = await query('never-heard-of');
    expect(body).toMatchObject({
      code: 200,
      error: null,
      extra: null,
      data: [{ task_id: 'never-heard-of', status: 0, result: '[]' }],
    });
  });

  it('works one task at a time and shows progress', async () => {
    const first = await release(song({ prompt: 'first [[sandbox:latency=60000]]' }));
    const second = await release(song({ prompt: 'second' }));
    expect(second.body.data.queue_position).toBe(1);
    const running = (await query(first.body.data.task_id)).body.data[0];
    expect(running?.status).toBe(0);
    expect(JSON.parse(running?.result ?? '')).toMatchObject([{ stage: 'running' }]);
    expect(JSON.parse((await query(second.body.data.task_id)).body.data[0]?.result ?? '')).toMatchObject([
      { stage: 'queued' },
    ]);
    expect((await call<Wrapped<object>>(`${base}/v1/stats`, { headers: AUTH })).body.data).toMatchObject({
      jobs: { running: 1, queued: 1 },
    });
    await call(`${sandbox.url}/_sandbox/acestep/restart`, { method: 'POST' });
    expect((await query(second.body.data.task_id)).body.data[0]?.status).toBe(0);
    expect((await finish()).row.status).toBe(1);
  });

  it.each<[string, object, RegExp]>([
    ['an unknown field', { tempo: 90 }, /Unknown field: tempo/],
    ['a number as text', { bpm: '90' }, /bpm: expected an integer/],
    ['a bpm out of range', { bpm: 20 }, /30 to 300/],
    ['a bpm with a fraction', { bpm: 90.5 }, /integer/],
    ['a length out of range', { audio_duration: 601 }, /10 to 600/],
    ['an unknown format', { audio_format: 'ogg' }, /mp3, wav, flac/],
    ['an unknown task', { task_type: 'remix' }, /task_type/],
    ['a cover of nothing', { task_type: 'cover' }, /src_audio/],
    ['an extraction of nothing named', { task_type: 'extract', src_audio_path: '/a.mp3' }, /track_name/],
    ['no prompt', { prompt: '' }, /required/],
    ['a seed that is none', { seed: 'abc' }, /seed/],
    ['an unknown marker', { prompt: '[[sandbox:nope]]' }, /unknown sandbox marker/],
  ])('refuses %s', async (_what, fields, detail) => {
    const { status, body } = await release(song(fields));
    expect(status).toBe(400);
    expect(body.detail).toMatch(detail);
  });

  it('wants the key everywhere but at /health', async () => {
    expect((await call(`${base}/health`)).body).toMatchObject({ data: { status: 'ok' }, code: 200 });
    expect(await call(`${base}/release_task`, { json: song() })).toMatchObject({
      status: 401,
      body: { detail: expect.any(String) as string },
    });
    expect((await call(`${base}/release_task`, { json: song({ ai_token: 'sandbox' }) })).status).toBe(200);
    expect((await call(`${base}/v1/audio?path=/tmp/acestep/x.mp3`)).status).toBe(401);
    expect((await call(`${base}/v1/audio?path=/etc/passwd`, { headers: AUTH })).status).toBe(403);
    expect((await call(`${base}/v1/audio?path=/tmp/acestep/x.mp3`, { headers: AUTH })).status).toBe(404);
  });

  it('shows its switches', async () => {
    for (const name of ['fail', 'policy', 'oom'])
      expect((await finish({ prompt: `x [[sandbox:${name}]]` })).row.status).toBe(2);
    expect((await finish({ prompt: 'x [[sandbox:empty]]' })).songs).toEqual([]);
    expect((await finish({ prompt: 'x [[sandbox:off-origin]]' })).songs[0]?.file).toMatch(/^http:\/\/169\.254/);
    const lost = await release(song({ prompt: 'x [[sandbox:lost]]' }));
    expect((await query(lost.body.data.task_id)).body.data[0]).toMatchObject({ status: 0, result: '[]' });
    for (const [name, status] of [
      ['429', 429],
      ['500', 500],
      ['503', 503],
      ['policy-submit', 400],
    ] as const) {
      expect((await release(song({ prompt: `x [[sandbox:${name}]]` }))).status).toBe(status);
    }
    const { songs } = await finish({ prompt: 'x [[sandbox:truncate]]' });
    await expect(download(`${base}${songs[0]?.file}`, AUTH)).rejects.toThrow('terminated');
    expect((await download(`${base}${songs[0]?.file}`, AUTH)).length).toBeGreaterThan(1000);
    const init = {
      method: 'POST',
      headers: { ...AUTH, 'content-type': 'application/json' },
      body: JSON.stringify(song({ prompt: '[[sandbox:hang-after]] x' })),
    };
    expect(await unanswered(`${base}/release_task`, init)).toBe('hang');
    expect(sandbox.requests({ provider: 'acestep', contains: 'hang-after' })).toMatchObject([{ outcome: 'accepted' }]);
  });
});
