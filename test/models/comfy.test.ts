import { type AliasRun, sample, testAliases } from '../support/run-alias.js';
import { until } from '../../sandbox/test-client.js';
import { type Kiln, startKiln } from '../support/kiln.js';

let kiln: Kiln;
beforeAll(async () => {
  kiln = await startKiln();
}, 60_000);
afterAll(async () => kiln.drop());

const COMFY = { only: 'comfyui' };
const onComfy = (model: string, rows: Omit<AliasRun, 'model' | 'only'>[]): AliasRun[] =>
  rows.map((row) => ({ model, ...COMFY, ...row }));
const video = (width: number, height: number, seconds: number, sound: boolean) => ({
  type: 'video' as const,
  contentType: 'video/mp4',
  width,
  height,
  seconds,
  sound,
});
const picture = (width: number, height: number) => ({
  type: 'image' as const,
  contentType: 'image/png',
  width,
  height,
});
const song = (seconds: number, contentType = 'audio/mpeg') => ({ type: 'audio' as const, contentType, seconds });

const wan = onComfy('wan-2.2', [
  {
    operation: 'text_to_video',
    input: { prompt: 'a kite', duration_seconds: 2, seed: 7, steps: 20, guidance: 4 },
    expect: { ...video(1280, 704, 2.04, false), warnings: /2 became 49 frames[^]*720p became 1280x704/ },
  },
  {
    operation: 'text_to_video',
    input: { prompt: 'a kite', negative_prompt: 'text', duration_seconds: 1, aspect_ratio: '9:16', fps: 24 },
    expect: video(704, 1280, 1.04, false),
  },
  {
    operation: 'image_to_video',
    input: { prompt: 'it turns', duration_seconds: 1 },
    files: { image: 'square' },
    expect: { ...video(960, 960, 1.04, false), warnings: /became 960x960/ },
  },
]);

const LORAS = [
  { name: 'flux-realism', strength: 0.8 },
  { name: 'flux-anime', strength: 0.3 },
];
const flux = onComfy('flux-dev', [
  { operation: 'text_to_image', input: { prompt: 'a fox' }, expect: picture(1024, 1024) },
  {
    operation: 'text_to_image',
    input: { prompt: 'a fox', size: '512x768', n: 3, seed: 4, steps: 8, guidance: 3 },
    expect: { ...picture(512, 768), count: 3 },
  },
  {
    operation: 'text_to_image',
    input: { prompt: 'a fox', width: 500, height: 300, output_format: 'png' },
    expect: { ...picture(496, 304), warnings: /size 500x300 became 496x304/ },
  },
  { operation: 'text_to_image', input: { prompt: 'a fox', aspect_ratio: '21:9' }, expect: picture(1568, 672) },
  { operation: 'text_to_image', input: { prompt: 'a fox', loras: LORAS }, expect: picture(1024, 1024) },
  {
    operation: 'image_to_image',
    input: { prompt: 'at night', strength: 0.6 },
    files: { images: ['image'] },
    expect: picture(1280, 720),
  },
  {
    operation: 'image_to_image',
    input: { prompt: 'at night', strength: 0.6, loras: LORAS.slice(0, 1), aspect_ratio: '1:1' },
    files: { images: ['image'] },
    expect: picture(1024, 1024),
  },
]);

