import { fileURLToPath } from 'node:url';
import { CannedWire, reference, TOKEN } from '../../../test/support/provider-wire.js';
import type { JsonObject } from '../../common/json.js';
import type { MediaTask, TaskShape } from '../contract.js';
import { seedFromToken } from '../task-input.js';
import answers from './fixtures/answers.json' with { type: 'json' };
import frames from './fixtures/frames.json' with { type: 'json' };
import { comfyui } from './index.js';
import type { Graph } from './mapping.js';
import { clientIdOf } from './progress.js';
import { loadWorkflow } from './workflow-loader.js';

const ENDPOINT = 'http://comfy-0:8188';
const JOB = `GET /api/jobs/${TOKEN}`;
const CANCEL = `POST /api/jobs/${TOKEN}/cancel`;
const UNKNOWN_ROUTE = { status: 404, text: '404: Not Found' };
const TASK_ID = { prompt_id: TOKEN, output: ['11'] };
const dir = fileURLToPath(new URL('../../../workflows', import.meta.url));
const wan = loadWorkflow(dir, 'wan-2.2.mapping.json') as unknown as JsonObject;
const flux = loadWorkflow(dir, 'flux-dev.mapping.json') as unknown as JsonObject;

const task = (input: JsonObject, more: Partial<MediaTask> = {}): MediaTask => ({
  jobId: 'job_1',
  modality: 'video',
  operation: 'text_to_video',
  model: 'wan-2.2',
  input,
  references: [],
  options: {},
  settings: wan,
  ...more,
});
const shape = (input: JsonObject, references: TaskShape['references'] = {}, settings = wan): TaskShape => ({
  modality: 'video',
  operation: 'text_to_video',
  model: 'wan-2.2',
  input,
  references,
  settings,
});
const inputsOf = (wire: CannedWire, node: string) =>
  (wire.callsTo('/prompt')[0]?.body as { prompt: Graph } | undefined)?.prompt[node]?.inputs;

