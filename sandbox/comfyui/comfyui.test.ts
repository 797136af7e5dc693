import { randomUUID } from 'node:crypto';
import sharp from 'sharp';
import { WebSocket } from 'ws';
import { type Sandbox, startSandbox } from '../server.js';
import { call, download, probe, unanswered, until } from '../test-client.js';
import type { Graph } from './graph.js';

interface FileRef {
  filename: string;
  subfolder: string;
  type: string;
}
interface Entry {
  outputs: Record<string, { images: FileRef[]; animated?: boolean[] }>;
  status: { status_str: string; completed: boolean; messages: [string, Record<string, unknown>][] };
}
type Refusal = {
  error: { type: string; extra_info: Record<string, unknown> };
  node_errors: Record<string, { class_type: string; dependent_outputs: string[]; errors: { type: string }[] }>;
};

let sandbox: Sandbox;
let base: string;

beforeAll(async () => {
  sandbox = await startSandbox({ speed: 0.002 });
  base = `${sandbox.url}/comfyui/0`;
});
afterEach(() => sandbox.clearFaults());
afterAll(() => sandbox.close());

function colourGraph(color: number, prefix = 'jobs/colour'): Graph {
  return {
    1: { class_type: 'EmptyImage', inputs: { width: 64, height: 32, batch_size: 1, color } },
    2: { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: prefix } },
  };
}

function fluxGraph(prompt: string, seed = 5): Graph {
  return {
    1: { class_type: 'UNETLoader', inputs: { unet_name: 'flux1-dev.safetensors', weight_dtype: 'default' } },
    2: {
      class_type: 'DualCLIPLoader',
      inputs: { clip_name1: 't5xxl_fp16.safetensors', clip_name2: 'clip_l.safetensors', type: 'flux' },
    },
    3: { class_type: 'VAELoader', inputs: { vae_name: 'ae.safetensors' } },
    4: { class_type: 'CLIPTextEncode', inputs: { text: prompt, clip: ['2', 0] } },
    5: { class_type: 'FluxGuidance', inputs: { conditioning: ['4', 0], guidance: 3.5 } },
    6: { class_type: 'CLIPTextEncode', inputs: { text: '', clip: ['2', 0] } },
    7: { class_type: 'EmptySD3LatentImage', inputs: { width: 512, height: 384, batch_size: 1 } },
    8: {
      class_type: 'KSampler',
      inputs: {
        model: ['1', 0],
        positive: ['5', 0],
        negative: ['6', 0],
        latent_image: ['7', 0],
        seed,
        steps: 8,
        cfg: 1,
        sampler_name: 'euler',
        scheduler: 'simple',
        denoise: 1,
      },
    },
    9: { class_type: 'VAEDecode', inputs: { samples: ['8', 0], vae: ['3', 0] } },
    10: { class_type: 'SaveImage', inputs: { images: ['9', 0], filename_prefix: 'jobs/a/out' } },
  };
}

function wanGraph(image: string): Graph {
  const graph = fluxGraph('a heron takes off');
  return {
    1: { class_type: 'UNETLoader', inputs: { unet_name: 'wan2.2_ti2v_5B_fp16.safetensors', weight_dtype: 'default' } },
    2: { class_type: 'CLIPLoader', inputs: { clip_name: 'umt5_xxl_fp8_e4m3fn_scaled.safetensors', type: 'wan' } },
    3: { class_type: 'VAELoader', inputs: { vae_name: 'wan2.2_vae.safetensors' } },
    4: { class_type: 'ModelSamplingSD3', inputs: { model: ['1', 0], shift: 8 } },
    5: { class_type: 'CLIPTextEncode', inputs: { text: 'a heron takes off', clip: ['2', 0] } },
    6: { class_type: 'CLIPTextEncode', inputs: { text: 'blurry', clip: ['2', 0] } },
    7: {
      class_type: 'Wan22ImageToVideoLatent',
      inputs: { vae: ['3', 0], width: 640, height: 352, length: 25, batch_size: 1, start_image: ['20', 0] },
    },
    8: {
      class_type: 'KSampler',
      inputs: { ...graph['8']!.inputs, model: ['4', 0], positive: ['5', 0], sampler_name: 'uni_pc', cfg: 5 },
    },
    9: { class_type: 'VAEDecode', inputs: { samples: ['8', 0], vae: ['3', 0] } },
    10: { class_type: 'CreateVideo', inputs: { images: ['9', 0], fps: 24 } },
    11: {
      class_type: 'SaveVideo',
      inputs: { video: ['10', 0], filename_prefix: 'jobs/v/out', format: 'mp4', 'format.codec': 'h264', codec: 'h264' },
    },
    20: { class_type: 'LoadImage', inputs: { image } },
  };
}