const ltx = onComfy('ltx-2', [
  {
    operation: 'text_to_video',
    input: { prompt: 'waves break', duration_seconds: 5, resolution: '720p', fps: 24 },
    expect: { ...video(1280, 704, 5.04, true), warnings: /5 became 121 frames at 24 fps[^]*720p became 1280x704/ },
  },
  {
    operation: 'text_to_video',
    input: { prompt: 'waves', duration_seconds: 2, fps: 50, resolution: '1080p', aspect_ratio: '4:3', seed: 1 },
    expect: { ...video(1472, 1088, 2.1, true), warnings: /2 became 105 frames at 50 fps[^]*1080p became 1472x1088/ },
  },
  {
    operation: 'text_to_video',
    input: { prompt: 'waves', duration_seconds: 1, fps: 25, resolution: '1440p', generate_audio: false, steps: 10 },
    expect: { ...video(2560, 1472, 1, false), warnings: /1440p became 2560x1472/ },
  },
  {
    operation: 'text_to_video',
    input: { prompt: 'waves', duration_seconds: 1, fps: 24, resolution: '4k', negative_prompt: 'text', guidance: 3 },
    expect: { ...video(3840, 2176, 1.04, true), warnings: /4k became 3840x2176/ },
  },
  {
    operation: 'text_to_video',
    input: { prompt: 'waves', duration_seconds: 10, resolution: '720p', fps: 24, aspect_ratio: '9:16' },
    expect: video(704, 1280, 10.04, true),
  },
  {
    operation: 'image_to_video',
    input: { prompt: 'it moves', duration_seconds: 1, resolution: '720p', fps: 24 },
    files: { image: 'square' },
    expect: { ...video(704, 704, 1.04, true), upstreamModel: 'ltx-2-19b-dev' },
  },
  {
    operation: 'image_to_video',
    input: {
      prompt: 'it moves',
      duration_seconds: 1,
      resolution: '720p',
      fps: 24,
      aspect_ratio: '16:9',
      generate_audio: false,
    },
    files: { image: 'square' },
    expect: video(1280, 704, 1.04, false),
  },
]);

const framepack = onComfy('framepack', [
  {
    operation: 'image_to_video',
    input: { prompt: 'she waves', seed: 5, steps: 20, guidance: 8, fps: 30 },
    files: { image: 'image' },
    expect: { ...video(832, 480, 4.83, false), warnings: /5 became 145 frames at 30 fps \(4.83 s\)/ },
  },
  {
    operation: 'first_last_frame',
    input: { prompt: 'she turns', duration_seconds: 3.5 },
    files: { image: 'square', last_image: 'image' },
    expect: { ...video(608, 640, 3.63, false), warnings: /3.5 became 109 frames/ },
  },
  {
    operation: 'image_to_video',
    input: { prompt: 'a long walk', duration_seconds: 120 },
    files: { image: 'image' },
    expect: { ...video(832, 480, 120.03, false), warnings: /120 became 3601 frames/ },
  },
]);

const STEMS = ['vocals', 'drums', 'bass'];
const aceRows: Omit<AliasRun, 'model'>[] = [
  {
    only: 'turbo',
    operation: 'generate',
    input: { prompt: 'warm lo-fi', instrumental: true, duration_seconds: 20, format: 'flac', bpm: 84, seed: 3 },
    expect: { ...song(20, 'audio/flac'), upstreamModel: 'acestep-v15-turbo' },
  },
  {
    only: 'turbo',
    operation: 'generate',
    input: { prompt: 'folk', lyrics: '[Verse]\nslow rain', language: 'de', duration_seconds: 15, steps: 8 },
    expect: song(15),
  },
  {
    only: 'turbo',
    operation: 'cover',
    input: { task: 'cover', prompt: 'bossa nova', strength: 0.5 },
    files: { audio: 'audio' },
    expect: song(12),
  },
  {
    only: 'turbo',
    operation: 'repaint',
    input: {
      task: 'repaint',
      prompt: 'a guitar solo',
      repaint_start_seconds: 4,
      repaint_end_seconds: 8,
      format: 'wav',
    },
    files: { audio: 'audio' },
    expect: { type: 'audio', seconds: 12 },
  },
  {
    only: 'base',
    operation: 'extract',
    input: { task: 'extract', stems: STEMS },
    files: { audio: 'audio' },
    expect: { ...song(12), count: 3, names: STEMS, upstreamModel: 'acestep-v15-base' },
  },
  {
    only: 'base',
    operation: 'extract',
    input: { task: 'extract', stems: ['guitar'] },
    files: { audio: 'audio' },
    expect: { ...song(12), names: ['guitar'] },
  },
  {
    ...COMFY,
    operation: 'generate',
    input: { prompt: 'warm lo-fi', instrumental: true, duration_seconds: 20, bpm: 84, seed: 3, format: 'mp3' },
    expect: { ...song(20), upstreamModel: 'ace-step-1.5-turbo' },
  },
  {
    ...COMFY,
    operation: 'generate',
    input: { prompt: 'folk', lyrics: '[Verse]\nslow rain', language: 'de' },
    expect: song(60),
  },
];
const ace = aceRows.map((row): AliasRun => ({ model: 'ace-step', ...row }));

