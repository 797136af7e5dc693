import sharp from 'sharp';
import type { FaultName } from '../fault-table.js';
import { unanswered } from '../test-client.js';
import {
  describeSubmitFaults,
  type ErrorBody,
  file,
  openWire,
  type Parts,
  png,
  raw,
  type Refusal,
} from './test-wire.js';

let wire: Awaited<ReturnType<typeof openWire>>;
beforeAll(async () => {
  wire = await openWire();
});
afterEach(() => wire.sandbox.clearFaults());
afterAll(() => wire.sandbox.close());

interface Images extends ErrorBody {
  data: { b64_json: string }[];
  usage: { output_tokens: number; input_tokens_details: { image_tokens: number } };
}
const bytesOf = (images: Images, index = 0): Buffer => Buffer.from(images.data[index]?.b64_json ?? '', 'base64');

describe('images', () => {
  it('renders every picture of a generation as asked', async () => {
    const { status, body } = await wire.post<Images>('/images/generations', {
      model: 'gpt-image-1.5',
      prompt: 'A fox',
      n: 2,
      size: '1536x1024',
      quality: 'high',
      output_format: 'webp',
      output_compression: 80,
      moderation: 'low',
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({ output_format: 'webp', quality: 'high', size: '1536x1024', background: 'opaque' });
    expect(body.data).toHaveLength(2);
    expect(await sharp(bytesOf(body)).metadata()).toMatchObject({ format: 'webp', width: 1536, height: 1024 });
    expect(bytesOf(body, 0)).not.toEqual(bytesOf(body, 1));
    expect(body.usage.output_tokens).toBe(2 * 6208);
  });

  it('gives a transparent background an alpha channel, and later models any size', async () => {
    const { body } = await wire.post<Images>('/images/generations', {
      model: 'gpt-image-2.6-sunburst',
      prompt: 'A fox',
      size: '512x256',
      background: 'transparent',
      quality: 'max',
      complexity: 'low',
    });
    expect(await sharp(bytesOf(body)).metadata()).toMatchObject({ hasAlpha: true, width: 512, height: 256 });
  });

  it('edits pictures of a form, with a mask, and follows their shape', async () => {
    const { status, body } = await wire.postForm<Images>('/images/edits', [
      ['model', 'gpt-image-1'],
      ['prompt', 'A fox'],
      ['n', '1'],
      ['image[]', file(await png(300, 200))],
      ['image[]', file(await png(100, 100))],
      ['mask', file(await png(300, 200, 4))],
      ['input_fidelity', 'high'],
    ]);
    expect(status).toBe(200);
    expect(await sharp(bytesOf(body)).metadata()).toMatchObject({ format: 'png', width: 1536, height: 1024 });
    expect(body.usage.input_tokens_details.image_tokens).toBeGreaterThan(0);
    expect(wire.sandbox.requests({ provider: 'openai' }).at(-1)?.body).toMatchObject({
      'image[]#0': { bytes: expect.any(Number) as number },
    });
  });

  it('edits pictures of JSON', async () => {
    const image_url = `data:image/png;base64,${(await png(64, 64)).toString('base64')}`;
    const masked = `data:image/png;base64,${(await png(64, 64, 4)).toString('base64')}`;
    const answer = await wire.post<Images>('/images/edits', {
      model: 'gpt-image-2',
      prompt: 'A fox',
      images: [{ image_url }],
      mask: { image_url: masked },
    });
    expect(answer.status).toBe(200);
    expect(await sharp(bytesOf(answer.body)).metadata()).toMatchObject({ width: 1024, height: 1024 });
  });

  it('streams previews, then the picture', async () => {
    const wanted = { model: 'gpt-image-1', prompt: 'A fox', size: '1024x1024', stream: true, partial_images: 2 };
    const response = await fetch(`${wire.base}/images/generations`, raw(wanted));
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    const events = [...(await response.text()).matchAll(/^event: (.+)$/gm)].map(([, name]) => name);
    expect(events).toEqual([
      'image_generation.partial_image',
      'image_generation.partial_image',
      'image_generation.completed',
    ]);
  });
});

describe('strictness of images', () => {
  const image = (more: object) => ({ model: 'gpt-image-1', prompt: 'a', ...more });
  const generations: Refusal[] = [
    ['no model', () => ({ prompt: 'a' }), 'model', 'missing_required_parameter', /Missing/],
    ['response_format', () => image({ response_format: 'url' }), 'response_format', 'unknown_parameter', /Unknown/],
    ['n as text', () => image({ n: '1' }), 'n', 'invalid_type', /expected an integer, but got a string/],
    ['n of eleven', () => image({ n: 11 }), 'n', 'invalid_value', /1 to 10/],
    ['a fraction', () => image({ n: 1.5 }), 'n', 'invalid_type', /a decimal number/],
    ['a free size of a first model', () => image({ size: '1536x864' }), 'size', 'invalid_value', /1024x1536/],
    ['a crooked size', () => image({ model: 'gpt-image-2', size: '1000x1000' }), 'size', 'invalid_value', /divisible/],
    ['a long size', () => image({ model: 'gpt-image-2', size: '3200x1024' }), 'size', 'invalid_value', /1:3/],
    ['max of a first model', () => image({ quality: 'max' }), 'quality', 'invalid_value', /'low'/],
    [
      'transparent JPEG',
      () => image({ background: 'transparent', output_format: 'jpeg' }),
      'background',
      'invalid_value',
      /jpeg/,
    ],
    ['compressed PNG', () => image({ output_compression: 50 }), 'output_compression', 'invalid_value', /PNG/],
    ['previews without a stream', () => image({ partial_images: 1 }), 'partial_images', 'invalid_value', /stream/],
    ['stream as text', () => image({ stream: 'yes' }), 'stream', 'invalid_type', /a boolean/],
    ['complexity of a first model', () => image({ complexity: 'low' }), 'complexity', 'unknown_parameter', /Unknown/],
    [
      'fidelity without a picture',
      () => image({ input_fidelity: 'low' }),
      'input_fidelity',
      'unknown_parameter',
      /Unknown/,
    ],
    ['a form', () => [['prompt', 'a']], null, null, /application\/json/],
  ];
  it.each(generations)('a generation refuses %s', async (...row) => wire.expectRefused('/images/generations', row));

  const edit = async (...more: Parts): Promise<Parts> => [
    ['model', 'gpt-image-1'],
    ['prompt', 'a'],
    ['image', file(await png(64, 32))],
    ...more,
  ];
  const edits: Refusal[] = [
    ['no picture', () => image({}), 'image', 'missing_required_parameter', /Missing/],
    ['a text for a picture', () => image({ image: 'x' }), 'image', 'invalid_type', /expected a file/],
    ['moderation', () => edit(['moderation', 'low']), 'moderation', 'unknown_parameter', /Unknown/],
    ['n that is no number', () => edit(['n', 'two']), 'n', 'invalid_type', /an integer/],
    ['an opaque mask', async () => edit(['mask', file(await png(64, 32))]), 'mask', 'invalid_image_format', /alpha/],
    [
      'a mask of another size',
      async () => edit(['mask', file(await png(32, 32, 4))]),
      'mask',
      'invalid_image_format',
      /size/,
    ],
    [
      'a mask that is no PNG',
      async () =>
        edit([
          'mask',
          file(
            await sharp(await png(64, 32))
              .jpeg()
              .toBuffer(),
            'image/jpeg',
            'm.jpg',
          ),
        ]),
      'mask',
      'invalid_image_format',
      /PNG/,
    ],
    [
      'seventeen pictures',
      async () =>
        edit(
          ...(await Promise.all(
            Array.from({ length: 16 }, async () => ['image[]', file(await png(8, 8))] as Parts[number]),
          )),
        ),
      'image',
      'invalid_value',
      /at most 16/,
    ],
    [
      'fidelity of a later model',
      async () => [
        ['model', 'gpt-image-2'],
        ['prompt', 'a'],
        ['image', file(await png(8, 8))],
        ['input_fidelity', 'low'],
      ],
      'input_fidelity',
      'invalid_value',
      /not supported/,
    ],
    [
      'high fidelity of the small model',
      async () => [
        ['model', 'gpt-image-1-mini'],
        ['prompt', 'a'],
        ['image', file(await png(8, 8))],
        ['input_fidelity', 'high'],
      ],
      'input_fidelity',
      'invalid_value',
      /'low'/,
    ],
  ];
  it.each(edits)('an edit refuses %s', async (...row) => wire.expectRefused('/images/edits', row));

  it('refuses a model it does not have', async () => {
    expect(await wire.post('/images/generations', { model: 'dall-e-3', prompt: 'a' })).toMatchObject({ status: 404 });
  });
});

describe('switches of images', () => {
  describeSubmitFaults(
    () => wire,
    '/images/generations',
    (prompt) => ({ model: 'gpt-image-1', prompt, quality: 'low', size: '1024x1024' }),
    unanswered,
  );

  const generate = (fault: FaultName) =>
    wire.post<Images>('/images/generations', {
      model: 'gpt-image-1',
      prompt: `x ${fault} [[sandbox:${fault}]]`,
      quality: 'low',
    });

  it('pictures fail as asked', async () => {
    expect((await generate('fail')).status).toBe(500);
    expect((await generate('oom')).status).toBe(500);
    expect(await generate('policy')).toMatchObject({ status: 400, body: { error: { code: 'moderation_blocked' } } });
    for (const fault of ['empty', 'expired'] as const) expect((await generate(fault)).body.data).toEqual([]);
    expect((await generate('zero-bytes')).body.data).toEqual([{ b64_json: '' }]);
    expect(bytesOf((await generate('not-media')).body).toString()).toMatch(/doctype/);
    await expect(generate('truncate')).rejects.toThrow('terminated');
    expect((await generate('truncate')).status).toBe(200);
    const never = raw({ model: 'gpt-image-1', prompt: '[[sandbox:never]] x' });
    expect(await unanswered(`${wire.base}/images/generations`, never)).toBe('hang');
    const lost = raw({ model: 'gpt-image-1', prompt: '[[sandbox:lost]] x' });
    expect(await unanswered(`${wire.base}/images/generations`, lost)).toBe('drop');
  });
});