async function submit(prompt: unknown, more: object = {}, at = base) {
  return call<{ prompt_id: string; number: number; node_errors: object } & Refusal>(`${at}/prompt`, {
    json: { prompt, ...more },
  });
}

async function run(prompt: Graph, more: object = {}): Promise<Entry> {
  const { status, body } = await submit(prompt, more);
  expect(status).toBe(200);
  return finished(body.prompt_id);
}

const finished = (id: string, at = base) =>
  until(async () => (await call<Record<string, Entry>>(`${at}/history/${id}`)).body[id]);
const jobOf = (id: string) =>
  call<{ status: string; execution_error?: { exception_message: string } }>(`${base}/api/jobs/${id}`);
const viewUrl = (ref: FileRef | undefined) => `${base}/view?${new URLSearchParams({ ...ref }).toString()}`;

async function upload(name: string, colour: string, more: Record<string, string> = {}) {
  const form = new FormData();
  const bytes = await sharp({ create: { width: 80, height: 40, channels: 3, background: colour } })
    .png()
    .toBuffer();
  form.append('image', new Blob([new Uint8Array(bytes)]), name);
  for (const [key, value] of Object.entries(more)) form.append(key, value);
  return call<{ name: string; subfolder: string; type: string }>(`${base}/upload/image`, {
    method: 'POST',
    body: form,
  });
}

describe('running prompts', () => {
  it('saves an empty image in its colour', async () => {
    const entry = await run(colourGraph(0x3366cc));
    const [file] = entry.outputs['2']?.images ?? [];
    expect(file).toEqual({ filename: 'colour_00001_.png', subfolder: 'jobs', type: 'output' });
    const image = sharp(await download(viewUrl(file)));
    expect(await image.metadata()).toMatchObject({ format: 'png', width: 64, height: 32 });
    const { channels } = await image.stats();
    expect(channels.map((channel) => channel.mean)).toEqual([0x33, 0x66, 0xcc]);
  });

  it('draws an image from a flux graph, another one for another seed', async () => {
    const files = [
      (await run(fluxGraph('A cat', 5))).outputs['10']?.images[0],
      (await run(fluxGraph('A cat', 6))).outputs['10']?.images[0],
    ];
    const [first, second] = await Promise.all(files.map((file) => download(viewUrl(file))));
    expect(await sharp(first).metadata()).toMatchObject({ format: 'png', width: 512, height: 384 });
    expect(first).not.toEqual(second);
  });

  it('turns a picture into a clip of exactly length/fps', async () => {
    const { body } = await upload('heron.png', '#20c020', { subfolder: 'refs' });
    const entry = await run(wanGraph(`${body.subfolder}/${body.name}`));
    expect(entry.outputs['11']).toEqual({
      images: [{ filename: 'out_00001_.mp4', subfolder: 'jobs/v', type: 'output' }],
      animated: [true],
    });
    const { streams, seconds } = probe(await download(viewUrl(entry.outputs['11']?.images[0])), 'mp4');
    expect(streams).toHaveLength(1);
    expect(streams[0]).toMatchObject({
      codec_name: 'h264',
      pix_fmt: 'yuv420p',
      width: 640,
      height: 352,
      nb_read_frames: '25',
    });
    expect(seconds).toBeCloseTo(25 / 24, 2);
  });

  it('inverts, scales and batches', async () => {
    const graph = colourGraph(0xff0000);
    const entry = await run({
      ...graph,
      3: { class_type: 'ImageInvert', inputs: { image: ['1', 0] } },
      4: {
        class_type: 'ImageScale',
        inputs: { image: ['3', 0], upscale_method: 'lanczos', width: 16, height: 16, crop: 'center' },
      },
      5: { class_type: 'ImageBatch', inputs: { image1: ['4', 0], image2: ['1', 0] } },
      2: { class_type: 'SaveImage', inputs: { images: ['5', 0], filename_prefix: 'batch' } },
    });
    const images = await Promise.all(
      (entry.outputs['2']?.images ?? []).map(async (file) => sharp(await download(viewUrl(file))).stats()),
    );
    expect(images.map(({ channels }) => channels.map((channel) => channel.mean))).toEqual([
      [0, 255, 255],
      [255, 0, 0],
    ]);
  });

  it('reports the old file for the same graph again', async () => {
    const graph = colourGraph(0x010203, 'cached');
    const first = await run(graph);
    expect((await run(graph)).outputs).toEqual(first.outputs);
    expect((await run(colourGraph(0x010203, 'other'))).outputs).not.toEqual(first.outputs);
  });

  it('tells a listening client of every step, success before the history', async () => {
    const clientId = randomUUID();
    const socket = new WebSocket(`${base.replace('http', 'ws')}/ws?clientId=${clientId}`);
    const events: { type: string; data: Record<string, unknown> }[] = [];
    const historiesOnSuccess: Promise<unknown>[] = [];
    const done = new Promise<void>((resolve) => {
      socket.on('message', (message: Buffer) => {
        const event = JSON.parse(message.toString()) as { type: string; data: Record<string, unknown> };
        events.push(event);
        if (event.type === 'execution_success')
          historiesOnSuccess.push(call(`${base}/history/${String(event.data['prompt_id'])}`).then(({ body }) => body));
        if (event.type === 'executing' && event.data['node'] === null) resolve();
      });
    });
    await new Promise((resolve) => socket.once('open', resolve));
    await call(`${sandbox.url}/_sandbox/speed`, { json: { speed: 40 } });
    await submit(fluxGraph('told [[sandbox:latency=40]]'), { client_id: clientId });
    await done;
    await call(`${sandbox.url}/_sandbox/speed`, { json: { speed: 0.002 } });
    socket.terminate();
    const types = events.map((event) => event.type);
    expect(events[0]).toMatchObject({ type: 'status', data: { sid: clientId } });
    for (const type of [
      'execution_start',
      'execution_cached',
      'executing',
      'progress',
      'progress_state',
      'executed',
      'execution_success',
    ])
      expect(types).toContain(type);
    expect(events.filter((event) => event.type === 'progress').at(-1)?.data).toMatchObject({
      node: '8',
      value: 8,
      max: 8,
    });
    expect(await Promise.all(historiesOnSuccess)).toEqual([{}]);
  });
});