const rows = [...wan, ...flux, ...ltx, ...framepack, ...ace];

describe('every route makes what was asked for', () => {
  testAliases(rows, () => kiln);
});

describe('what the routes do not do', () => {
  const refused = async (model: string, input: Record<string, unknown>, routing?: object) => {
    const body = { model, input, ...(routing && { routing }) };
    const answer = await kiln.call<{ error: { message: string; param: string | null } }>('POST', '/v1/jobs', body);
    return { status: answer.status, message: answer.body.error?.message, param: answer.body.error?.param };
  };

  test.each<[string, Record<string, unknown>, string, RegExp]>([
    ['flux-dev', { prompt: 'x', loras: [{ name: 'unheard-of' }] }, 'input.loras', /flux-realism/],
    ['ltx-2', { prompt: 'x', duration_seconds: 11 }, 'input.duration_seconds', /from 1 to 10/],
    ['ltx-2', { prompt: 'x', last_image: 'https://e.com/a.png' }, 'input.last_image', /first frame only/],
    ['framepack', { prompt: 'x' }, 'input.image', /required/],
    [
      'framepack',
      { prompt: 'x', image: 'https://e.com/a.png', generate_audio: true },
      'input.generate_audio',
      /no sound/,
    ],
    ['ace-step', { task: 'extract', stems: [], audio: 'https://e.com/a.mp3' }, 'input.stems', /1 to 12/],
  ])('%s %j', async (model, input, param, message) => {
    expect(await refused(model, input)).toEqual({
      status: 400,
      param,
      message: expect.stringMatching(message) as string,
    });
  });

  test('the ComfyUI route of ace-step writes MP3 only', async () => {
    const input = { task: 'generate', prompt: 'x', format: 'wav' };
    const { status, message } = await refused('ace-step', input, { only: ['comfyui'], allow_fallback: false });
    expect(status).toBeGreaterThanOrEqual(400);
    expect(message).toMatch(/format "wav" is not one of mp3/);
  });
});

describe('what can go wrong', () => {
  test('a download that breaks off is taken up again', async () => {
    const input = { prompt: '[[sandbox:truncate]] waves', duration_seconds: 1 };
    const { id } = await kiln.post({ model: 'ltx-2', input });
    expect(await kiln.finished(id, 60)).toMatchObject({ status: 'succeeded', outputs: [{ has_audio: true }] });
  });

  test('of three stems one is lost: all are made again, and told once', async () => {
    const { length: before } = await kiln.sandbox.requests('acestep');
    await kiln.sandbox.arm({ provider: 'acestep', fault: 'lost', times: 1 });
    const { id } = await kiln.post({
      model: 'ace-step',
      input: { task: 'extract', stems: STEMS, audio: await sample('audio') },
    });
    const job = await kiln.finished(id, 60);
    expect({ status: job.status, names: job.outputs.map(({ name }) => name) }).toEqual({
      status: 'succeeded',
      names: STEMS,
    });
    const sent = (await kiln.sandbox.requests('acestep')).slice(before);
    expect(sent.map(({ body }) => body['track_name'])).toEqual([...STEMS, ...STEMS]);
  });

  test('a job that is canceled stops on the instance', async () => {
    const { id } = await kiln.post({ model: 'ltx-2', input: { prompt: '[[sandbox:never]] waves' } });
    const running = async (): Promise<number> => {
      const { data } = (await kiln.call<{ data: { id: string; status: string }[] }>('GET', '/v1/jobs?status=running'))
        .body;
      return data.filter((job) => job.id === id).length;
    };
    await until(async () => (await running()) === 1);
    expect((await kiln.call('POST', `/v1/jobs/${id}/cancel`)).status).toBeLessThan(300);
    expect(await kiln.finished(id, 60)).toMatchObject({ status: 'canceled' });
    await until(async () => ((await kiln.sandbox.counts('comfyui'))['cancels'] ?? 0) > 0);
  });
});
