import { CannedWire, readAll, reference, type CannedAnswer } from '../../../test/support/provider-wire.js';
import type { Adapter, MediaTask, TaskShape } from '../contract.js';
import errors from './fixtures/errors.json' with { type: 'json' };
import gemini from './fixtures/gemini.json' with { type: 'json' };
import vertex from './fixtures/vertex.json' with { type: 'json' };
import { google, makeGoogle } from './index.js';

const GEMINI = 'https://generativelanguage.googleapis.com/v1beta';
const VERTEX = 'https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/publishers/google';
const VERTEX_START = 'POST /models/veo-3.1-generate-001:predictLongRunning';
const VERTEX_POLL = 'POST /models/veo-3.1-generate-001:fetchPredictOperation';

const task = (wire: 'vertex' | 'gemini', more: Partial<MediaTask> = {}): MediaTask => ({
  jobId: 'job_1',
  modality: 'video',
  operation: 'text_to_video',
  model: wire === 'vertex' ? 'veo-3.1-generate-001' : 'veo-3.1-generate-preview',
  input: { prompt: 'A kite over dunes' },
  references: [],
  options: {},
  settings: { wire },
  ...more,
});

const shape = (
  wire: 'vertex' | 'gemini',
  input: TaskShape['input'],
  references: TaskShape['references'] = {},
): TaskShape => ({
  modality: 'video',
  operation: 'text_to_video',
  model: 'veo-3.1-generate-001',
  input,
  references,
  settings: { wire },
});

const vertexTask = { wire: 'vertex', model: 'veo-3.1-generate-001', name: vertex.started.name };
const geminiTask = { wire: 'gemini', model: 'veo-3.1-generate-preview', name: gemini.started.name };

async function pollVertex(answer: CannedAnswer) {
  return google.poll(vertexTask, new CannedWire().on(VERTEX_POLL, answer).context(VERTEX));
}
async function pollGemini(answer: CannedAnswer) {
  return google.poll(geminiTask, new CannedWire().on(`GET /${gemini.started.name}`, answer).context(GEMINI));
}

