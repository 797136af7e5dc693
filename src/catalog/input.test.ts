import { KilnError } from '../common/errors.js';
import { adapters } from '../providers/registry.js';
import { parseInput, parseProviderOptions } from './input.js';
import { loadCatalog } from './load-catalog.js';
import type { Model } from './schema.js';

const catalog = loadCatalog({
  overlayPath: null,
  sandbox: { url: 'http://127.0.0.1:1', credential: 'x' },
  hasCredential: () => false,
  endpointsFrom: () => [],
  adapters,
  now: () => new Date('2026-11-23T00:00:00Z'),
});

function model(id: string): Model {
  const found = catalog.get(id);
  if (!found) throw new Error(`no ${id}`);
  return found;
}

const UPLOAD = 'upload_01h455vb4pex5vsknk084sn02q';
const JOB = 'job_01h455vb4pex5vsknk084sn02q';
const PNG = 'data:image/png;base64,iVBORw0KGgo=';

function refusal(run: () => unknown): KilnError {
  try {
    run();
  } catch (error) {
    if (error instanceof KilnError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('parseInput', () => {
  it('applies defaults and takes media out', () => {
    expect(parseInput(model('veo-3.1'), { prompt: 'a fox', image: UPLOAD })).toEqual({
      input: { prompt: 'a fox', duration_seconds: 8, resolution: '720p', aspect_ratio: '16:9', generate_audio: true },
      operation: 'image_to_video',
      references: [{ role: 'image', index: 0, param: 'input.image', source: { kind: 'upload', id: UPLOAD } }],
    });
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['veo-3.1', { prompt: 'x' }, 'text_to_video'],
    ['veo-3.1', { prompt: 'x', image: PNG, last_image: PNG }, 'first_last_frame'],
    ['veo-3.1', { prompt: 'x', reference_images: [UPLOAD, PNG] }, 'reference_to_video'],
    ['wan-2.2', { prompt: 'x', image: PNG }, 'image_to_video'],
    ['flux-dev', { prompt: 'x', size: '1024x768' }, 'text_to_image'],
    ['flux-dev', { prompt: 'x', images: [PNG], strength: 0.6 }, 'image_to_image'],
    ['ace-step', { prompt: 'x' }, 'generate'],
    ['ace-step', { task: 'cover', prompt: 'x', audio: UPLOAD, strength: 0.5 }, 'cover'],
    [
      'ace-step',
      { task: 'repaint', prompt: 'x', audio: UPLOAD, repaint_start_seconds: 1, repaint_end_seconds: 9 },
      'repaint',
    ],
    ['ace-step', { task: 'extract', audio: UPLOAD, stems: ['vocals'] }, 'extract'],
  ])('%s does %j as %s, and a route can run it', (id, input, operation) => {
    const parsed = parseInput(model(id), input);
    expect(parsed.operation).toBe(operation);
    const references: Record<string, number> = {};
    for (const { role } of parsed.references) references[role] = (references[role] ?? 0) + 1;
    const problems = model(id).routes.map((route) =>
      adapters.get(route.provider)?.unsupported({
        modality: model(id).modality,
        operation,
        model: route.model,
        input: parsed.input,
        references,
        settings: route.settings,
      }),
    );
    expect(problems).toContainEqual([]);
  });

  it.each<[string, unknown, unknown]>([
    ['https URL', 'https://example.com/a.png', { kind: 'url', url: 'https://example.com/a.png' }],
    ['data URI', PNG, { kind: 'data', contentType: 'image/png', base64: 'iVBORw0KGgo=' }],
    ['upload id', UPLOAD, { kind: 'upload', id: UPLOAD }],
    ['{url}', { url: 'https://example.com/a.png' }, { kind: 'url', url: 'https://example.com/a.png' }],
    ['{data}', { data: PNG }, { kind: 'data', contentType: 'image/png', base64: 'iVBORw0KGgo=' }],
    ['{upload_id}', { upload_id: UPLOAD }, { kind: 'upload', id: UPLOAD }],
    ['{job_id, output}', { job_id: JOB, output: 1 }, { kind: 'output', jobId: JOB, output: 1 }],
    ['{job_id}', { job_id: JOB }, { kind: 'output', jobId: JOB, output: 0 }],
  ])('reads a reference given as %s', (_name, value, source) => {
    expect(parseInput(model('wan-2.2'), { prompt: 'x', image: value }).references[0]?.source).toEqual(source);
  });

  it.each<[string, string, unknown, string | null, RegExp]>([
    [
      'an unknown field',
      'wan-2.2',
      { prompt: 'x', foo: 1 },
      'input.foo',
      /^Unknown parameter: 'input\.foo'\. Allowed: prompt, negative_prompt, /,
    ],
    ['__proto__', 'wan-2.2', JSON.parse('{"prompt":"x","__proto__":{"a":1}}'), 'input.__proto__', /Unknown parameter/],
    ['constructor', 'wan-2.2', { prompt: 'x', constructor: 1 }, 'input.constructor', /Unknown parameter/],
    [
      "another model's field",
      'wan-2.2',
      { prompt: 'x', camera: 'pan' },
      'input.camera',
      /not supported by wan-2\.2; other video models take it/,
    ],
    [
      'a field that has no effect',
      'flux-dev',
      { prompt: 'x', negative_prompt: 'y' },
      'input.negative_prompt',
      /not supported by flux-dev: it has no effect/,
    ],
    ['a missing prompt', 'veo-3.1', {}, 'input.prompt', /is required by veo-3\.1: a non-empty string of at most 4000/],
    ['a blank prompt', 'veo-3.1', { prompt: ' ' }, 'input.prompt', /must be a non-empty string/],
    [
      'a long prompt',
      'veo-3.1',
      { prompt: 'x'.repeat(4001) },
      'input.prompt',
      /^'input\.prompt' is 4001 characters long; the limit of veo-3\.1 is 4000\.$/,
    ],
    [
      'a megabyte of prompt',
      'veo-3.1',
      { prompt: 'x'.repeat(1_000_000) },
      'input.prompt',
      /is 1000000 characters long/,
    ],
    ['a NUL', 'veo-3.1', { prompt: 'a\0b' }, 'input.prompt', /contains a NUL/],
    [
      'half a surrogate pair',
      'veo-3.1',
      { prompt: 'a\ud800' },
      'input.prompt',
      /contains a NUL or half of a surrogate pair/,
    ],
    [
      'a number as text',
      'veo-3.1',
      { prompt: 'x', duration_seconds: '8' },
      'input.duration_seconds',
      /must be one of 4, 6, 8; got "8"/,
    ],
    [
      'a duration between',
      'veo-3.1',
      { prompt: 'x', duration_seconds: 5 },
      'input.duration_seconds',
      /must be one of 4, 6, 8; got 5/,
    ],
    [
      '1080p of 4 s',
      'veo-3.1',
      { prompt: 'x', resolution: '1080p', duration_seconds: 4 },
      'input.duration_seconds',
      /must be 8 when 'input\.resolution' is "1080p".*; got 4/,
    ],
    [
      'references of 6 s',
      'veo-3.1',
      { prompt: 'x', reference_images: [PNG], duration_seconds: 6 },
      'input.duration_seconds',
      /must be 8 when 'input\.reference_images' is given/,
    ],
    [
      'a last frame alone',
      'veo-3.1',
      { prompt: 'x', last_image: PNG },
      'input.image',
      /is required when 'input\.last_image' is given/,
    ],
    [
      'frames and references',
      'veo-3.1',
      { prompt: 'x', image: PNG, reference_images: [PNG] },
      'input.image',
      /is not allowed when/,
    ],
    [
      'silent 4k',
      'veo-3.1',
      { prompt: 'x', resolution: '4k', generate_audio: false },
      'input.generate_audio',
      /must be true when/,
    ],
    [
      'too many references',
      'veo-3.1',
      { prompt: 'x', reference_images: [PNG, PNG, PNG, PNG] },
      'input.reference_images',
      /a list of 1 to 3 references.*got a list of 4/,
    ],
    ['no list', 'veo-3.1', { prompt: 'x', reference_images: PNG }, 'input.reference_images', /a list of 1 to 3/],
    [
      'too long a clip',
      'wan-2.2',
      { prompt: 'x', duration_seconds: 9 },
      'input.duration_seconds',
      /a number from 1 to 8; got 9/,
    ],
    ['null', 'wan-2.2', { prompt: 'x', seed: null }, 'input.seed', /must be an integer from 0 to .*; got null/],
    ['a broken seed', 'wan-2.2', { prompt: 'x', seed: 1.5 }, 'input.seed', /an integer/],
    ['other media', 'wan-2.2', { prompt: 'x', image: 7 }, 'input.image', /an https URL, a data URI, an upload id/],
    ['a path', 'wan-2.2', { prompt: 'x', image: '/etc/passwd' }, 'input.image', /got "\/etc\/passwd"/],
    ['a file URL', 'wan-2.2', { prompt: 'x', image: 'file:///etc/passwd' }, 'input.image', /an https URL/],
    ['a wrong id', 'wan-2.2', { prompt: 'x', image: 'upload_1' }, 'input.image', /is not an upload id/],
    ['a broken data URI', 'wan-2.2', { prompt: 'x', image: 'data:image/png,abc' }, 'input.image', /no base64 data URI/],
    [
      'data that is not base64',
      'wan-2.2',
      { prompt: 'x', image: 'data:image/png;base64,%%%' },
      'input.image',
      /not base64/,
    ],
    [
      'two sources',
      'wan-2.2',
      { prompt: 'x', image: { url: 'https://a.example/', data: PNG } },
      'input.image',
      /one of \{upload_id\}/,
    ],
    [
      'an output of no job',
      'wan-2.2',
      { prompt: 'x', image: { job_id: 'x' } },
      'input.image.job_id',
      /is not a job id/,
    ],
    [
      'an output below 0',
      'wan-2.2',
      { prompt: 'x', image: { job_id: JOB, output: -1 } },
      'input.image.output',
      /counted from 0; got -1/,
    ],
    [
      'a bad second image',
      'veo-3.1',
      { prompt: 'x', reference_images: [PNG, 3] },
      'input.reference_images[1]',
      /got 3/,
    ],
    [
      'size and width',
      'flux-dev',
      { prompt: 'x', size: '512x512', width: 512 },
      'input.width',
      /is not allowed when 'input\.size' is given/,
    ],
    ['width alone', 'flux-dev', { prompt: 'x', width: 512 }, 'input.height', /is required when/],
    ['an odd size', 'flux-dev', { prompt: 'x', size: '1000x1001' }, 'input.size', /multiples of 16; got "1000x1001"/],
    ['five images', 'flux-dev', { prompt: 'x', n: 5 }, 'input.n', /an integer from 1 to 4; got 5/],
    [
      'strength without a picture',
      'flux-dev',
      { prompt: 'x', strength: 0.5 },
      'input.images',
      /is required when 'input\.strength'/,
    ],
    [
      'a cover of nothing',
      'ace-step',
      { task: 'cover', prompt: 'x' },
      'input.audio',
      /is required when 'input\.task' is "cover"/,
    ],
    ['music of nothing', 'ace-step', {}, 'input.prompt', /is required when 'input\.task' is "generate"/],
    [
      'stems twice',
      'ace-step',
      { task: 'extract', audio: UPLOAD, stems: ['vocals', 'vocals'] },
      'input.stems',
      /a list of 1 to 1/,
    ],
    ['no object', 'wan-2.2', 'a fox', 'input', /must be an object; got "a fox"/],
    ['a list', 'wan-2.2', [], 'input', /must be an object/],
  ])('refuses %s for %s', (_what, id, input, param, message) => {
    const error = refusal(() => parseInput(model(id), input));
    expect(error).toMatchObject({ status: 400, type: 'invalid_request_error', param });
    expect(error.message).toMatch(message);
    expect(error.message.length).toBeLessThan(1500);
  });

  it('counts characters, not UTF-16 units', () => {
    expect(parseInput(model('veo-3.1'), { prompt: '🦊'.repeat(4000) }).operation).toBe('text_to_video');
    expect(refusal(() => parseInput(model('veo-3.1'), { prompt: '🦊'.repeat(4001) })).message).toMatch(
      /is 4001 characters/,
    );
  });
});

describe('parseProviderOptions', () => {
  it('takes what the adapter lets a client set', () => {
    const options = { google: { person_generation: 'allow_adult' } };
    expect(parseProviderOptions(model('veo-3.1'), options, adapters)).toEqual(options);
    expect(parseProviderOptions(model('veo-3.1'), undefined, adapters)).toEqual({});
  });

  it.each<[string, unknown, string, RegExp]>([
    ['another provider', { comfyui: {} }, 'provider_options.comfyui', /veo-3\.1 runs on: google/],
    [
      'a destination',
      { google: { storageUri: 'gs://x' } },
      'provider_options.google.storageUri',
      /Unknown parameter.*Allowed: person_generation, enhance_prompt/,
    ],
    [
      'a wrong type',
      { google: { enhance_prompt: 'yes' } },
      'provider_options.google.enhance_prompt',
      /expected boolean/,
    ],
    ['no object', 3, 'provider_options', /must be an object; got 3/],
  ])('refuses %s', (_what, options, param, message) => {
    const error = refusal(() => parseProviderOptions(model('veo-3.1'), options, adapters));
    expect(error).toMatchObject({ status: 400, param });
    expect(error.message).toMatch(message);
  });
});