describe('comfyui submit', () => {
  test('text to video: every field lands in its node, rounding is told', async () => {
    const wire = new CannedWire().on('POST /prompt', { json: answers.accepted });
    const input = {
      prompt: 'a kite',
      negative_prompt: 'text',
      duration_seconds: 5,
      resolution: '720p',
      aspect_ratio: '9:16',
      seed: 42,
      steps: 20,
      guidance: 4.5,
    };
    const submitted = await comfyui.submit(task(input), wire.context(ENDPOINT, { credential: null }));
    expect(submitted).toEqual({
      taskId: TASK_ID,
      warnings: ['duration_seconds 5 became 121 frames at 24 fps (5.04 s)', 'resolution 720p became 704x1280'],
    });
    const expected = structuredClone(
      (wan as unknown as { workflows: { graph: Graph }[] }).workflows[1]?.graph,
    ) as Graph;
    expected['5']!.inputs['text'] = 'a kite';
    expected['6']!.inputs['text'] = 'text';
    Object.assign(expected['7']!.inputs, { width: 704, height: 1280, length: 121 });
    Object.assign(expected['8']!.inputs, { seed: 42, steps: 20, cfg: 4.5 });
    expected['11']!.inputs['filename_prefix'] = `kiln/job_1/${TOKEN}`;
    expect(wire.calls).toEqual([
      {
        method: 'POST',
        url: `${ENDPOINT}/prompt`,
        headers: { 'content-type': 'application/json' },
        body: { prompt: expected, prompt_id: TOKEN, client_id: clientIdOf(ENDPOINT) },
        trust: 'endpoint',
      },
    ]);
  });

  test('image to video: the reference is uploaded, the answered name is used, the ratio follows the picture', async () => {
    const wire = new CannedWire()
      .on('POST /upload/image', { json: answers.uploaded })
      .on('POST /prompt', { json: answers.accepted });
    const picture = reference('image', 'image', Buffer.from('png'), { width: 900, height: 1600 });
    await comfyui.submit(task({ prompt: 'a kite' }, { references: [picture] }), wire.context(ENDPOINT));
    const form = wire.calls[0]?.body as FormData;
    const file = form.get('image') as File;
    expect([file.name, file.type, await file.text()]).toEqual([`kiln-job_1-${TOKEN}-image-0.png`, 'image/png', 'png']);
    expect([form.get('type'), form.get('overwrite')]).toEqual(['input', 'true']);
    expect(inputsOf(wire, '20')).toEqual({ image: 'kiln-job_1 (1).png' });
    expect(inputsOf(wire, '7')).toMatchObject({ width: 704, height: 1280, length: 121, start_image: ['20', 0] });
  });

  test('an answered subfolder is part of the name', async () => {
    const wire = new CannedWire()
      .on('POST /upload/image', { json: { name: 'a.png', subfolder: 'in', type: 'input' } })
      .on('POST /prompt', { json: answers.accepted });
    await comfyui.submit(
      task({ prompt: 'x' }, { references: [reference('image', 'image', Buffer.from('png'))] }),
      wire.context(ENDPOINT),
    );
    expect(inputsOf(wire, '20')).toEqual({ image: 'in/a.png' });
  });

  test('without a seed the attempt draws one, the same at every resubmission and exact in JSON', async () => {
    const wire = new CannedWire().on('POST /prompt', { json: answers.accepted });
    await comfyui.submit(task({ prompt: 'x' }), wire.context(ENDPOINT));
    const { seed } = inputsOf(wire, '8') as { seed: number };
    expect(seed).toBe(seedFromToken(TOKEN));
    expect(Number.isSafeInteger(seed)).toBe(true);
    expect(seedFromToken('another')).not.toBe(seed);
  });

  test('an upload that fails has bought nothing', async () => {
    const wire = new CannedWire().on('POST /upload/image', { status: 500, text: 'oops' });
    const picture = reference('image', 'image', Buffer.from('png'));
    await expect(
      comfyui.submit(task({ prompt: 'x' }, { references: [picture] }), wire.context(ENDPOINT)),
    ).rejects.toMatchObject({ outcome: 'rejected' });
  });

  test('200 whose node_errors name our output is a failure, and what was queued is taken back', async () => {
    const wire = new CannedWire()
      .on('POST /prompt', { json: answers.acceptedInPart })
      .on(CANCEL, { json: { cancelled: true } });
    await expect(comfyui.submit(task({ prompt: 'x', steps: 20000 }), wire.context(ENDPOINT))).rejects.toMatchObject({
      kind: 'invalid_input',
      outcome: 'rejected',
      detail: { param: 'steps' },
    });
    expect(wire.callsTo('/cancel')).toHaveLength(1);
  });

  test.each([
    [answers.missingNode, 'unavailable', 'lacks the node Wan22ImageToVideoLatent'],
    [answers.missingNodeOld, 'unavailable', 'Wan22ImageToVideoLatent'],
    [answers.missingModel, 'unavailable', 'lacks a model file: node 1 (UNETLoader) input unet_name'],
    [answers.badValue, 'invalid_input', 'steps: Value 20000 bigger than max of 10000'],
    [answers.brokenGraph, 'internal', 'does not fit this instance: node 9 (VAEDecode) input vae'],
    [{ error: { type: 'invalid_prompt_id', message: 'bad id' } }, 'internal', 'invalid_prompt_id: bad id'],
  ])('400 %#: %s, %s', async (json, kind, message) => {
    const wire = new CannedWire().on('POST /prompt', { status: 400, json });
    const submitted = comfyui.submit(task({ prompt: 'x' }), wire.context(ENDPOINT));
    await expect(submitted).rejects.toMatchObject({
      kind,
      outcome: 'rejected',
      message: expect.stringContaining(message) as string,
    });
  });
});

