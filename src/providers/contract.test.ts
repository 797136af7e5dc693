import { fileURLToPath } from 'node:url';
import { CannedWire, NOW_MS, readAll, TOKEN, type CannedAnswer } from '../../test/support/provider-wire.js';
import type { JsonObject, JsonValue } from '../common/json.js';
import { EgressError } from '../egress/egress.js';
import ace from './acestep/fixtures/wire.json' with { type: 'json' };
import comfy from './comfyui/fixtures/answers.json' with { type: 'json' };
import { loadWorkflow } from './comfyui/workflow-loader.js';
import { ProviderError, type Adapter, type Artifact, type MediaTask, type ProviderContext } from './contract.js';
import googleErrors from './google/fixtures/errors.json' with { type: 'json' };
import gemini from './google/fixtures/gemini.json' with { type: 'json' };
import vertex from './google/fixtures/vertex.json' with { type: 'json' };
import { adapterFor } from './registry.js';

/** How one wire says what every wire has to say. `null`: this wire has no such thing. */
interface Subject {
  provider: string;
  endpoint: string;
  task: Omit<MediaTask, 'jobId' | 'references' | 'options'>;
  taskId: JsonValue;
  submitAt: string;
  pollAt: string;
  submitted: unknown;
  pending: { json: unknown; progress?: number };
  succeeded: CannedAnswer;
  /** Where the bytes are read from, and what the file is. */
  download: { at: string; answer: CannedAnswer; resumes: boolean };
  blocked: unknown;
  invalid: { status: number; json: unknown };
  rateLimited: { status: number; headers?: Record<string, string>; json: unknown };
  missing: { status?: number; json: unknown };
  /** A result that the provider says is on another host. */
  elsewhere: { poll: unknown; at: string } | null;
  cancelAt: { at: string; canceled: unknown; tooLate: unknown } | null;
}

const FILE = Buffer.from('AAAAIGZ0eXBpc29tAAACAA==', 'base64');
const served: CannedAnswer = {
  bytes: FILE,
  headers: { 'content-length': String(FILE.length), 'content-type': 'video/mp4' },
};
const wan = loadWorkflow(
  fileURLToPath(new URL('../../workflows', import.meta.url)),
  'wan-2.2.mapping.json',
) as unknown as JsonObject;
const comfyFile = new URLSearchParams({
  filename: `${TOKEN}_00001_.mp4`,
  subfolder: 'kiln/job_1',
  type: 'output',
}).toString();
const vertexPoll = 'POST /models/veo-3.1-generate-001:fetchPredictOperation';

const subjects: Record<string, Subject> = {
  'google (vertex)': {
    provider: 'google',
    endpoint: 'https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/publishers/google',
    task: {
      modality: 'video',
      operation: 'text_to_video',
      model: 'veo-3.1-generate-001',
      input: { prompt: 'a kite' },
      settings: { wire: 'vertex' },
    },
    taskId: { wire: 'vertex', model: 'veo-3.1-generate-001', name: vertex.started.name },
    submitAt: 'POST /models/veo-3.1-generate-001:predictLongRunning',
    pollAt: vertexPoll,
    submitted: vertex.started,
    pending: { json: vertex.running },
    succeeded: { json: vertex.done },
    download: { at: vertexPoll, answer: { json: vertex.done, chunkBytes: 11 }, resumes: false },
    blocked: vertex.filtered,
    invalid: { status: 400, json: googleErrors.invalid },
    rateLimited: { status: 429, json: googleErrors.rateLimited },
    missing: { status: 404, json: googleErrors.notFound },
    elsewhere: null,
    cancelAt: null,
  },
  'google (gemini)': {
    provider: 'google',
    endpoint: 'https://generativelanguage.googleapis.com/v1beta',
    task: {
      modality: 'video',
      operation: 'text_to_video',
      model: 'veo-3.1-generate-preview',
      input: { prompt: 'a kite' },
      settings: { wire: 'gemini' },
    },
    taskId: { wire: 'gemini', model: 'veo-3.1-generate-preview', name: gemini.started.name },
    submitAt: 'POST /models/veo-3.1-generate-preview:predictLongRunning',
    pollAt: `GET /${gemini.started.name}`,
    submitted: gemini.started,
    pending: { json: gemini.running },
    succeeded: { json: gemini.done },
    download: { at: 'GET /files/abc:download?alt=media', answer: served, resumes: true },
    blocked: gemini.filtered,
    invalid: { status: 400, json: googleErrors.invalid },
    rateLimited: { status: 429, headers: { 'retry-after': '30' }, json: googleErrors.rateLimited },
    missing: { status: 404, json: googleErrors.notFound },
    elsewhere: { poll: gemini.doneElsewhere, at: 'GET https://cdn.example.com/clip.mp4' },
    cancelAt: null,
  },
  comfyui: {
    provider: 'comfyui',
    endpoint: 'http://comfy-0:8188',
    task: {
      modality: 'video',
      operation: 'text_to_video',
      model: 'wan-2.2',
      input: { prompt: 'a kite' },
      settings: wan,
    },
    taskId: { prompt_id: TOKEN, output: ['11'] },
    submitAt: 'POST /prompt',
    pollAt: `GET /api/jobs/${TOKEN}`,
    submitted: comfy.accepted,
    pending: { json: comfy.jobRunning },
    succeeded: { json: comfy.jobCompleted },
    download: { at: `GET /view?${comfyFile}`, answer: served, resumes: true },
    blocked: null,
    invalid: { status: 400, json: comfy.badValue },
    rateLimited: { status: 429, headers: { 'retry-after': '30' }, json: {} },
    missing: { status: 404, json: comfy.jobNotFound },
    elsewhere: null,
    cancelAt: { at: `POST /api/jobs/${TOKEN}/cancel`, canceled: { cancelled: true }, tooLate: { cancelled: false } },
  },
  acestep: {
    provider: 'acestep',
    endpoint: 'http://ace.internal:8001',
    task: {
      modality: 'music',
      operation: 'generate',
      model: 'acestep-v15-turbo',
      input: { prompt: 'lo-fi' },
      settings: {},
    },
    taskId: { task_id: '550e8400-e29b-41d4-a716-446655440000' },
    submitAt: 'POST /release_task',
    pollAt: 'POST /query_result',
    submitted: ace.released,
    pending: { json: ace.running, progress: 0.4 },
    succeeded: { json: ace.succeeded },
    download: { at: 'GET /v1/audio?path=%2Ftmp%2Fapi_audio%2Fa.mp3', answer: served, resumes: true },
    blocked: null,
    invalid: { status: 400, json: ace.invalid },
    rateLimited: { status: 429, headers: { 'retry-after': '30' }, json: ace.queueFull },
    missing: { json: ace.unknown },
    elsewhere: { poll: ace.elsewhere, at: 'GET https://cdn.example.com/a.mp3' },
    cancelAt: null,
  },
};