describe('refusals', () => {
  const without = (graph: Graph, id: string): Graph =>
    Object.fromEntries(Object.entries(graph).filter(([key]) => key !== id));
  const changed = (id: string, inputs: object): Graph => {
    const graph = fluxGraph('x');
    return { ...graph, [id]: { ...graph[id]!, inputs: { ...graph[id]!.inputs, ...inputs } } };
  };

  it.each<[string, string, unknown, object]>([
    ['no_prompt', 'no prompt', undefined, {}],
    ['invalid_prompt_id', 'an id that is no UUID', colourGraph(1), { prompt_id: 'job-1' }],
    ['invalid_prompt_id', 'an upper-case UUID', colourGraph(1), { prompt_id: randomUUID().toUpperCase() }],
    ['missing_node_type', 'an unknown class', { 1: { class_type: 'Nope', inputs: {} } }, {}],
    ['prompt_no_outputs', 'no output node', without(fluxGraph('x'), '10'), {}],
  ])('%s: %s', async (type, _what, prompt, more) => {
    const { status, body } = await submit(prompt, more);
    expect(status).toBe(400);
    expect(body).toMatchObject({ error: { type }, node_errors: {} });
  });

  it.each<[string, string, string, Graph]>([
    [
      'required_input_missing',
      'a missing input',
      '7',
      { ...fluxGraph('x'), 7: { class_type: 'EmptySD3LatentImage', inputs: { width: 512, height: 512 } } },
    ],
    ['value_not_in_list', 'a model file that is not there', '1', changed('1', { unet_name: 'other.safetensors' })],
    ['value_smaller_than_min', 'no steps', '8', changed('8', { steps: 0 })],
    ['value_bigger_than_max', 'denoise above 1', '8', changed('8', { denoise: 1.5 })],
    ['invalid_input_type', 'text for a number', '8', changed('8', { steps: 'many' })],
    ['bad_linked_input', 'a list of three', '9', changed('9', { samples: ['8', 0, 1] })],
    ['return_type_mismatch', 'a VAE for a model', '8', changed('8', { model: ['3', 0] })],
    ['exception_during_inner_validation', 'a link to nowhere', '9', changed('9', { samples: ['99', 0] })],
    ['custom_validation_failed', 'an image that was not uploaded', '20', wanGraph('nowhere.png')],
    ['dependency_cycle', 'a cycle', '5', changed('5', { conditioning: ['5', 0] })],
  ])('%s: %s', async (type, _what, node, prompt) => {
    const { status, body } = await submit(prompt);
    expect(status).toBe(400);
    expect(body.error.type).toBe('prompt_outputs_failed_validation');
    expect(body.node_errors[node]?.errors[0]?.type).toBe(type);
    expect(body.node_errors[node]?.dependent_outputs).toHaveLength(1);
  });

  it('runs the good outputs of a half-broken graph and names the others', async () => {
    const { status, body } = await submit({
      ...colourGraph(9),
      3: { class_type: 'SaveImage', inputs: { images: ['1', 0] } },
    });
    expect(status).toBe(200);
    expect(Object.keys(body.node_errors)).toEqual(['3']);
    expect(Object.keys((await finished(body.prompt_id)).outputs)).toEqual(['2']);
  });

  it('ignores unknown inputs and answers broken JSON with 500', async () => {
    const graph = colourGraph(3, 'unknown-input');
    graph['1']!.inputs['extra'] = 1;
    expect((await submit(graph)).status).toBe(200);
    expect((await call(`${base}/prompt`, { method: 'POST', body: '{' })).status).toBe(500);
    expect((await submit(graph, {}, `${sandbox.url}/comfyui/9`)).status).toBe(404);
  });
});