describe('comfyui poll', () => {
  const poll = async (wire: CannedWire, taskId: JsonObject = TASK_ID) => comfyui.poll(taskId, wire.context(ENDPOINT));
  const onJob = (json: unknown): CannedWire => new CannedWire().on(JOB, { json });
  const old = (queue: unknown, history: unknown): CannedWire =>
    new CannedWire()
      .on(JOB, UNKNOWN_ROUTE)
      .on('GET /queue', { json: queue })
      .on(`GET /history/${TOKEN}`, { json: history });
  const clip = {
    type: 'video',
    contentType: 'video/mp4',
    source: { filename: `${TOKEN}_00001_.mp4`, subfolder: 'kiln/job_1', type: 'output' },
  };

  test('a server with jobs', async () => {
    expect(await poll(onJob(answers.jobPending))).toEqual({ state: 'pending', started: false });
    expect(await poll(onJob(answers.jobRunning))).toEqual({ state: 'pending', started: true });
    expect(await poll(onJob(answers.jobCompleted))).toEqual({ state: 'succeeded', artifacts: [clip] });
    expect(await poll(onJob(answers.jobEmpty))).toMatchObject({
      state: 'failed',
      error: { kind: 'internal', outcome: 'rejected' },
    });
    expect(await poll(onJob(answers.jobFailed))).toMatchObject({
      state: 'failed',
      error: { kind: 'internal', message: 'ValueError: boom in node 8 (KSampler)' },
    });
    expect(await poll(onJob(answers.jobOutOfMemory))).toMatchObject({
      state: 'failed',
      error: { kind: 'unavailable' },
    });
    expect(await poll(onJob(answers.jobCancelled))).toMatchObject({
      state: 'failed',
      error: { kind: 'unavailable', message: expect.stringContaining('interrupted') as string },
    });
    expect(await poll(new CannedWire().on(JOB, { status: 404, json: answers.jobNotFound }))).toEqual({
      state: 'missing',
    });
  });

  test('a server without: the queue, then the history', async () => {
    expect(await poll(old(answers.queueRunning, {}))).toEqual({ state: 'pending', started: true });
    expect(await poll(old(answers.queueWaiting, {}))).toEqual({ state: 'pending', started: false, position: 2 });
    const wire = old(answers.queueEmpty, answers.history);
    expect(await poll(wire)).toEqual({ state: 'succeeded', artifacts: [clip] });
    expect(wire.calls.map((call) => call.url.slice(ENDPOINT.length))).toEqual([
      `/api/jobs/${TOKEN}`,
      '/queue',
      `/history/${TOKEN}`,
    ]);
    expect(await poll(old(answers.queueEmpty, {}))).toEqual({ state: 'missing' });
    expect(await poll(old(answers.queueEmpty, answers.historyInterrupted))).toMatchObject({
      state: 'failed',
      error: { kind: 'unavailable' },
    });
    expect(await poll(old(answers.queueEmpty, answers.historyFailed))).toMatchObject({
      state: 'failed',
      error: { kind: 'internal' },
    });
  });

  test('a task found by its token takes the files of every node, temporary ones excepted', async () => {
    expect(await comfyui.findByToken?.(TOKEN, onJob(answers.jobRunning).context(ENDPOINT))).toEqual({
      prompt_id: TOKEN,
    });
    expect(await poll(onJob(answers.jobCompleted), { prompt_id: TOKEN })).toEqual({
      state: 'succeeded',
      artifacts: [clip],
    });
    expect(await comfyui.findByToken?.(TOKEN, old(answers.queueEmpty, {}).context(ENDPOINT))).toBeNull();
  });
});

