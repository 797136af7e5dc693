import { fileURLToPath } from 'node:url';
import { reference, TOKEN } from '../../../test/support/provider-wire.js';
import type { JsonObject } from '../../common/json.js';
import type { MediaTask, ReferenceRole } from '../contract.js';
import type { Graph } from './mapping.js';
import { type Settings, settingsOf } from './options.js';
import { chooseWorkflow, fieldBehind, fillGraph, problemsOf } from './request.js';
import { loadWorkflow, resolveSettings } from './workflow-loader.js';

const dir = fileURLToPath(new URL('../../../workflows', import.meta.url));
const shipped = (name: string): Settings => loadWorkflow(dir, `${name}.mapping.json`);

function fill(
  settings: Settings,
  input: JsonObject,
  roles: ReferenceRole[] = [],
): { graph: Graph; warnings: string[] } {
  const references = roles.map((role) => reference(role, 'image', Buffer.from('png'), { width: 1280, height: 720 }));
  const flow = chooseWorkflow(settings, Object.fromEntries(roles.map((role) => [role, 1])));
  if (!flow) throw new Error('no workflow');
  const task: MediaTask = {
    jobId: 'job_1',
    modality: 'video',
    operation: 'any',
    model: 'any',
    input,
    references,
    options: {},
    settings: {},
  };
  return fillGraph(task, flow, new Map(roles.map((role) => [`${role}.0`, `${role}.png`])), TOKEN);
}
const inputsOf = ({ graph }: { graph: Graph }, node: string) => graph[node]?.inputs;

describe('chains', () => {
  const flux = shipped('flux-dev');
  const two = [
    { name: 'flux-realism', strength: 0.8 },
    { name: 'flux-anime', strength: -0.5 },
  ];

  test.each([[[]], [['images' as const]]])(
    'LoRAs stand between the loader and the sampler, in order, with %j',
    (roles) => {
      const made = fill(flux, { prompt: 'a fox', loras: two }, roles);
      expect(made.graph['loras-0']).toMatchObject({
        class_type: 'LoraLoaderModelOnly',
        inputs: { model: ['1', 0], lora_name: 'flux-realism.safetensors', strength_model: 0.8 },
      });
      expect(inputsOf(made, 'loras-1')).toEqual({
        model: ['loras-0', 0],
        lora_name: 'flux-anime.safetensors',
        strength_model: -0.5,
      });
      expect(inputsOf(made, '8')).toMatchObject({ model: ['loras-1', 0] });
    },
  );

  test('without a list the graph is as it was', () => {
    const made = fill(flux, { prompt: 'a fox', loras: null });
    expect(Object.keys(made.graph)).toEqual(Object.keys(flux.workflows.at(-1)?.graph ?? {}));
    expect(inputsOf(made, '8')).toMatchObject({ model: ['1', 0] });
  });

  test('what a chain has no use for passes the route over', () => {
    const problems = (loras: JsonObject['x'] & object) => problemsOf({ input: { loras }, references: {} }, flux);
    expect(problems(two)).toEqual([]);
    expect(problems([{ url: 'https://x.example/a.safetensors', strength: 1 }])).toEqual([
      'loras by url are not taken by this workflow',
    ]);
    expect(problems([{ strength: 1 }])).toEqual(['loras: each needs a name in this workflow']);
    expect(problems(['flux-realism'])).toEqual(['loras must hold objects']);
    expect(problems({ name: 'x' })).toEqual(['loras must be a list']);
  });

  test('a node of several threads is chained in each, and a table names the files', () => {
    const settings = resolveSettings(
      {
        mapping: {
          workflow: {
            '1': { class_type: 'CheckpointLoaderSimple', inputs: { ckpt_name: 'a' } },
            '2': { class_type: 'Uses', inputs: { model: ['1', 0], clip: ['1', 1], vae: ['1', 2] } },
            '3': { class_type: 'SaveImage', inputs: { images: ['2', 0], filename_prefix: 'x' } },
          },
          inputs: {},
          chains: {
            loras: {
              class_type: 'LoraLoader',
              links: { model: { from: ['1', 0] }, clip: { from: ['1', 1], slot: 1 } },
              inputs: {
                lora_name: { of: 'name', values: { soft: 'soft_v2.safetensors' } },
                strength_model: { of: 'strength' },
                strength_clip: 1,
              },
            },
          },
          filename_prefix: ['3.filename_prefix'],
          output: ['3'],
        },
      },
      () => '{}',
    );
    const loras = [
      { name: 'soft', strength: 1 },
      { name: 'soft', strength: 2 },
    ];
    const made = fill(settings, { loras });
    expect(inputsOf(made, 'loras-1')).toEqual({
      model: ['loras-0', 0],
      clip: ['loras-0', 1],
      lora_name: 'soft_v2.safetensors',
      strength_model: 2,
      strength_clip: 1,
    });
    expect(inputsOf(made, '2')).toEqual({ model: ['loras-1', 0], clip: ['loras-1', 1], vae: ['1', 2] });
    const unknown = problemsOf({ input: { loras: [{ name: 'hard', strength: 1 }] }, references: {} }, settings);
    expect(unknown).toEqual(['loras: name "hard" is not one of soft']);
    const [flow] = settings.workflows;
    expect(flow && fieldBehind(flow, 'loras-1', 'strength_model')).toBe('loras');
  });
});