describe('google submit', () => {
  test('Vertex gets every field as its SDK sends it, and a bearer', async () => {
    const wire = new CannedWire().on(VERTEX_START, { json: vertex.started });
    const submitted = await google.submit(
      task('vertex', {
        input: {
          prompt: 'A kite over dunes',
          negative_prompt: 'text',
          duration_seconds: 6,
          aspect_ratio: '16:9',
          resolution: '720p',
          seed: 4294967295,
          generate_audio: false,
        },
        references: [
          reference('last_image', 'image', Buffer.from('png2')),
          reference('image', 'image', Buffer.from('png')),
        ],
        options: { person_generation: 'allow_adult' },
      }),
      wire.context(VERTEX, { credential: { kind: 'bearer', token: 'ya29' } }),
    );
    expect(wire.calls[0]?.body).toEqual(vertex.request);
    expect(wire.calls[0]?.headers).toEqual({ 'content-type': 'application/json', authorization: 'Bearer ya29' });
    expect(submitted).toEqual({ taskId: vertexTask });
  });

  test('the Gemini API gets neither seed nor generateAudio, and the key in its header', async () => {
    const wire = new CannedWire().on('POST /models/veo-3.1-generate-preview:predictLongRunning', {
      json: gemini.started,
    });
    const submitted = await google.submit(
      task('gemini', {
        input: {
          prompt: 'A kite over dunes',
          duration_seconds: 8,
          aspect_ratio: '9:16',
          generate_audio: true,
          seed: null,
        },
        references: [
          reference('reference_images', 'image', Buffer.from('jpg'), { index: 1, contentType: 'image/jpeg' }),
          reference('reference_images', 'image', Buffer.from('png')),
        ],
      }),
      wire.context(GEMINI),
    );
    expect(wire.calls[0]?.body).toEqual(gemini.request);
    expect(wire.calls[0]?.headers['x-goog-api-key']).toBe('test-key');
    expect(submitted).toEqual({ taskId: geminiTask });
  });

  test('a clip to extend is written as each wire names it', async () => {
    const clip = [reference('video', 'video', Buffer.from('mp4'))];
    const onVertex = new CannedWire().on(VERTEX_START, { json: vertex.started });
    await google.submit(task('vertex', { references: clip }), onVertex.context(VERTEX));
    const onGemini = new CannedWire().on('POST /models/veo-3.1-generate-preview:predictLongRunning', {
      json: gemini.started,
    });
    await google.submit(task('gemini', { references: clip }), onGemini.context(GEMINI));
    expect(onVertex.calls[0]?.body).toMatchObject({
      instances: [{ video: { bytesBase64Encoded: 'bXA0', mimeType: 'video/mp4' } }],
    });
    expect(onGemini.calls[0]?.body).toMatchObject({
      instances: [{ video: { encodedVideo: 'bXA0', encoding: 'video/mp4' } }],
    });
  });

  test('a service account is exchanged by the injected source', async () => {
    const adapter: Adapter = makeGoogle(async (json) => `token-of-${json}`);
    const wire = new CannedWire().on(VERTEX_START, { json: vertex.started });
    await adapter.submit(
      task('vertex'),
      wire.context(VERTEX, { credential: { kind: 'google_service_account', json: 'acct' } }),
    );
    expect(wire.calls[0]?.headers['authorization']).toBe('Bearer token-of-acct');
  });

  test('a WebP reference, a huge one, a missing credential: refused before anything is sent', async () => {
    const wire = new CannedWire();
    const webp = reference('image', 'image', Buffer.from('x'), { contentType: 'image/webp' });
    const huge = reference('image', 'image', Buffer.from('x'), { bytes: 21 * 1024 * 1024 });
    await expect(google.submit(task('vertex', { references: [webp] }), wire.context(VERTEX))).rejects.toMatchObject({
      kind: 'invalid_input',
      detail: { param: 'image' },
    });
    await expect(google.submit(task('vertex', { references: [huge] }), wire.context(VERTEX))).rejects.toMatchObject({
      kind: 'invalid_input',
    });
    await expect(google.submit(task('vertex'), wire.context(VERTEX, { credential: null }))).rejects.toMatchObject({
      kind: 'auth',
    });
    expect(wire.calls).toEqual([]);
  });

  test.each([
    [400, errors.blocked, 'content_policy', 'rejected'],
    [400, errors.invalid, 'invalid_input', 'rejected'],
    [400, errors.badKey, 'auth', 'rejected'],
    [400, errors.billing, 'quota', 'rejected'],
    [403, { error: { code: 403, message: 'denied', status: 'PERMISSION_DENIED' } }, 'auth', 'rejected'],
    [404, errors.retired, 'not_found', 'rejected'],
    [429, errors.rateLimited, 'rate_limited', 'rejected'],
    [429, errors.dailyQuota, 'quota', 'rejected'],
    [500, errors.internal, 'internal', 'unknown'],
    [503, errors.unavailable, 'unavailable', 'rejected'],
    [502, '<html>bad gateway</html>', 'unavailable', 'unknown'],
    [503, 'upstream connect error', 'unavailable', 'unknown'],
    [504, 'timeout', 'timeout', 'unknown'],
  ])('HTTP %i %j is %s, %s', async (status, json, kind, outcome) => {
    const wire = new CannedWire().on(
      VERTEX_START,
      typeof json === 'string' ? { status, text: json } : { status, json },
    );
    await expect(google.submit(task('vertex'), wire.context(VERTEX))).rejects.toMatchObject({
      kind,
      outcome,
      detail: { upstreamStatus: status },
    });
  });
});