describe('comfyui cancel', () => {
  const cancel = async (wire: CannedWire) => comfyui.cancel?.(TASK_ID, wire.context(ENDPOINT));
  const old = (...queues: unknown[]) =>
    new CannedWire()
      .on(CANCEL, UNKNOWN_ROUTE)
      .on('GET /queue', ...queues.map((json) => ({ json })))
      .on('POST /queue', { text: '' })
      .on('POST /interrupt', { text: '' });

  test('by the jobs route', async () => {
    expect(await cancel(new CannedWire().on(CANCEL, { json: { cancelled: true } }))).toBe('canceled');
    expect(await cancel(new CannedWire().on(CANCEL, { json: { cancelled: false } }))).toBe('too_late');
  });

  test('waiting on an older server: deleted, and nothing is interrupted', async () => {
    const wire = old(answers.queueWaiting, answers.queueEmpty);
    expect(await cancel(wire)).toBe('canceled');
    expect(wire.callsTo('POST http://comfy-0:8188/queue')[0]?.body).toEqual({ delete: [TOKEN] });
    expect(wire.callsTo('/interrupt')).toEqual([]);
  });

  test('running on an older server: interrupted by id', async () => {
    const wire = old(answers.queueRunning);
    expect(await cancel(wire)).toBe('canceled');
    expect(wire.callsTo('/interrupt')[0]?.body).toEqual({ prompt_id: TOKEN });
  });

  test('finished or unknown on an older server: another prompt is never touched', async () => {
    const wire = old({ queue_running: [[1, 'someone-else']], queue_pending: [] });
    expect(await cancel(wire)).toBe('too_late');
    expect(wire.callsTo('POST').filter((call) => !call.url.endsWith('/cancel'))).toEqual([]);
  });
});

describe('comfyui: what a route can not do', () => {
  test.each([
    [{ prompt: 'p', duration_seconds: 3, fps: 24, generate_audio: false, seed: 1 }, {}, []],
    [{ prompt: 'p' }, { image: 1 }, []],
    [{ prompt: 'p', fps: 30 }, {}, ['fps 30 is not one of 24 in this workflow']],
    [{ prompt: 'p', camera: 'pan' }, {}, ['camera is not mapped in this workflow']],
    [{ prompt: 'p' }, { last_image: 1 }, ['last_image is not taken by this workflow']],
    [{ prompt: 'p' }, { image: 2 }, ['image takes at most 1 file(s) in this workflow']],
    [{ prompt: 'p', resolution: '4k' }, {}, ['resolution 4k is not one of 720p, 480p']],
    [{ prompt: 'p', aspect_ratio: '21:9' }, {}, ['aspect_ratio 21:9 is not one of 16:9, 9:16, 1:1']],
  ] as const)('%j %j', (input, references, expected) => {
    expect(comfyui.unsupported(shape({ ...input }, references))).toEqual(expected);
  });

  test('flux-dev takes free sizes; a negative prompt has no effect at cfg 1 and is not taken', () => {
    expect(comfyui.unsupported(shape({ prompt: 'p', size: '1000x700', n: 2 }, {}, flux))).toEqual([]);
    expect(comfyui.unsupported(shape({ prompt: 'p', strength: 0.5 }, { images: 1 }, flux))).toEqual([]);
    expect(comfyui.unsupported(shape({ prompt: 'p', n: 2 }, { images: 1 }, flux))).toEqual([
      'n 2 is not one of 1 in this workflow',
    ]);
    expect(comfyui.unsupported(shape({ prompt: 'p', negative_prompt: 'n' }, {}, flux))).toEqual([
      'negative_prompt is not mapped in this workflow',
    ]);
  });
});

describe('comfyui progress', () => {
  const parse = (value: unknown) => comfyui.progress?.parse(typeof value === 'string' ? value : JSON.stringify(value));

  test('ticks of all nodes, weighted by their number', () => {
    expect(parse(frames.progressState)).toEqual([{ taskKey: TOKEN, progress: 0.3 }]);
    expect(parse(frames.progress)).toEqual([{ taskKey: TOKEN, progress: 0.2 }]);
    expect(parse(frames.success)).toEqual([{ taskKey: TOKEN, progress: 1 }]);
  });

  test('other frames and noise say nothing', () => {
    for (const frame of [frames.status, 'no json', '[]', { type: 'progress', data: {} }])
      expect(parse(frame)).toEqual([]);
  });

  test('submit and socket use the same id for an instance', () => {
    expect(comfyui.progress?.url('https://c/x', clientIdOf('https://c/x'))).toBe(
      `wss://c/x/ws?clientId=${clientIdOf('https://c/x')}`,
    );
    expect(clientIdOf('http://a')).not.toBe(clientIdOf('http://b'));
    expect(comfyui.progress?.taskKeyOf(TASK_ID)).toBe(TOKEN);
  });
});
