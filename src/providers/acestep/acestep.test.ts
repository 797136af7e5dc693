import { CannedWire, reference, type CannedAnswer } from '../../../test/support/provider-wire.js';
import type { MediaTask, TaskShape } from '../contract.js';
import wireBodies from './fixtures/wire.json' with { type: 'json' };
import { acestep } from './index.js';

const ENDPOINT = 'http://ace.internal:8001';
const TASK_ID = { task_id: '550e8400-e29b-41d4-a716-446655440000' };

const task = (input: MediaTask['input'], more: Partial<MediaTask> = {}): MediaTask => ({
  jobId: 'job_1',
  modality: 'music',
  operation: 'generate',
  model: 'acestep-v15-turbo',
  input,
  references: [],
  options: {},
  settings: {},
  ...more,
});

const shape = (
  input: TaskShape['input'],
  references: TaskShape['references'] = {},
  settings: TaskShape['settings'] = {},
): TaskShape => ({
  modality: 'music',
  operation: 'generate',
  model: 'acestep-v15-turbo',
  input,
  references,
  settings,
});

const submitTo = () => new CannedWire().on('POST /release_task', { json: wireBodies.released });
const poll = async (answer: CannedAnswer) =>
  acestep.poll(TASK_ID, new CannedWire().on('POST /query_result', answer).context(ENDPOINT));

describe('acestep submit', () => {
  test('one piece, with the seed made to count', async () => {
    const wire = submitTo();
    const input = {
      prompt: 'warm lo-fi',
      lyrics: '[Verse]\nslow rain',
      duration_seconds: 60,
      bpm: 84,
      language: 'en',
      format: 'flac',
      seed: 7,
      steps: 8,
    };
    expect(await acestep.submit(task(input, { options: { thinking: true } }), wire.context(ENDPOINT))).toEqual({
      taskId: TASK_ID,
    });
    expect(wire.calls[0]?.body).toEqual(wireBodies.generate);
    expect(wire.calls[0]?.headers).toEqual({ 'content-type': 'application/json', authorization: 'Bearer test-key' });
  });

  test('instrumental is written as the model marks it; without a key no header is sent', async () => {
    const wire = submitTo();
    await acestep.submit(
      task({ task: 'generate', prompt: 'warm lo-fi', instrumental: true, lyrics: null }),
      wire.context(ENDPOINT, { credential: null }),
    );
    expect(wire.calls[0]?.body).toEqual(wireBodies.instrumental);
    expect(wire.calls[0]?.headers).toEqual({ 'content-type': 'application/json' });
  });

  test.each([
    [
      { task: 'cover', prompt: 'bossa nova', strength: 0.4 },
      'src_audio',
      { task_type: 'cover', audio_cover_strength: '0.4' },
    ],
    [
      { task: 'repaint', prompt: 'guitar solo', repaint_start_seconds: 10, repaint_end_seconds: 20 },
      'src_audio',
      { task_type: 'repaint', repainting_start: '10', repainting_end: '20' },
    ],
    [{ task: 'extract', prompt: '', stems: ['vocals'] }, 'src_audio', { task_type: 'extract', track_name: 'vocals' }],
    [{ prompt: 'in this style' }, 'ref_audio', { task_type: 'text2music' }],
  ])('%j with a recording is multipart, the file as %s', async (input, part, expected) => {
    const wire = submitTo();
    const audio = reference('audio', 'audio', Buffer.from('mp3-bytes'));
    await acestep.submit(task(input, { references: [audio] }), wire.context(ENDPOINT));
    const form = wire.calls[0]?.body as FormData;
    const fields = Object.fromEntries(
      [...form.entries()].filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
    );
    expect(fields).toEqual({
      prompt: input.prompt,
      model: 'acestep-v15-turbo',
      batch_size: '1',
      use_random_seed: 'true',
      ...expected,
    });
    const file = form.get(part) as File;
    expect([file.name, await file.text()]).toEqual(['song.mp3', 'mp3-bytes']);
  });

  test('an envelope that says 500 under HTTP 200 is an error', async () => {
    const wire = new CannedWire().on('POST /release_task', { json: wireBodies.wrappedError });
    await expect(acestep.submit(task({ prompt: 'x' }), wire.context(ENDPOINT))).rejects.toMatchObject({
      kind: 'internal',
      outcome: 'unknown',
      message: 'model not initialized',
    });
  });
});