describe('google poll', () => {
  test('Vertex: the inline video never becomes part of the answer', async () => {
    const wire = new CannedWire().on(VERTEX_POLL, { json: vertex.done, chunkBytes: 7 });
    const state = await google.poll(vertexTask, wire.context(VERTEX));
    expect(state).toEqual({
      state: 'succeeded',
      artifacts: [{ type: 'video', contentType: 'video/mp4', source: { inline: 0 } }],
    });
    expect(wire.calls[0]?.body).toEqual({ operationName: vertex.started.name });
  });

  test('Vertex: the video is read again and decoded as it passes', async () => {
    const wire = new CannedWire().on(VERTEX_POLL, { json: vertex.done, chunkBytes: 5 });
    const artifact = { type: 'video' as const, source: { inline: 0 } };
    const opened = await google.openArtifact(artifact, vertexTask, wire.context(VERTEX), 9);
    expect(opened.offset).toBe(0);
    expect(await readAll(opened.body)).toEqual(Buffer.from('AAAAIGZ0eXBpc29tAAACAA==', 'base64'));
  });

  test('running, filtered, failed, ended with nothing', async () => {
    expect(await pollVertex({ json: vertex.running })).toEqual({ state: 'pending', started: true });
    expect(await pollGemini({ json: gemini.running })).toEqual({ state: 'pending', started: true });
    expect(await pollVertex({ json: vertex.filtered })).toMatchObject({
      state: 'failed',
      error: { kind: 'content_policy', outcome: 'rejected' },
    });
    expect(await pollGemini({ json: gemini.filtered })).toMatchObject({
      state: 'failed',
      error: { kind: 'content_policy', message: expect.stringContaining('issue with the audio') as string },
    });
    expect(await pollVertex({ json: vertex.failed })).toMatchObject({
      state: 'failed',
      error: { kind: 'unavailable', outcome: 'rejected' },
    });
    expect(await pollVertex({ json: vertex.empty })).toMatchObject({
      state: 'failed',
      error: { kind: 'internal', outcome: 'unknown' },
    });
  });

  test('some videos filtered: the rest succeed with a warning', async () => {
    expect(await pollGemini({ json: gemini.partlyFiltered })).toMatchObject({
      state: 'succeeded',
      artifacts: [{ type: 'video' }],
      warnings: [expect.stringContaining('1 more video') as string],
    });
  });

  test('a result in a bucket is a failure that says so', async () => {
    const json = { done: true, response: { videos: [{ gcsUri: 'gs://b/o.mp4' }] } };
    expect(await pollVertex({ json })).toMatchObject({
      state: 'failed',
      error: { message: expect.stringContaining('bucket') as string },
    });
  });
});

describe('google: what a route can not do', () => {
  test.each([
    [
      'vertex',
      { prompt: 'p', seed: 7, generate_audio: false, duration_seconds: 4, aspect_ratio: '9:16', fps: 24 },
      {},
      [],
    ],
    ['gemini', { prompt: 'p', generate_audio: true }, { image: 1, last_image: 1 }, []],
    ['gemini', { prompt: 'p', seed: 7 }, {}, ['seed is not taken by the Gemini API']],
    ['gemini', { prompt: 'p', generate_audio: false }, {}, ['generate_audio can not be false on the Gemini API']],
    ['vertex', { prompt: 'p', seed: 2 ** 32 }, {}, ['seed must be a whole number from 0 to 4294967295']],
    ['vertex', { prompt: 'p', aspect_ratio: '1:1' }, {}, ['aspect_ratio "1:1" is not one of 16:9, 9:16']],
    [
      'vertex',
      { prompt: 'p', duration_seconds: 6, resolution: '1080p' },
      {},
      ['duration_seconds must be 8 with resolution 1080p'],
    ],
    [
      'vertex',
      { prompt: 'p', duration_seconds: 4 },
      { reference_images: 1 },
      ['duration_seconds must be 8 with reference_images'],
    ],
    ['vertex', { prompt: 'p' }, { image: 1, reference_images: 1 }, ['image and reference_images exclude each other']],
    ['vertex', { prompt: 'p' }, { last_image: 1 }, ['last_image needs image']],
    [
      'vertex',
      { prompt: 'p', resolution: '1080p' },
      { video: 1 },
      ['resolution must be 720p when a video is extended'],
    ],
    [
      'vertex',
      { prompt: 'p', camera: 'pan' },
      { reference_audios: 1 },
      ['camera is not taken by Veo', 'reference_audios is not taken by Veo'],
    ],
  ] as const)('%s %j %j', (wire, input, references, expected) => {
    expect(google.unsupported(shape(wire, { ...input }, references))).toEqual(expected);
  });

  test('options name neither price nor destination', () => {
    for (const refused of [{ sampleCount: 2 }, { storage_uri: 'gs://x' }, { webhook_config: {} }])
      expect(google.options.safeParse(refused).success).toBe(false);
    expect(google.options.parse({ enhance_prompt: true })).toEqual({ enhance_prompt: true });
  });

  test('settings without a wire stop the start', () => {
    expect(google.settings.safeParse({}).success).toBe(false);
    expect(google.settings.safeParse({ wire: 'vertex', project: 'p', location: 'global' }).success).toBe(true);
  });
});
