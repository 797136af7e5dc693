import { CannedWire, NOW_MS, readAll, type CannedAnswer } from '../../test/support/provider-wire.js';
import type { Subject, SynchronousSubject, TaskSubject } from '../../test/support/contract-subject.js';
import { EgressError } from '../egress/egress.js';
import { subjects as acestep } from './acestep/test-subjects.js';
import { subjects as ark } from './ark/test-subjects.js';
import { subjects as comfyui } from './comfyui/test-subjects.js';
import { ProviderError, type Adapter, type Artifact, type MediaTask, type ProviderContext } from './contract.js';
import { subjects as fal } from './fal/test-subjects.js';
import { subjects as google } from './google/test-subjects.js';
import { subjects as gpu } from './gpu/test-subjects.js';
import { subjects as kling } from './kling/test-subjects.js';
import { subjects as openai } from './openai/test-subjects.js';
import { adapterFor, adapters } from './registry.js';
import { subjects as replicate } from './replicate/test-subjects.js';

const subjects: Readonly<Record<string, Subject>> = {
  ...google,
  ...comfyui,
  ...acestep,
  ...ark,
  ...openai,
  ...kling,
  ...replicate,
  ...gpu,
  ...fal,
};

const CREDENTIAL_HEADERS = ['authorization', 'x-goog-api-key'];
const CALLBACK_URL = 'https://kiln.example.com/callbacks/provider/secret-token';
/** 200 answers that name no task and no result. */
const MALFORMED = ['<html>', '{}', '[]', 'null', '{"data":null,"code":200}'];

const taskOf = (subject: Subject): MediaTask => ({ ...subject.task, jobId: 'job_1', references: [], options: {} });

function wireOf(subject: Subject, at: string, ...answers: CannedAnswer[]): CannedWire {
  const wire = new CannedWire();
  for (const [path, answer] of Object.entries(subject.also ?? {})) wire.on(path, answer);
  return wire.on(at, ...answers);
}

async function submit(subject: Subject, answer: CannedAnswer, more: Partial<ProviderContext> = {}) {
  const wire = wireOf(subject, subject.submitAt, answer);
  const submitted = await adapterFor(subject.provider).submit(taskOf(subject), wire.context(subject.endpoint, more));
  return { submitted, wire };
}

async function poll(subject: TaskSubject, answer: CannedAnswer) {
  const ctx = wireOf(subject, subject.pollAt, answer).context(subject.endpoint);
  return adapterFor(subject.provider).poll(subject.taskId, ctx);
}

test('every adapter has a subject', () => {
  expect(new Set(Object.values(subjects).map(({ provider }) => provider))).toEqual(new Set(adapters.keys()));
});

describe.each(Object.entries(subjects))('%s: a submit', (_name, subject) => {
  const adapter: Adapter = adapterFor(subject.provider);

  test('a plain request fits the route, and its settings and options are what it says', () => {
    expect(adapter.unsupported({ ...subject.task, references: {} })).toEqual([]);
    expect(adapter.settings.safeParse(subject.task.settings).success).toBe(true);
    expect(adapter.options.parse({})).toEqual({});
    expect(adapter.options.safeParse({ nonsense: 1 }).success).toBe(false);
  });

  test('what it says it can, it has', () => {
    const can = adapter.can(subject.task.settings);
    expect(can.synchronous).toBe(subject.kind === 'synchronous');
    if (can.findByToken) expect(adapter.findByToken).toBeDefined();
    if (can.cancel) expect(adapter.cancel).toBeDefined();
    expect(adapter.modalities).toContain(subject.task.modality);
  });

  test('rate limit: rejected, and when to come back', async () => {
    await expect(submit(subject, subject.rateLimited.answer)).rejects.toMatchObject({
      kind: 'rate_limited',
      outcome: 'rejected',
      detail: subject.rateLimited.retryAfterMs === null ? {} : { retryAfterMs: subject.rateLimited.retryAfterMs },
    });
  });

  test('invalid input is rejected', async () => {
    await expect(submit(subject, subject.invalid)).rejects.toMatchObject({
      kind: 'invalid_input',
      outcome: 'rejected',
    });
  });

  test('a content block is told as one, also where it looks like success', async () => {
    for (const blocked of subject.blockedAtSubmit)
      await expect(submit(subject, blocked)).rejects.toMatchObject({ kind: 'content_policy', outcome: 'rejected' });
  });

  test.each([401, 403])('HTTP %i is auth', async (status) => {
    await expect(submit(subject, { status, text: 'no' })).rejects.toMatchObject({ kind: 'auth', outcome: 'rejected' });
  });

  test.each([...MALFORMED, ...(subject.malformed ?? [])])('answered 200 with %j may have been bought', async (text) => {
    await expect(submit(subject, { text })).rejects.toMatchObject({ kind: 'internal', outcome: 'unknown' });
  });

  test('timeout and a socket that dies after sending: outcome unknown; before: rejected', async () => {
    await expect(submit(subject, new EgressError('timeout', 'no headers', true))).rejects.toMatchObject({
      kind: 'timeout',
      outcome: 'unknown',
    });
    await expect(submit(subject, new EgressError('reset', 'socket hang up', true))).rejects.toMatchObject({
      kind: 'unavailable',
      outcome: 'unknown',
    });
    for (const reason of ['connect', 'dns', 'tls', 'blocked'] as const)
      await expect(submit(subject, new EgressError(reason, 'no way', false))).rejects.toMatchObject({
        kind: 'unavailable',
        outcome: 'rejected',
      });
  });

  test('the credential goes in one header, to the endpoint', async () => {
    const { wire } = await submit(subject, subject.kind === 'task' ? subject.submitted : subject.succeeded);
    const [call] = wire.callsTo(subject.submitAt.split(' ')[1] ?? '');
    expect(call?.trust).toBe('endpoint');
    expect(CREDENTIAL_HEADERS.filter((name) => call?.headers[name])).toHaveLength(1);
    expect(JSON.stringify([call?.url, call?.body])).not.toContain('test-key');
  });
});