describe('queue, history and jobs', () => {
  it('runs one prompt at a time, lists them, and cancels the right one', async () => {
    const [running, pending, last] = [randomUUID(), randomUUID(), randomUUID()];
    await submit(fluxGraph('[[sandbox:never]] 1'), { prompt_id: running });
    await submit(fluxGraph('2'), { prompt_id: pending });
    await submit(colourGraph(77, 'last'), { prompt_id: last, client_id: 'c' });
    const { body: queue } = await call<Record<string, [number, string, Graph, { create_time: number }, string[]][]>>(
      `${base}/queue`,
    );
    expect(queue['queue_running']?.map((item) => item[1])).toEqual([running]);
    expect(queue['queue_pending']?.map((item) => item[1])).toEqual([pending, last]);
    expect(queue['queue_pending']?.[1]).toMatchObject([
      expect.any(Number),
      last,
      colourGraph(77, 'last'),
      { client_id: 'c' },
      ['2'],
    ]);
    expect((await call(`${base}/api/prompt`)).body).toEqual({ exec_info: { queue_remaining: 3 } });
    expect((await jobOf(running)).body.status).toBe('in_progress');
    expect((await jobOf(pending)).body.status).toBe('pending');
    expect((await call(`${base}/history/${running}`)).body).toEqual({});

    expect((await call(`${base}/interrupt`, { json: { prompt_id: pending } })).status).toBe(200);
    expect((await jobOf(running)).body.status).toBe('in_progress');
    const cancel = (id: string) => call(`${base}/api/jobs/${id}/cancel`, { method: 'POST' });
    expect((await cancel(pending)).body).toEqual({ cancelled: true });
    expect((await jobOf(pending)).status).toBe(404);
    expect((await cancel(running)).body).toEqual({ cancelled: true });
    expect((await finished(running)).status.messages.at(-1)?.[0]).toBe('execution_interrupted');
    expect((await jobOf(running)).body.status).toBe('cancelled');
    expect((await finished(last)).status.status_str).toBe('success');
    expect((await cancel(last)).body).toEqual({ cancelled: false });
    expect((await jobOf(randomUUID())).body).toEqual({ error: 'Job not found' });
  });

  it('loses queue and history on a restart, but no files', async () => {
    const entry = await run(colourGraph(12, 'survivor'));
    const id = randomUUID();
    await submit(fluxGraph('[[sandbox:never]] lost'), { prompt_id: id });
    await call(`${sandbox.url}/_sandbox/comfyui/0/restart`, { method: 'POST' });
    expect((await jobOf(id)).status).toBe(404);
    expect((await call(`${base}/history`)).body).toEqual({});
    expect((await fetch(viewUrl(entry.outputs['2']?.images[0]))).status).toBe(200);
    expect((await submit(colourGraph(13))).body.number).toBe(0);
  });

  it('keeps instances apart', async () => {
    const other = `${sandbox.url}/comfyui/1`;
    const { body } = await submit(colourGraph(5), {}, other);
    await finished(body.prompt_id, other);
    expect((await call(`${base}/history/${body.prompt_id}`)).body).toEqual({});
  });
});

