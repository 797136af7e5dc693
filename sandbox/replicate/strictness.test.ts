import { call } from '../test-client.js';
import { AUTH, FLUX, KLING, LORA, TestWire } from './test-wire.js';

let wire: TestWire;

beforeAll(async () => {
  wire = await TestWire.open();
});
afterAll(() => wire.sandbox.close());

describe('strictness', () => {
  it.each<[string, string, object, string]>([
    ['an unknown top-level field', FLUX, { input: { prompt: 'x' }, prompt: 'x' }, 'Additional property prompt'],
    ['a version on the official path', FLUX, { version: 'a', input: { prompt: 'x' } }, 'Additional property version'],
    ['no version', 'predictions', { input: { prompt: 'x' } }, 'version is required'],
    ['no input', FLUX, {}, 'input is required'],
    ['a list as input', FLUX, { input: [] }, 'Expected: object, given: array'],
    ['no prompt', FLUX, { input: {} }, 'prompt is required'],
    ['a number as prompt', FLUX, { input: { prompt: 7 } }, 'Expected: string, given: integer'],
    ['an unknown input', FLUX, { input: { prompt: 'x', width: 512 } }, 'Additional property width'],
    ['a shape of its own', FLUX, { input: { prompt: 'x', aspect_ratio: '7:5' } }, 'aspect_ratio must be one of'],
    ['five pictures', FLUX, { input: { prompt: 'x', num_outputs: 5 } }, 'less than or equal to 4'],
    ['a fraction of a step', FLUX, { input: { prompt: 'x', num_inference_steps: 1.5 } }, 'Expected: integer'],
    ['negative guidance', FLUX, { input: { prompt: 'x', guidance: -1 } }, 'greater than or equal to 0'],
    ['LoRAs on the plain model', FLUX, { input: { prompt: 'x', lora_weights: 'a/b' } }, 'lora_weights'],
    ['a strong LoRA', LORA, { input: { prompt: 'x', lora_scale: 4 } }, 'less than or equal to 3'],
    ['an image that is no link', FLUX, { input: { prompt: 'x', image: 'cat.png' } }, "format 'uri'"],
    ['a duration as text', KLING, { input: { prompt: 'x', duration: '5' } }, 'Expected: integer, given: string'],
    ['two seconds', KLING, { input: { prompt: 'x', duration: 2 } }, 'greater than or equal to 3'],
    ['a mode of its own', KLING, { input: { prompt: 'x', mode: '1080p' } }, 'mode must be one of'],
    ['a seed', KLING, { input: { prompt: 'x', seed: 1 } }, 'Additional property seed'],
    ['a long prompt', KLING, { input: { prompt: 'x'.repeat(2501) } }, '2500'],
    ['a webhook in clear text', FLUX, { input: { prompt: 'x' }, webhook: 'http://example.com' }, 'HTTPS URL'],
    [
      'an unknown event',
      FLUX,
      { input: { prompt: 'x' }, webhook: 'https://a.b', webhook_events_filter: ['done'] },
      'must hold only',
    ],
    ['a filter alone', FLUX, { input: { prompt: 'x' }, webhook_events_filter: ['completed'] }, 'webhook is required'],
    ['an unknown marker', FLUX, { input: { prompt: '[[sandbox:polcy]]' } }, "unknown sandbox marker 'polcy'"],
  ])('refuses %s', async (_what, path, body, message) => {
    const { status, body: answer } = await call<{ title: string; detail: string; invalid_fields: object[] }>(
      `${wire.api}/${path}`,
      { headers: AUTH, json: body },
    );
    expect(status).toBe(422);
    expect(answer).toMatchObject({ title: 'Input validation failed', status: 422 });
    expect(answer.detail).toContain(message);
    expect(answer.invalid_fields).toHaveLength(1);
  });

  it('refuses a wrong token, no token, an unknown model, a bad deadline and broken JSON', async () => {
    const bare = (headers: Record<string, string>) =>
      call(`${wire.api}/${FLUX}`, { headers, json: { input: { prompt: 'x' } } });
    expect(await bare({ authorization: 'Bearer no' })).toMatchObject({
      status: 401,
      body: { title: 'Unauthenticated' },
    });
    expect((await bare({})).status).toBe(401);
    expect((await bare({ ...AUTH, 'cancel-after': '4s' })).status).toBe(400);
    expect((await bare({ ...AUTH, 'cancel-after': 'soon' })).status).toBe(400);
    expect((await wire.create('models/a/b/predictions', { input: {} })).status).toBe(404);
    const headers = { ...AUTH, 'content-type': 'application/json' };
    expect((await call(`${wire.api}/${FLUX}`, { method: 'POST', headers, body: '{' })).status).toBe(400);
    expect((await call(`${wire.api}/predictions/none`, { headers: AUTH })).status).toBe(404);
    expect((await call(`${wire.api}/nothing`, { headers: AUTH })).status).toBe(404);
  });
});
