import { parseInput } from '../../catalog/input.js';
import { loadCatalog } from '../../catalog/load-catalog.js';
import { KilnError } from '../../common/errors.js';
import { adapters } from '../../providers/registry.js';
import { imagesRequest, type ImagesCall, type ImagesRequest } from './request.js';

const catalog = loadCatalog({
  overlayPath: null,
  sandbox: { url: 'http://127.0.0.1:1', credential: 'x' },
  hasCredential: () => false,
  endpointsFrom: () => [],
  adapters,
  now: () => new Date('2026-11-23T00:00:00Z'),
});
const ALIASES = catalog
  .models()
  .filter(({ modality }) => modality === 'image')
  .map(({ id }) => id);
const UPLOAD = 'upload_01h455vb4pex5vsknk084sn02q';
const PNG = 'data:image/png;base64,iVBORw0KGgo=';

function read(fields: Record<string, unknown>, call: ImagesCall = 'generation', isText = false): ImagesRequest {
  const { model } = fields;
  return imagesRequest(
    call,
    { fields, isText, uploadIds: [], fingerprint: '' },
    typeof model === 'string' ? catalog.get(model) : undefined,
  );
}

function refusal(run: () => unknown): KilnError {
  try {
    run();
  } catch (error) {
    if (error instanceof KilnError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe("what OpenAI's clients send where nothing was asked for", () => {
  const DEFAULTS = {
    n: 1,
    moderation: 'auto',
    size: 'auto',
    quality: 'auto',
    background: 'auto',
    style: 'vivid',
    user: 'u-1',
    safety_identifier: 's-1',
    output_compression: 100,
    partial_images: 0,
    response_format: 'b64_json',
    stream: false,
  };
  test.each(ALIASES)('%s takes it all', (model) => {
    const { input, options } = read({ model, prompt: 'a fox', ...DEFAULTS });
    const found = catalog.get(model);
    expect(found && parseInput(found, input).operation).toBe('text_to_image');
    expect(options).toEqual({});
  });

  test.each(ALIASES)('%s takes it as text', (model) => {
    const text = Object.fromEntries(Object.entries(DEFAULTS).map(([name, value]) => [name, String(value)]));
    const fields = { model, prompt: 'a fox', image: PNG, input_fidelity: 'low', ...text };
    const { input } = read(fields, 'edit', true);
    const found = catalog.get(model);
    expect(found && parseInput(found, input).operation).toBe('image_to_image');
  });

  test('a word that the model has itself is passed on', () => {
    expect(read({ model: 'gpt-image-1.5', prompt: 'p', size: 'auto', background: 'auto', n: 1 }).input).toEqual({
      prompt: 'p',
      size: 'auto',
      background: 'auto',
      n: 1,
    });
  });
});

describe('what a model has no word for', () => {
  test.each([
    ['nano-banana-2', { n: 2 }, 'input.n'],
    ['nano-banana-2', { size: '1024x1024' }, 'input.size'],
    ['flux-dev', { quality: 'high' }, 'input.quality'],
    ['flux-dev', { background: 'transparent' }, 'input.background'],
    ['gpt-image-1.5', { seed: 1 }, 'input.seed'],
    ['gpt-image-1.5', { complexity: 'high' }, 'input.complexity'],
  ] as const)('%s: %j is the job to refuse', (model, fields, param) => {
    const { input } = read({ model, prompt: 'p', ...fields });
    const found = catalog.get(model);
    expect(refusal(() => found && parseInput(found, input))).toMatchObject({ status: 400, param });
  });

  test.each([
    ['flux-dev', { moderation: 'low' }, 'moderation'],
    ['nano-banana-2', { output_compression: 50 }, 'output_compression'],
    ['gpt-image-1.5', { output_compression: 101 }, 'output_compression'],
    ['gpt-image-1.5', { moderation: 'none' }, 'moderation'],
    ['gpt-image-1.5', { input_fidelity: 'high' }, 'input_fidelity'],
    ['flux-dev', { partial_images: 4 }, 'partial_images'],
    ['flux-dev', { response_format: 'png' }, 'response_format'],
    ['flux-dev', { stream: 'yes' }, 'stream'],
    ['flux-dev', { stream: true, response_format: 'url' }, 'response_format'],
    ['flux-dev', { image: PNG }, 'image'],
    ['flux-dev', { mask: PNG }, 'mask'],
    ['veo-3.1', {}, 'model'],
    ['', {}, 'model'],
  ] as const)('%s: %j is refused by name', (model, fields, param) => {
    expect(refusal(() => read({ model, prompt: 'p', ...fields }))).toMatchObject({ status: 400, param });
  });

  test('an unknown model is 404', () => {
    expect(refusal(() => read({ model: 'x', prompt: 'p' }))).toMatchObject({ status: 404, code: 'model_not_found' });
  });
});

test("OpenAI's own controls become its options, beside those that are given", () => {
  const provider_options = { openai: { moderation: 'auto' } };
  expect(
    read({
      model: 'gpt-image-1.5',
      prompt: 'p',
      output_format: 'webp',
      output_compression: 60,
      moderation: 'low',
      provider_options,
    }),
  ).toMatchObject({
    input: { prompt: 'p', output_format: 'webp' },
    options: { provider_options: { openai: { moderation: 'low', output_compression: 60 } } },
  });
});

test("Kiln's own fields go into the job", () => {
  const own = { negative_prompt: 'x', steps: 4, loras: [], aspect_ratio: '1:1', seed: 1 };
  const options = { metadata: { a: 'b' }, routing: { only: ['fal'] }, priority: 'low' };
  expect(read({ model: 'flux-dev', prompt: 'p', ...own, ...options })).toMatchObject({
    model: 'flux-dev',
    input: { prompt: 'p', ...own },
    options,
  });
});

describe('pictures of an edit', () => {
  const edit = (fields: Record<string, unknown>) => read({ model: 'gpt-image-1.5', prompt: 'p', ...fields }, 'edit');

  test.each([
    [{ image: { upload_id: UPLOAD } }, [{ upload_id: UPLOAD }]],
    [{ image: [PNG, { upload_id: UPLOAD }] }, [PNG, { upload_id: UPLOAD }]],
    [{ images: [{ image_url: PNG }] }, [PNG]],
    [{ images: [{ image_url: { url: PNG } }] }, [PNG]],
    [{ images: [{ file_id: UPLOAD, image_url: null }] }, [{ upload_id: UPLOAD }]],
    [{ images: ['https://example.com/a.png', UPLOAD] }, ['https://example.com/a.png', UPLOAD]],
    [{ images: [{ job_id: 'job_1', output: 1 }] }, [{ job_id: 'job_1', output: 1 }]],
  ])('%j', (fields, images) => {
    expect(edit(fields).input['images']).toEqual(images);
  });

  test('a mask, too', () => {
    expect(edit({ image: PNG, mask: { file_id: UPLOAD } }).input['mask']).toEqual({ upload_id: UPLOAD });
  });

  test('errors use the word that the client used', () => {
    expect(edit({ image: PNG }).names).toEqual({ images: 'image' });
    expect(edit({ images: [PNG] }).names).toEqual({ images: 'images' });
  });

  test.each([
    [{}, 'image'],
    [{ image: PNG, images: [PNG] }, 'images'],
  ])('%j is refused', (fields, param) => {
    expect(refusal(() => edit(fields))).toMatchObject({ status: 400, param });
  });
});
