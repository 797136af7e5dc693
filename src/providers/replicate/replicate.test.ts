import { CannedWire, reference, type CannedAnswer } from '../../../test/support/provider-wire.js';
import type { MediaTask, ProviderContext, TaskShape } from '../contract.js';
import predictions from './fixtures/predictions.json' with { type: 'json' };
import { replicate } from './index.js';

const ENDPOINT = 'https://api.replicate.com/v1';
const FLUX = 'POST /models/black-forest-labs/flux-dev/predictions';
const LORA = 'POST /models/black-forest-labs/flux-dev-lora/predictions';
const KLING = 'POST /models/kwaivgi/kling-v3-video/predictions';
const VERSION = 'a'.repeat(64);
const WEIGHTS = 'https://example.com/style.safetensors';

const flux = (input: MediaTask['input'], more: Partial<MediaTask> = {}): MediaTask => ({
  jobId: 'job_1',
  modality: 'image',
  operation: 'text_to_image',
  model: 'black-forest-labs/flux-dev',
  input: { prompt: 'A kite', ...input },
  references: [],
  options: {},
  settings: { family: 'flux-dev' },
  ...more,
});
const lora = (input: MediaTask['input'], more: Partial<MediaTask> = {}): MediaTask =>
  flux(input, { model: 'black-forest-labs/flux-dev-lora', settings: { family: 'flux-dev-lora' }, ...more });
const kling = (input: MediaTask['input'], more: Partial<MediaTask> = {}): MediaTask =>
  flux(input, {
    modality: 'video',
    operation: 'text_to_video',
    model: 'kwaivgi/kling-v3-video',
    settings: { family: 'kling-v3' },
    ...more,
  });

async function sent(
  task: MediaTask,
  at: string,
  ctx: Partial<ProviderContext> = {},
  also: Record<string, CannedAnswer> = {},
) {
  const wire = new CannedWire().on(at, { status: 201, json: predictions.created });
  for (const [path, answer] of Object.entries(also)) wire.on(path, answer);
  const submitted = await replicate.submit(task, wire.context(ENDPOINT, ctx));
  const call = wire.callsTo(at.split(' ')[1] ?? '').at(-1);
  return { submitted, wire, headers: call?.headers ?? {}, body: call?.body as { input: Record<string, unknown> } };
}

const shapeOf = (task: MediaTask, references: TaskShape['references'] = {}): TaskShape => ({ ...task, references });

