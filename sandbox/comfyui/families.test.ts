import { readFileSync } from 'node:fs';
import sharp from 'sharp';
import { type Sandbox, startSandbox } from '../server.js';
import { call, download, probe, until } from '../test-client.js';
import type { Graph } from './graph.js';

interface FileRef {
  filename: string;
  subfolder: string;
  type: string;
}
interface Entry {
  outputs: Record<string, { images?: FileRef[]; animated?: boolean[]; audio?: FileRef[] }>;
  status: { status_str: string; messages: [string, Record<string, unknown>][] };
}
type Errors = Record<string, { errors: { type: string; details: string }[] }>;

let sandbox: Sandbox;
let base: string;

beforeAll(async () => {
  sandbox = await startSandbox({ speed: 0.002 });
  base = `${sandbox.url}/comfyui/0`;
  for (const [name, width, height] of [
    ['first-frame.png', 1280, 720],
    ['last-frame.png', 600, 600],
  ] as const) {
    const form = new FormData();
    const bytes = await sharp({ create: { width, height, channels: 3, background: '#20c020' } })
      .png()
      .toBuffer();
    form.append('image', new Blob([new Uint8Array(bytes)]), name);
    await call(`${base}/upload/image`, { method: 'POST', body: form });
  }
});
afterAll(() => sandbox.close());

/** A shipped workflow with changes: `{"7": {width: 64}}`. */
function workflow(name: string, changes: Record<string, Record<string, unknown>> = {}): Graph {
  const path = new URL(`../../workflows/${name}.json`, import.meta.url);
  const graph = JSON.parse(readFileSync(path, 'utf8')) as Graph;
  for (const [id, inputs] of Object.entries(changes)) Object.assign(graph[id]!.inputs, inputs);
  return graph;
}

const submit = (prompt: Graph) =>
  call<{ prompt_id: string; node_errors: Errors }>(`${base}/prompt`, { json: { prompt } });

async function run(prompt: Graph): Promise<Entry> {
  const { status, body } = await submit(prompt);
  expect({ status, errors: body.node_errors }).toEqual({ status: 200, errors: {} });
  return until(
    async () => (await call<Record<string, Entry>>(`${base}/history/${body.prompt_id}`)).body[body.prompt_id],
  );
}

const bytesOf = (file: FileRef | undefined) => download(`${base}/view?${new URLSearchParams({ ...file }).toString()}`);

describe('LTX-2', () => {
  const small = {
    '7': { width: 128, height: 96, length: 30 },
    '8': { frames_number: 25, frame_rate: 25 },
    '33': { fps: 25 },
  };

  it.each(['ltx-2-t2v', 'ltx-2-i2v'])('%s: twice the latent’s size, 8n+1 frames, with sound', async (name) => {
    const entry = await run(workflow(name, small));
    const [file] = entry.outputs['34']?.images ?? [];
    const { streams, seconds } = probe(await bytesOf(file), 'mp4');
    expect(streams.find((stream) => stream.codec_type === 'video')).toMatchObject({
      width: 256,
      height: 192,
      nb_read_frames: '25',
    });
    expect(streams.map((stream) => stream.codec_type).toSorted()).toEqual(['audio', 'video']);
    expect(seconds).toBeCloseTo(1, 1);
  });

  it('is silent without the link', async () => {
    const graph = workflow('ltx-2-t2v', small);
    delete graph['33']!.inputs['audio'];
    const { streams } = probe(await bytesOf((await run(graph)).outputs['34']?.images?.[0]), 'mp4');
    expect(streams.map((stream) => stream.codec_type)).toEqual(['video']);
  });
});