describe('acestep poll', () => {
  test('running, queued, unknown to the server', async () => {
    expect(await poll({ json: wireBodies.running })).toEqual({ state: 'pending', progress: 0.4, started: true });
    expect(await poll({ json: wireBodies.queued })).toEqual({ state: 'pending', progress: 0, started: false });
    expect(await poll({ json: wireBodies.unknown })).toEqual({ state: 'missing' });
    expect(await poll({ json: { data: [], code: 200 } })).toEqual({ state: 'missing' });
  });

  test('succeeded, without a file, failed', async () => {
    expect(await poll({ json: wireBodies.succeeded })).toEqual({
      state: 'succeeded',
      artifacts: [
        { type: 'audio', contentType: 'audio/mpeg', source: { file: '/v1/audio?path=%2Ftmp%2Fapi_audio%2Fa.mp3' } },
      ],
    });
    expect(await poll({ json: wireBodies.noFile })).toMatchObject({ state: 'failed', error: { kind: 'internal' } });
    expect(await poll({ json: wireBodies.failed })).toMatchObject({
      state: 'failed',
      error: { kind: 'internal', outcome: 'rejected' },
    });
  });

  test('a result text that is not JSON is an unreadable answer', async () => {
    await expect(poll({ json: { data: [{ status: 1, result: '{oops' }], code: 200 } })).rejects.toMatchObject({
      kind: 'internal',
    });
  });

  test('load is what waits and what runs', async () => {
    const wire = new CannedWire().on('GET /v1/stats', { json: wireBodies.stats });
    expect(await acestep.load?.(wire.context(ENDPOINT))).toBe(3);
    const cold = new CannedWire().on('GET /v1/stats', { status: 503, text: 'loading' });
    await expect(acestep.load?.(cold.context(ENDPOINT))).rejects.toMatchObject({ kind: 'unavailable' });
  });
});

describe('acestep: several stems are one job', () => {
  const audio = reference('audio', 'audio', Buffer.from('mp3-bytes'));
  const job = task({ task: 'extract', stems: ['vocals', 'bass'] }, { references: [audio] });
  const stems = {
    tasks: [
      { task_id: 'a', stem: 'vocals' },
      { task_id: 'b', stem: 'bass' },
    ],
  };
  const released = (id: string): CannedAnswer => ({ json: { data: { task_id: id }, code: 200 } });
  const row = (id: string, status: number, result: object[]) => ({
    task_id: id,
    status,
    result: JSON.stringify(result),
  });
  const running = (id: string, progress: number) => row(id, 0, [{ progress, stage: 'running' }]);
  const done = (id: string) => row(id, 1, [{ file: `/v1/audio?path=%2Ftmp%2F${id}.mp3` }]);
  const pollAll = async (data: object[]) => {
    const wire = new CannedWire().on('POST /query_result', { json: { data, code: 200 } });
    const state = await acestep.poll(stems, wire.context(ENDPOINT));
    expect(wire.calls.map(({ body }) => body)).toEqual([{ task_id_list: ['a', 'b'] }]);
    return state;
  };

  test('one task each, with the recording in each', async () => {
    const wire = new CannedWire().on('POST /release_task', released('a'), released('b'));
    expect(await acestep.submit(job, wire.context(ENDPOINT))).toEqual({ taskId: stems });
    const forms = wire.calls.map(({ body }) => body as FormData);
    expect(forms.map((form) => form.get('track_name'))).toEqual(['vocals', 'bass']);
    for (const form of forms) expect(await (form.get('src_audio') as File).text()).toBe('mp3-bytes');
  });

  test('a second that is refused leaves a first that may run', async () => {
    const full: CannedAnswer = { status: 429, json: wireBodies.queueFull };
    const wire = new CannedWire().on('POST /release_task', released('a'), full);
    await expect(acestep.submit(job, wire.context(ENDPOINT))).rejects.toMatchObject({
      kind: 'rate_limited',
      outcome: 'unknown',
    });
    const first = new CannedWire().on('POST /release_task', full);
    await expect(acestep.submit(job, first.context(ENDPOINT))).rejects.toMatchObject({ outcome: 'rejected' });
  });

  test('pending until all are done, as far as they are together', async () => {
    expect(await pollAll([running('a', 0.5), row('b', 0, [{ progress: 0, stage: 'queued' }])])).toEqual({
      state: 'pending',
      progress: 0.25,
      started: true,
    });
    expect(await pollAll([done('a'), running('b', 0.5)])).toMatchObject({ state: 'pending', progress: 0.75 });
  });

  test('done: each is named; failed or missing where one is', async () => {
    expect(await pollAll([done('b'), done('a')])).toEqual({
      state: 'succeeded',
      artifacts: ['vocals', 'bass'].map((name, index) => ({
        type: 'audio',
        name,
        contentType: 'audio/mpeg',
        source: { file: `/v1/audio?path=%2Ftmp%2F${index === 0 ? 'a' : 'b'}.mp3` },
      })),
    });
    expect(await pollAll([done('a'), row('b', 0, [])])).toEqual({ state: 'missing' });
    expect(await pollAll([running('a', 0.1), row('b', 2, [])])).toMatchObject({ state: 'failed' });
  });
});