describe('files and facts', () => {
  it('renames an upload of the same name with other content', async () => {
    expect((await upload('same.png', '#ff0000')).body).toEqual({ name: 'same.png', subfolder: '', type: 'input' });
    expect((await upload('same.png', '#ff0000')).body.name).toBe('same.png');
    expect((await upload('same.png', '#00ff00')).body.name).toBe('same (1).png');
    expect((await upload('same.png', '#0000ff', { overwrite: 'true' })).body.name).toBe('same.png');
    expect((await upload('x.png', '#0000ff', { subfolder: '../up' })).status).toBe(400);
  });

  it('guards /view', async () => {
    const status = async (query: string) => (await fetch(`${base}/view?${query}`)).status;
    expect(await status('filename=none.png')).toBe(404);
    expect(await status('filename=../x.png')).toBe(400);
    expect(await status('filename=x.png&type=secret')).toBe(400);
    expect(await status('filename=x.png&subfolder=../up')).toBe(403);
  });

  it('describes nodes, models and itself', async () => {
    const { body } = await call<
      Record<string, { input: { required: Record<string, [unknown]> }; output_node: boolean }>
    >(`${base}/object_info/UNETLoader`);
    expect(body['UNETLoader']?.input.required['unet_name']?.[0]).toContain('flux1-dev.safetensors');
    expect((await call(`${base}/object_info/Nope`)).body).toEqual({});
    expect(Object.keys((await call(`${base}/api/object_info`)).body)).toContain('SaveVideo');
    expect((await call(`${base}/models/vae`)).body).toContain('ae.safetensors');
    expect((await call(`${base}/models/nope`)).status).toBe(404);
    expect((await call(`${base}/system_stats`)).body).toHaveProperty('devices');
  });
});

describe('switches', () => {
  it.each([
    ['oom', 'memory'],
    ['fail', 'mat1'],
    ['policy', 'content policy'],
  ])('fails with %s', async (name, words) => {
    const { body } = await submit(fluxGraph(`x [[sandbox:${name}]]`));
    const entry = await finished(body.prompt_id);
    expect(entry.status).toMatchObject({ status_str: 'error', completed: false });
    expect(entry.status.messages.at(-1)).toEqual([
      'execution_error',
      expect.objectContaining({ node_id: '8', node_type: 'KSampler' }),
    ]);
    expect((await jobOf(body.prompt_id)).body).toMatchObject({
      status: 'failed',
      execution_error: { exception_message: expect.stringContaining(words) as string },
    });
  });

  it('ends without outputs, or vanishes', async () => {
    expect(await run(fluxGraph('[[sandbox:empty]] x'))).toMatchObject({
      outputs: {},
      status: { status_str: 'success' },
    });
    const { body } = await submit(fluxGraph('[[sandbox:lost]] x'));
    await until(async () => (await jobOf(body.prompt_id)).status === 404);
    expect((await call(`${base}/history/${body.prompt_id}`)).body).toEqual({});
  });

  it('counts the tries of one request, whatever each names its files', async () => {
    const graph = (prefix: string): Graph => ({
      ...fluxGraph('[[sandbox:429=2]] once more'),
      11: { class_type: 'SaveImage', inputs: { images: ['9', 0], filename_prefix: prefix } },
    });
    const statuses: number[] = [];
    for (const prefix of ['first', 'second', 'third']) statuses.push((await submit(graph(prefix))).status);
    expect(statuses).toEqual([429, 429, 200]);
  });

  it('refuses, hangs or drops the submit', async () => {
    expect(await submit(fluxGraph('[[sandbox:429]] x'))).toMatchObject({ status: 429 });
    expect(await submit(fluxGraph('[[sandbox:503]] x'))).toMatchObject({ status: 503 });
    expect((await submit(fluxGraph('[[sandbox:policy-submit]] x'))).status).toBe(400);
    const post = (prompt: string) =>
      unanswered(`${base}/prompt`, { method: 'POST', body: JSON.stringify({ prompt: fluxGraph(prompt) }) });
    expect(await post('[[sandbox:hang]] x')).toBe('hang');
    expect(await post('[[sandbox:drop]] x')).toBe('drop');
    expect(await post('[[sandbox:hang-after]] y')).toBe('hang');
    expect(sandbox.requests({ provider: 'comfyui', contains: 'hang-after' })).toMatchObject([
      { outcome: 'accepted', fault: 'hang-after' },
    ]);
  });

  it('spoils polls and downloads', async () => {
    const { body } = await submit(fluxGraph('[[sandbox:malformed]] [[sandbox:truncate]] z'));
    expect((await jobOf(body.prompt_id)).body).toEqual(expect.any(String));
    const url = viewUrl((await finished(body.prompt_id)).outputs['10']?.images[0]);
    await expect(download(url)).rejects.toThrow('terminated');
    expect(await sharp(await download(url)).metadata()).toMatchObject({ width: 512 });
  });
});