const synchronous = Object.entries(subjects).filter(
  (entry): entry is [string, SynchronousSubject] => entry[1].kind === 'synchronous',
);
if (synchronous.length > 0)
  describe.each(synchronous)('%s: a synchronous wire', (_name, subject) => {
    test('success: everything the answer held is kept', async () => {
      const { submitted, wire } = await submit(subject, subject.succeeded);
      expect(submitted.artifacts?.map(({ type, kept }) => ({ type, bytes: wire.kept.get(kept ?? '') }))).toEqual(
        subject.kept,
      );
    });

    test('an answer that breaks off may have been bought', async () => {
      if (subject.succeeded instanceof Error) throw new Error('a success is an answer');
      const whole = subject.succeeded.text ?? JSON.stringify(subject.succeeded.json);
      const cut = { ...subject.succeeded, json: undefined, text: whole.slice(0, whole.length / 2) };
      await expect(submit(subject, cut)).rejects.toMatchObject({ outcome: 'unknown' });
    });
  });

const tasks = Object.entries(subjects).filter((entry): entry is [string, TaskSubject] => entry[1].kind === 'task');

describe.each(tasks)('%s: a task', (_name, subject) => {
  const adapter: Adapter = adapterFor(subject.provider);
  const { download } = subject;
  const artifactOf = async (answer: CannedAnswer): Promise<Artifact> => {
    const state = await poll(subject, answer);
    if (state.state !== 'succeeded' || !state.artifacts[0])
      throw new Error(`expected a result, got ${JSON.stringify(state)}`);
    return state.artifacts[0];
  };
  const open = async (artifact: Artifact, wire: CannedWire, offset = 0) =>
    adapter.openArtifact(artifact, subject.taskId, wire.context(subject.endpoint), offset);
  const file = async (): Promise<Buffer> =>
    readAll((await open(await artifactOf(subject.succeeded), wireOf(subject, download.at, download.answer))).body);

  test('success: the task id survives JSON, and the bytes are the file', async () => {
    const { submitted } = await submit(subject, subject.submitted);
    expect(JSON.parse(JSON.stringify(submitted.taskId))).toEqual(subject.taskId);
    const artifact = JSON.parse(JSON.stringify(await artifactOf(subject.succeeded))) as Artifact;
    const opened = await open(artifact, wireOf(subject, download.at, download.answer));
    expect(opened.offset).toBe(0);
    expect((await readAll(opened.body)).length).toBeGreaterThan(0);
  });

  test('resume: from where the source honours Range, else from the start', async () => {
    const whole = await file();
    const artifact = await artifactOf(subject.succeeded);
    const partial: CannedAnswer = {
      status: 206,
      bytes: whole.subarray(6),
      headers: { 'content-range': `bytes 6-${whole.length - 1}/${whole.length}` },
    };
    const opened = await open(artifact, wireOf(subject, download.at, download.resumes ? partial : download.answer), 6);
    expect(opened.offset).toBe(download.resumes ? 6 : 0);
    expect(await readAll(opened.body)).toEqual(whole.subarray(opened.offset));
    const deaf = await open(artifact, wireOf(subject, download.at, download.answer), 6);
    expect(deaf.offset).toBe(0);
  });

  test('pending, with progress where the wire has one', async () => {
    const state = await poll(subject, subject.pending.answer);
    expect(state).toMatchObject({ state: 'pending' });
    expect(state.state === 'pending' && state.progress).toBe(subject.pending.progress);
    expect(state.state === 'pending' && (state.started ?? false)).toBe(subject.pending.started);
  });

  test('a run that failed', async () => {
    expect(await poll(subject, subject.failed)).toMatchObject({ state: 'failed' });
  });

  test('content block of a run, where the wire has a filter, fails the job and is not billed', async () => {
    if (subject.blocked !== null)
      expect(await poll(subject, subject.blocked)).toMatchObject({
        state: 'failed',
        error: { kind: 'content_policy', outcome: 'rejected' },
      });
  });

  test('trouble while polling is an error of the poll, not of the task', async () => {
    await expect(poll(subject, subject.rateLimited.answer)).rejects.toMatchObject({ kind: 'rate_limited' });
    for (const status of [401, 403])
      await expect(poll(subject, { status, text: 'no' })).rejects.toMatchObject({ kind: 'auth' });
    await expect(poll(subject, { text: '<html>' })).rejects.toBeInstanceOf(ProviderError);
    await expect(poll(subject, { status: 500, text: 'oops' })).rejects.toBeInstanceOf(ProviderError);
    await expect(poll(subject, new EgressError('connect', 'refused', false))).rejects.toMatchObject({
      kind: 'unavailable',
      outcome: 'unknown',
    });
    const dated = { status: 429, text: '', headers: { 'retry-after': new Date(NOW_MS + 5000).toUTCString() } };
    await expect(poll(subject, dated)).rejects.toMatchObject({ detail: { retryAfterMs: 5000 } });
  });

  test('a result that has expired is not_found', async () => {
    const gone = { status: 404, text: '{}' };
    await expect(open(await artifactOf(subject.succeeded), wireOf(subject, download.at, gone))).rejects.toMatchObject({
      kind: 'not_found',
    });
  });

  test('credentials go to the endpoint, never to another host', async () => {
    const own = wireOf(subject, download.at, download.answer);
    await open(await artifactOf(subject.succeeded), own);
    const sent = (wire: CannedWire) => CREDENTIAL_HEADERS.filter((name) => wire.calls.at(-1)?.headers[name]);
    expect(own.calls.at(-1)?.trust).toBe(download.trust);
    expect(sent(own)).toHaveLength(download.trust === 'endpoint' ? 1 : 0);
    if (subject.elsewhere === null) return;
    const foreign = wireOf(subject, subject.elsewhere.at, download.answer);
    await open(await artifactOf(subject.elsewhere.poll), foreign);
    expect(foreign.calls.at(-1)?.trust).toBe('foreign');
    expect(sent(foreign)).toEqual([]);
  });

  test('a task the provider does not know is missing', async () => {
    if (subject.missing !== null) expect(await poll(subject, subject.missing)).toEqual({ state: 'missing' });
  });

  test('cancel, where the wire has it', async () => {
    expect(adapter.can(subject.task.settings).cancel).toBe(subject.cancel !== null);
    if (!subject.cancel) return;
    const { at, canceled, tooLate } = subject.cancel;
    const cancel = async (answer: CannedAnswer) =>
      adapter.cancel?.(subject.taskId, wireOf(subject, at, answer).context(subject.endpoint));
    expect(await cancel(canceled)).toBe('canceled');
    expect(await cancel(tooLate)).toBe('too_late');
  });

  test('callback, where the wire has it: named in the submit, believed only when signed', async () => {
    expect(adapter.can(subject.task.settings).callback).toBe(subject.callback !== null);
    if (!subject.callback) return;
    const { wire } = await submit(subject, subject.submitted, { callbackUrl: CALLBACK_URL });
    const named = JSON.stringify(wire.calls.map(({ url, body }) => [decodeURIComponent(url), body]));
    expect(named).toContain(CALLBACK_URL);
    const { good, forged, answers, ctx } = subject.callback;
    const verify = async (request: typeof good) => {
      const keys = new CannedWire();
      for (const [at, answer] of Object.entries(answers ?? {})) keys.on(at, answer);
      return adapter.verifyCallback?.(request, keys.context(subject.endpoint, ctx)) ?? null;
    };
    expect(await verify(good)).toBeNull();
    for (const request of Object.values(forged)) expect(await verify(request)).toEqual(expect.any(String));
  });

  test('a task id of another shape is an error', async () => {
    await expect(adapter.poll({ other: 1 }, new CannedWire().context(subject.endpoint))).rejects.toBeInstanceOf(
      ProviderError,
    );
  });
});