test('settings of a job that was accepted before there were chains still work', () => {
  const [variant, base] = structuredClone(shipped('wan-2.2').workflows);
  const old = [variant, base].map((flow) => ({
    ...flow,
    chains: undefined,
    cut: undefined,
    size: { ...flow?.size, width: ['7.width'], height: ['7.height'] },
  }));
  const settings = settingsOf(JSON.parse(JSON.stringify({ workflows: old })) as JsonObject);
  const made = fill(settings, { prompt: 'a kite', aspect_ratio: '9:16' });
  expect(inputsOf(made, '7')).toMatchObject({ width: 704, height: 1280, length: 121 });
});

describe('ltx-2', () => {
  const ltx = shipped('ltx-2');

  test('two stages: half the size first, frames by the rate that was asked for, seed and rate everywhere', () => {
    const made = fill(ltx, {
      prompt: 'waves',
      duration_seconds: 10,
      fps: 50,
      resolution: '4k',
      aspect_ratio: '9:16',
      generate_audio: true,
      seed: 7,
    });
    expect(inputsOf(made, '7')).toMatchObject({ width: 1088, height: 1920, length: 505 });
    expect(inputsOf(made, '8')).toMatchObject({ frames_number: 505, frame_rate: 50 });
    expect([inputsOf(made, '6')?.['frame_rate'], inputsOf(made, '33')?.['fps']]).toEqual([50, 50]);
    expect([inputsOf(made, '10')?.['noise_seed'], inputsOf(made, '26')?.['noise_seed']]).toEqual([7, 7]);
    expect(inputsOf(made, '33')).toMatchObject({ audio: ['32', 0] });
    expect(made.warnings).toEqual([
      'duration_seconds 10 became 505 frames at 50 fps (10.1 s)',
      'resolution 4k became 2176x3840',
    ]);
  });

  test('without sound the link is left out; the picture gives the shape', () => {
    const made = fill(ltx, { prompt: 'waves', generate_audio: false, duration_seconds: 5 }, ['image']);
    expect(inputsOf(made, '33')).toEqual({ images: ['31', 0], fps: 24 });
    expect(inputsOf(made, '20')).toEqual({ image: 'image.png' });
    expect(inputsOf(made, '7')).toMatchObject({ width: 640, height: 352, length: 121 });
    expect(problemsOf({ input: { generate_audio: false }, references: {} }, ltx)).toEqual([]);
  });
});

describe('framepack', () => {
  const framepack = shipped('framepack');

  test.each([
    [1, 1.2, 'duration_seconds 1 became 37 frames at 30 fps (1.23 s)'],
    [60, 60, 'duration_seconds 60 became 1801 frames at 30 fps (60.03 s)'],
    [65, 64.8, 'duration_seconds 65 became 1945 frames at 30 fps (64.83 s)'],
    [120, 120, 'duration_seconds 120 became 3601 frames at 30 fps (120.03 s)'],
  ])('%d s are whole sections: the node gets %d', (asked, seconds, warning) => {
    const made = fill(framepack, { prompt: 'she waves', duration_seconds: asked }, ['image']);
    expect(inputsOf(made, '12')).toMatchObject({ total_second_length: seconds });
    expect(made.warnings).toEqual([warning]);
  });

  test('a last frame takes the other graph; no picture at all is no task for it', () => {
    const made = fill(framepack, { prompt: 'she waves' }, ['image', 'last_image']);
    expect(inputsOf(made, '16')).toEqual({ image: 'last_image.png' });
    expect(inputsOf(made, '12')).toMatchObject({ end_latent: ['18', 0], end_image_embeds: ['19', 0] });
    expect(problemsOf({ input: {}, references: {} }, framepack)).toEqual(['image is needed by this workflow']);
    expect(problemsOf({ input: { fps: 24 }, references: { image: 1 } }, framepack)).toEqual([
      'fps 24 is not one of 30 in this workflow',
    ]);
  });
});

describe('ace-step', () => {
  const ace = shipped('ace-step');

  test('length and seed go to both nodes; an instrumental piece is marked as one', () => {
    const made = fill(ace, { prompt: 'lo-fi', instrumental: true, duration_seconds: 30, seed: 3 });
    expect(inputsOf(made, '3')).toMatchObject({ tags: 'lo-fi', lyrics: '[Instrumental]', duration: 30, seed: 3 });
    expect([inputsOf(made, '5')?.['seconds'], inputsOf(made, '6')?.['seed']]).toEqual([30, 3]);
    const sung = fill(ace, { prompt: 'lo-fi', lyrics: '[Verse]\nrain', instrumental: false });
    expect(inputsOf(sung, '3')).toMatchObject({ lyrics: '[Verse]\nrain', duration: 60 });
  });

  test('covers and other files are for the other routes', () => {
    expect(problemsOf({ input: { task: 'cover' }, references: { audio: 1 } }, ace)).toEqual([
      'audio is not taken by this workflow',
      'task "cover" is not one of generate in this workflow',
    ]);
    expect(problemsOf({ input: { task: 'generate', format: 'wav' }, references: {} }, ace)).toEqual([
      'format "wav" is not one of mp3 in this workflow',
    ]);
  });
});