describe('FramePack', () => {
  it.each<[string, number, number]>([
    ['framepack-i2v', 1, 37],
    ['framepack-i2v', 3, 73],
    ['framepack-first-last', 2.4, 73],
  ])('%s of %d s: whole sections in the bucket of the picture', async (name, seconds, frames) => {
    const entry = await run(workflow(name, { '12': { total_second_length: seconds } }));
    const { streams } = probe(await bytesOf(entry.outputs['15']?.images?.[0]), 'mp4');
    expect(streams).toMatchObject([{ width: 832, height: 480, nb_read_frames: String(frames), r_frame_rate: '30/1' }]);
  });

  it('makes two minutes, 3601 frames', async () => {
    const entry = await run(workflow('framepack-i2v', { '12': { total_second_length: 120, seed: 4 } }));
    const clip = await bytesOf(entry.outputs['15']?.images?.[0]);
    expect(probe(clip, 'mp4').streams[0]?.nb_read_frames).toBe('3601');
  });

  it('fails where a last latent comes without its embeds', async () => {
    const graph = workflow('framepack-first-last');
    delete graph['12']!.inputs['end_image_embeds'];
    expect((await run(graph)).status.messages.at(-1)).toMatchObject(['execution_error', { node_id: '12' }]);
  });
});

describe('ACE-Step', () => {
  it('writes an MP3 of the asked length, listed as audio', async () => {
    const entry = await run(workflow('ace-step', { '3': { duration: 4, tags: 'slow jazz' }, '5': { seconds: 4 } }));
    expect(entry.outputs['8']).toEqual({
      audio: [{ filename: 'ace-step_00001_.mp3', subfolder: 'kiln', type: 'output' }],
    });
    const { streams, seconds } = probe(await bytesOf(entry.outputs['8']?.audio?.[0]), 'mp3');
    expect(streams[0]?.codec_name).toBe('mp3');
    expect(seconds).toBeCloseTo(4, 0);
  });
});

describe('refusals', () => {
  const lora = (name: string): Graph => ({
    ...workflow('flux-dev', { '8': { model: ['30', 0] } }),
    '30': { class_type: 'LoraLoaderModelOnly', inputs: { model: ['1', 0], lora_name: name, strength_model: 1 } },
  });
  const without = (graph: Graph, id: string, input: string): Graph => {
    delete graph[id]!.inputs[input];
    return graph;
  };

  it('knows LoRAs by the names of its files', async () => {
    expect((await run(lora('flux-realism.safetensors'))).outputs['10']?.images).toHaveLength(1);
  });

  it.each<[string, string, Graph, string]>([
    ['a LoRA that is not there', 'value_not_in_list', lora('flux-unheard-of.safetensors'), '30'],
    [
      'the loader’s own default device',
      'value_not_in_list',
      workflow('framepack-i2v', { '1': { load_device: 'cuda' } }),
      '1',
    ],
    [
      'another model for FramePack',
      'return_type_mismatch',
      workflow('framepack-i2v', { '12': { model: ['2', 0] } }),
      '12',
    ],
    [
      'more than two minutes',
      'value_bigger_than_max',
      workflow('framepack-i2v', { '12': { total_second_length: 121 } }),
      '12',
    ],
    [
      'more frames of sound than there may be',
      'value_bigger_than_max',
      workflow('ltx-2-t2v', { '8': { frames_number: 1001 } }),
      '8',
    ],
    [
      'a checkpoint without the upscaler',
      'value_not_in_list',
      workflow('ltx-2-t2v', { '17': { model_name: 'x' } }),
      '17',
    ],
    ['a language that is none', 'value_not_in_list', workflow('ace-step', { '3': { language: 'tlh' } }), '3'],
    ['codes left out', 'required_input_missing', without(workflow('ace-step'), '3', 'generate_audio_codes'), '3'],
    ['a picture as sound', 'return_type_mismatch', workflow('ltx-2-t2v', { '33': { audio: ['31', 0] } }), '33'],
  ])('%s: %s', async (_what, type, graph, node) => {
    const { status, body } = await submit(graph);
    expect({ status, type: body.node_errors[node]?.errors[0]?.type }).toEqual({ status: 400, type });
  });
});