describe('acestep: what a route can not do', () => {
  test.each([
    [{ prompt: 'p', lyrics: 'la', seed: 1 }, {}, {}, []],
    [{ task: 'cover', prompt: 'p' }, { audio: 1 }, {}, []],
    [{ task: 'extract', stems: ['vocals'] }, { audio: 1 }, { tasks: ['generate', 'extract'] }, []],
    [
      { task: 'extract', stems: ['vocals'] },
      { audio: 1 },
      {},
      ['task extract is not one of generate, cover, repaint on this server'],
    ],
    [
      { task: 'extract', stems: ['vocals', 'vocals', 'choir'] },
      { audio: 1 },
      { tasks: ['extract'] },
      [
        'stems names a part twice',
        'stems choir is not one of woodwinds, brass, fx, synth, strings, percussion, keyboard, guitar, bass, drums, backing_vocals, vocals',
      ],
    ],
    [{ task: 'extract', stems: ['vocals', 'bass'] }, { audio: 1 }, { tasks: ['extract'] }, []],
    [{ task: 'extract', stems: [] }, { audio: 1 }, { tasks: ['extract'] }, ['task extract needs stems']],
    [{ task: 'cover' }, {}, {}, ['task cover needs audio']],
    [
      { prompt: 'p', negative_prompt: 'n' },
      { images: 1 },
      {},
      ['negative_prompt is not taken by ACE-Step', 'images is not taken by ACE-Step'],
    ],
    [{ lyrics: 'la', instrumental: true }, {}, {}, ['lyrics and instrumental exclude each other']],
    [
      { duration_seconds: 5, bpm: 100.5 },
      {},
      {},
      ['duration_seconds must be from 10 to 600', 'bpm must be a whole number from 30 to 300'],
    ],
    [{ format: 'ogg' }, {}, {}, ['format ogg is not one of mp3, wav, flac']],
    [{ prompt: 'p', strength: 0.5 }, {}, {}, ['strength belongs to task cover']],
  ] as const)('%j %j %j', (input, references, settings, expected) => {
    const plain = structuredClone({ input, references, settings }) as unknown as Pick<
      TaskShape,
      'input' | 'references' | 'settings'
    >;
    expect(acestep.unsupported(shape(plain.input, plain.references, plain.settings))).toEqual(expected);
  });

  test('options can not raise the cost or pick a server path', () => {
    for (const refused of [{ batch_size: 8 }, { src_audio_path: '/etc/passwd' }, { model: 'x' }])
      expect(acestep.options.safeParse(refused).success).toBe(false);
  });
});