describe('what is sent', () => {
  test('an official model has its own path; no key of ours, no waiting', async () => {
    const { body, headers } = await sent(flux({}), FLUX);
    expect(body).toEqual({ input: { prompt: 'A kite', output_format: 'png' } });
    expect(headers).toEqual({ 'content-type': 'application/json', authorization: 'Bearer test-key' });
  });

  test('a version goes to /predictions, with a deadline and a doorbell where there are any', async () => {
    const settings = { family: 'flux-dev', version: VERSION, cancel_after_seconds: 3690 };
    const { body, headers } = await sent(flux({}, { settings }), 'POST /predictions', {
      callbackUrl: 'https://kiln.example.com/callbacks/replicate/t',
    });
    expect(body).toEqual({
      version: VERSION,
      input: { prompt: 'A kite', output_format: 'png' },
      webhook: 'https://kiln.example.com/callbacks/replicate/t',
      webhook_events_filter: ['completed'],
    });
    expect(headers).toMatchObject({ 'cancel-after': '1h1m30s' });
  });

  test.each([
    { family: 'sdxl' },
    { family: 'flux-dev', version: 'latest' },
    { family: 'flux-dev', cancel_after_seconds: 4 },
    {},
  ])('settings %j stop the start', (settings) => {
    expect(replicate.settings.safeParse(settings).success).toBe(false);
  });

  test('FLUX: every field, a size that is one of its shapes, and a seed that counts', async () => {
    const input = { n: 2, steps: 30, guidance: 3.5, seed: 7, size: '1344x768', output_format: 'png' };
    const { body, submitted } = await sent(flux(input), FLUX);
    expect(body.input).toEqual({
      prompt: 'A kite',
      num_outputs: 2,
      num_inference_steps: 30,
      guidance: 3.5,
      seed: 7,
      output_format: 'png',
      aspect_ratio: '16:9',
      go_fast: false,
    });
    expect(submitted).toEqual({ taskId: { id: predictions.created.id, kind: 'image', count: 2 } });
  });

  test('FLUX: go_fast as the client wants it, and what that costs', async () => {
    const { body, submitted } = await sent(flux({ seed: 7 }, { options: { go_fast: true } }), FLUX);
    expect(body.input).toMatchObject({ go_fast: true });
    expect(submitted.warnings).toEqual(['seed does not fix the picture with go_fast']);
  });

  test('a small picture stands in the input, a large one is uploaded first', async () => {
    const small = [reference('images', 'image', Buffer.from('png'))];
    const inline = await sent(flux({ strength: 0.6 }, { references: small }), FLUX);
    expect(inline.body.input).toMatchObject({ image: 'data:image/png;base64,cG5n', prompt_strength: 0.6 });
    const large = [reference('images', 'image', Buffer.alloc(300 * 1024))];
    const uploaded = await sent(
      flux({}, { references: large }),
      FLUX,
      {},
      {
        'POST /files': { status: 201, json: { id: 'f', urls: { get: `${ENDPOINT}/files/f` } } },
      },
    );
    expect(uploaded.body.input['image']).toBe(`${ENDPOINT}/files/f`);
    const [upload] = uploaded.wire.callsTo('/files');
    expect(upload).toMatchObject({ trust: 'endpoint', headers: { authorization: 'Bearer test-key' } });
    expect([...((upload?.body ?? new FormData()) as FormData).keys()]).toEqual(['content', 'metadata']);
  });

  test('an upload that fails has bought nothing', async () => {
    const large = [reference('images', 'image', Buffer.alloc(300 * 1024))];
    await expect(
      sent(flux({}, { references: large }), FLUX, {}, { 'POST /files': { status: 500, text: 'oops' } }),
    ).rejects.toMatchObject({ kind: 'internal', outcome: 'rejected' });
  });

  test('LoRAs: up to two links, at the strength that was asked', async () => {
    const one = { url: WEIGHTS, strength: 0.8 };
    const two = { url: 'https://huggingface.co/owner/model' };
    expect((await sent(lora({ loras: [one, two] }), LORA)).body.input).toEqual({
      prompt: 'A kite',
      output_format: 'png',
      lora_weights: WEIGHTS,
      lora_scale: 0.8,
      extra_lora: 'https://huggingface.co/owner/model',
      extra_lora_scale: 1,
      go_fast: false,
    });
    const fast = await sent(lora({ loras: [one] }, { options: { go_fast: true } }), LORA);
    expect(fast.submitted.warnings?.join()).toMatch(/1\.5/);
  });

  test("Kling: resolution is a mode, and the shape is the first frame's", async () => {
    const input = {
      negative_prompt: 'text',
      duration_seconds: 7,
      resolution: '1080p',
      aspect_ratio: '9:16',
      generate_audio: false,
    };
    expect((await sent(kling(input), KLING)).body.input).toEqual({
      prompt: 'A kite',
      negative_prompt: 'text',
      duration: 7,
      mode: 'pro',
      aspect_ratio: '9:16',
      generate_audio: false,
    });
    const frames = [
      reference('last_image', 'image', Buffer.from('last')),
      reference('image', 'image', Buffer.from('first')),
    ];
    const { body, submitted } = await sent(kling(input, { references: frames, options: { go_fast: true } }), KLING);
    expect(body.input).toMatchObject({
      start_image: 'data:image/png;base64,Zmlyc3Q=',
      end_image: 'data:image/png;base64,bGFzdA==',
    });
    expect(body.input).not.toHaveProperty('aspect_ratio');
    expect(submitted.warnings).toEqual([
      'aspect_ratio 9:16 gave way to the shape of image (1280x720)',
      'go_fast has no meaning for Kling and was left out',
    ]);
    const fitting = await sent(kling({ aspect_ratio: '16:9' }, { references: frames }), KLING);
    expect(fitting.submitted.warnings).toBeUndefined();
  });

  test.each([
    ['a webp', { contentType: 'image/webp' }, /image\/png, image\/jpeg/],
    ['a tiny picture', { width: 640, height: 200 }, /300 pixels/],
    ['a strip', { width: 2000, height: 500 }, /2\.5:1/],
    ['a large file', { bytes: 11 * 1024 * 1024 }, /at most/],
  ])('Kling refuses %s by the name of its field', async (_what, more, message) => {
    const references = [reference('image', 'image', Buffer.from('x'), more)];
    await expect(sent(kling({}, { references }), KLING)).rejects.toMatchObject({
      kind: 'invalid_input',
      outcome: 'rejected',
      message: expect.stringMatching(message) as string,
      detail: { param: 'image' },
    });
  });
});