const CREDENTIAL_HEADERS = ['authorization', 'x-goog-api-key'];

describe.each(Object.entries(subjects))('%s', (_name, subject) => {
  const adapter: Adapter = adapterFor(subject.provider);
  const task: MediaTask = { ...subject.task, jobId: 'job_1', references: [], options: {} };
  const on = (at: string, ...answers: CannedAnswer[]): CannedWire => new CannedWire().on(at, ...answers);
  const ctxOf = (wire: CannedWire): ProviderContext => wire.context(subject.endpoint);
  const submit = async (answer: CannedAnswer) => adapter.submit(task, ctxOf(on(subject.submitAt, answer)));
  const poll = async (answer: CannedAnswer) => adapter.poll(subject.taskId, ctxOf(on(subject.pollAt, answer)));
  const artifactOf = async (answer: CannedAnswer): Promise<Artifact> => {
    const state = await poll(answer);
    if (state.state !== 'succeeded' || !state.artifacts[0])
      throw new Error(`expected a result, got ${JSON.stringify(state)}`);
    return state.artifacts[0];
  };

  test('a plain request fits the route, and its settings and options are what it says', () => {
    expect(adapter.unsupported({ ...subject.task, references: {} })).toEqual([]);
    expect(adapter.settings.safeParse(subject.task.settings).success).toBe(true);
    expect(adapter.options.parse({})).toEqual({});
    expect(adapter.options.safeParse({ nonsense: 1 }).success).toBe(false);
  });

  test('success: the task id survives JSON, and the bytes are the file', async () => {
    const { taskId } = await submit({ json: subject.submitted });
    expect(JSON.parse(JSON.stringify(taskId))).toEqual(subject.taskId);
    const artifact = JSON.parse(JSON.stringify(await artifactOf(subject.succeeded))) as Artifact;
    const opened = await adapter.openArtifact(
      artifact,
      subject.taskId,
      ctxOf(on(subject.download.at, subject.download.answer)),
      0,
    );
    expect(opened.offset).toBe(0);
    expect(await readAll(opened.body)).toEqual(FILE);
  });

  test('resume: from where the source honours Range, else from the start', async () => {
    const artifact = await artifactOf(subject.succeeded);
    const partial: CannedAnswer = {
      status: 206,
      bytes: FILE.subarray(6),
      headers: { 'content-range': `bytes 6-${FILE.length - 1}/${FILE.length}` },
    };
    const wire = on(subject.download.at, subject.download.resumes ? partial : subject.download.answer);
    const opened = await adapter.openArtifact(artifact, subject.taskId, ctxOf(wire), 6);
    expect(opened.offset).toBe(subject.download.resumes ? 6 : 0);
    expect(await readAll(opened.body)).toEqual(FILE.subarray(opened.offset));
    const whole = await adapter.openArtifact(
      artifact,
      subject.taskId,
      ctxOf(on(subject.download.at, subject.download.answer)),
      6,
    );
    expect(whole.offset).toBe(0);
  });

  test('pending, with progress where the wire has one', async () => {
    const state = await poll({ json: subject.pending.json });
    expect(state).toMatchObject({ state: 'pending', started: true });
    expect(state.state === 'pending' && state.progress).toBe(subject.pending.progress);
  });

  test('rate limit: rejected, and when to come back', async () => {
    await expect(submit(subject.rateLimited)).rejects.toMatchObject({
      kind: 'rate_limited',
      outcome: 'rejected',
      detail: { retryAfterMs: 30_000, upstreamStatus: 429 },
    });
    await expect(poll(subject.rateLimited)).rejects.toMatchObject({ kind: 'rate_limited' });
    const dated = { status: 429, text: '', headers: { 'retry-after': new Date(NOW_MS + 5000).toUTCString() } };
    await expect(poll(dated)).rejects.toMatchObject({ detail: { retryAfterMs: 5000 } });
  });

  test('content block, where the wire has a filter, fails the job and is not billed', async () => {
    if (subject.blocked === null) expect(adapter.can.resubmitSafe).toBe(true);
    else
      expect(await poll({ json: subject.blocked })).toMatchObject({
        state: 'failed',
        error: { kind: 'content_policy', outcome: 'rejected' },
      });
  });

  test('invalid input is rejected', async () => {
    await expect(submit(subject.invalid)).rejects.toMatchObject({ kind: 'invalid_input', outcome: 'rejected' });
  });

  test.each([401, 403])('HTTP %i is auth', async (status) => {
    await expect(submit({ status, text: 'no' })).rejects.toMatchObject({ kind: 'auth', outcome: 'rejected' });
    await expect(poll({ status, text: 'no' })).rejects.toMatchObject({ kind: 'auth' });
  });

  test.each(['<html>', '{}', '[]', 'null', '{"data":null,"code":200}'])(
    'a submit answered 200 with %j may have been bought',
    async (text) => {
      await expect(submit({ text })).rejects.toMatchObject({ kind: 'internal', outcome: 'unknown' });
    },
  );

  test('a poll answered with what is no JSON is an error of the poll, not of the task', async () => {
    await expect(poll({ text: '<html>' })).rejects.toBeInstanceOf(ProviderError);
  });

  test('timeout and a socket that dies after sending: outcome unknown; before: rejected', async () => {
    await expect(submit(new EgressError('timeout', 'no headers', true))).rejects.toMatchObject({
      kind: 'timeout',
      outcome: 'unknown',
    });
    await expect(submit(new EgressError('reset', 'socket hang up', true))).rejects.toMatchObject({
      kind: 'unavailable',
      outcome: 'unknown',
    });
    for (const reason of ['connect', 'dns', 'tls', 'blocked'] as const)
      await expect(submit(new EgressError(reason, 'no way', false))).rejects.toMatchObject({
        kind: 'unavailable',
        outcome: 'rejected',
      });
    await expect(poll(new EgressError('connect', 'refused', false))).rejects.toMatchObject({
      kind: 'unavailable',
      outcome: 'unknown',
    });
  });

  test('a result that has expired is not_found', async () => {
    const artifact = await artifactOf(subject.succeeded);
    const gone = subject.download.resumes
      ? { status: 404, text: 'gone' }
      : { status: 404, json: googleErrors.notFound };
    await expect(
      adapter.openArtifact(artifact, subject.taskId, ctxOf(on(subject.download.at, gone)), 0),
    ).rejects.toMatchObject({ kind: 'not_found' });
  });

  test('credentials go to the endpoint, never to another host', async () => {
    const own = on(subject.download.at, subject.download.answer);
    await adapter.openArtifact(await artifactOf(subject.succeeded), subject.taskId, ctxOf(own), 0);
    expect(own.calls[0]?.trust).toBe('endpoint');
    expect(CREDENTIAL_HEADERS.filter((name) => own.calls[0]?.headers[name])).toHaveLength(1);
    if (subject.elsewhere === null) return;
    const foreign = on(subject.elsewhere.at, served);
    await adapter.openArtifact(await artifactOf({ json: subject.elsewhere.poll }), subject.taskId, ctxOf(foreign), 0);
    expect(foreign.calls[0]?.trust).toBe('foreign');
    expect(CREDENTIAL_HEADERS.filter((name) => foreign.calls[0]?.headers[name])).toEqual([]);
  });

  test('a task the provider does not know is missing', async () => {
    expect(await poll(subject.missing)).toEqual({ state: 'missing' });
  });

  test('cancel, where the wire has it', async () => {
    expect(adapter.can.cancel).toBe(subject.cancelAt !== null);
    expect(adapter.cancel !== undefined).toBe(adapter.can.cancel);
    if (!subject.cancelAt) return;
    const { at, canceled, tooLate } = subject.cancelAt;
    expect(await adapter.cancel?.(subject.taskId, ctxOf(on(at, { json: canceled })))).toBe('canceled');
    expect(await adapter.cancel?.(subject.taskId, ctxOf(on(at, { json: tooLate })))).toBe('too_late');
  });

  test('what it says it can, it has', () => {
    expect(adapter.id).toBe(subject.provider);
    expect(adapter.findByToken !== undefined).toBe(adapter.can.findByToken);
    expect(adapter.can).toMatchObject({ callback: false, synchronous: false });
  });

  test('a task id of another shape is an error', async () => {
    await expect(adapter.poll({ other: 1 }, ctxOf(new CannedWire()))).rejects.toBeInstanceOf(ProviderError);
  });
});