describe('what a route can not do is said', () => {
  test.each<[string, MediaTask, TaskShape['references'], RegExp]>([
    ['no prompt', flux({ prompt: ' ' }), {}, /prompt/],
    ['another size', flux({ size: '1000x1000' }), {}, /size 1000x1000/],
    ['other sides', flux({ width: 512, height: 512 }), {}, /width 512x512/],
    ['a shape beside a picture', flux({ aspect_ratio: '1:1' }), { images: 1 }, /aspect_ratio/],
    ['a size beside a picture', flux({ size: '1024x1024' }), { images: 1 }, /size/],
    ['two pictures', flux({}), { images: 2 }, /images takes one/],
    ['a mask', flux({}), { mask: 1 }, /mask/],
    ['strength alone', flux({ strength: 0.5 }), {}, /strength needs images/],
    ['seed 0', flux({ seed: 0 }), {}, /seed 0/],
    ['much guidance', flux({ guidance: 12 }), {}, /guidance must be/],
    ['many steps', flux({ steps: 60 }), {}, /steps must be/],
    ['five pictures', flux({ n: 5 }), {}, /n must be/],
    ['a negative prompt', flux({ negative_prompt: 'x' }), {}, /negative_prompt/],
    ['LoRAs on the plain model', flux({ loras: [{ url: WEIGHTS }] }), {}, /loras/],
    ['a LoRA by name', lora({ loras: [{ name: 'film' }] }), {}, /loras "film"/],
    ['three LoRAs', lora({ loras: [1, 2, 3].map((n) => ({ url: `${WEIGHTS}?${n}` })) }), {}, /at most 2/],
    ['one LoRA twice', lora({ loras: [{ url: WEIGHTS }, { url: WEIGHTS }] }), {}, /twice/],
    ['a strong LoRA', lora({ loras: [{ url: WEIGHTS, strength: 4 }] }), {}, /-1 to 3/],
    ['a link to a page', lora({ loras: [{ url: 'https://example.com/page' }] }), {}, /safetensors/],
    ['twenty seconds', kling({ duration_seconds: 20 }), {}, /duration_seconds/],
    ['half a second more', kling({ duration_seconds: 5.5 }), {}, /duration_seconds/],
    ['480p', kling({ resolution: '480p' }), {}, /resolution "480p"/],
    ['4:3', kling({ aspect_ratio: '4:3' }), {}, /aspect_ratio "4:3"/],
    ['a seed', kling({ seed: 7 }), {}, /seed is not taken/],
    ['a last frame alone', kling({}), { last_image: 1 }, /last_image needs image/],
    ['references', kling({}), { reference_images: 1 }, /reference_images/],
    ['a long prompt', kling({ prompt: 'x'.repeat(2501) }), {}, /2500/],
  ])('%s', (_what, task, references, message) => {
    expect(replicate.unsupported(shapeOf(task, references)).join('\n')).toMatch(message);
  });

  test.each<[string, MediaTask, TaskShape['references']]>([
    ['width and height of a shape', flux({ width: 1024, height: 1024 }), {}],
    ['a picture with its strength', flux({ strength: 0 }), { images: 1 }],
    ['nulls', flux({ seed: null, loras: [] }), {}],
    ['weights at Civitai', lora({ loras: [{ url: 'https://civitai.com/models/12/style', strength: -1 }] }), {}],
    ['a signed link', lora({ loras: [{ url: `${WEIGHTS}?sig=1` }] }), {}],
    ['first and last frame', kling({ resolution: '4k', generate_audio: true }), { image: 1, last_image: 1 }],
  ])('%s is fine', (_what, task, references) => {
    expect(replicate.unsupported(shapeOf(task, references))).toEqual([]);
  });
});
