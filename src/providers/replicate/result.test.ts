import { CannedWire, type CannedAnswer } from '../../../test/support/provider-wire.js';
import type { MediaTask } from '../contract.js';
import errors from './fixtures/errors.json' with { type: 'json' };
import predictions from './fixtures/predictions.json' with { type: 'json' };
import { replicate } from './index.js';

const ENDPOINT = 'https://api.replicate.com/v1';
const FLUX = 'POST /models/black-forest-labs/flux-dev/predictions';
const kite: MediaTask = {
  jobId: 'job_1',
  modality: 'image',
  operation: 'text_to_image',
  model: 'black-forest-labs/flux-dev',
  input: { prompt: 'A kite' },
  references: [],
  options: {},
  settings: { family: 'flux-dev' },
};

describe('what an answer means', () => {
  const poll = async (json: object, task = { id: 'p', kind: 'image', count: 1 }) =>
    replicate.poll(task, new CannedWire().on('GET /predictions/p', { json }).context(ENDPOINT));
  const done = (output: unknown) => ({ status: 'succeeded', output, completed_at: '2026-11-23T12:00:06Z' });
  const png = 'https://replicate.delivery/a/out-0.png';
  const mp4 = 'https://replicate.delivery/a/clip.mp4';

  test('an output in any shape: text, list, object', async () => {
    const one = { type: 'image', contentType: 'image/png', source: { url: png } };
    expect(await poll(done(png))).toEqual({ state: 'succeeded', artifacts: [one] });
    expect(await poll(done([png]))).toEqual({ state: 'succeeded', artifacts: [one] });
    expect(await poll(done({ picture: png, seed: 7, note: 'well' }))).toEqual({
      state: 'succeeded',
      artifacts: [{ ...one, name: 'picture' }],
    });
    const clip = { id: 'p', kind: 'video', count: 1 };
    expect(await poll(done({ video: mp4, thumbnail: png }), clip)).toMatchObject({
      artifacts: [{ type: 'video', name: 'video', source: { url: mp4 } }],
    });
    expect(await poll(done('https://replicate.delivery/a/no-name'), clip)).toMatchObject({
      artifacts: [{ type: 'video', source: { url: 'https://replicate.delivery/a/no-name' } }],
    });
  });

  test.each([null, [], {}, 'plain words', 42, ''])('an output of %j holds no picture', async (output) => {
    expect(await poll(done(output))).toMatchObject({
      state: 'failed',
      error: { kind: 'internal', outcome: 'unknown' },
    });
  });

  test('data that was removed is gone', async () => {
    expect(await poll(predictions.removed)).toMatchObject({ state: 'failed', error: { kind: 'not_found' } });
  });

  test('fewer pictures than asked for: some were withheld', async () => {
    expect(await poll(done([png]), { id: 'p', kind: 'image', count: 4 })).toMatchObject({
      state: 'succeeded',
      warnings: [expect.stringMatching(/^3 of 4/)],
    });
  });

  test.each([
    ['starting', { state: 'pending', started: false }],
    ['processing', { state: 'pending', started: true }],
    ['canceled', { state: 'failed', error: { kind: 'timeout', outcome: 'unknown' } }],
    ['cancelled', { state: 'failed', error: { kind: 'timeout', outcome: 'unknown' } }],
    ['expired', { state: 'failed', error: { kind: 'timeout', outcome: 'unknown' } }],
    ['aborted', { state: 'failed', error: { kind: 'timeout', outcome: 'rejected' } }],
    ['warming', { state: 'pending' }],
  ])('%s', async (status, state) => {
    expect(await poll({ status })).toMatchObject(state);
  });

  test('a state nobody knows that has an end is an end', async () => {
    expect(await poll({ status: 'evaporated', completed_at: '2026-11-23T12:00:06Z' })).toMatchObject({
      state: 'failed',
      error: { kind: 'internal', outcome: 'unknown' },
    });
  });

  test.each([
    ['The input or output was flagged as sensitive. Please try again with different inputs. (E005)', 'content_policy'],
    ['NSFW content detected. Try running it again, or try a different prompt.', 'content_policy'],
    ['Input validation error: image: could not be downloaded', 'invalid_input'],
    ['CUDA out of memory. Tried to allocate 2.00 GiB', 'internal'],
    ['Model ran out of memory (code: E1001)', 'internal'],
    ['Prediction timed out', 'timeout'],
    ['The prediction failed to start (code: E6716)', 'timeout'],
    ['Prediction interrupted; please retry (code: PA)', 'unavailable'],
    [{ code: 7 }, 'internal'],
    [null, 'internal'],
  ])('a failure that says %j is %s', async (error, kind) => {
    expect(await poll({ status: 'failed', error })).toMatchObject({ state: 'failed', error: { kind } });
  });

  test.each([
    [422, errors.unknownVersion, 'not_found'],
    [402, errors.noCredit, 'quota'],
    [401, errors.unauthenticated, 'auth'],
    [404, errors.notFound, 'not_found'],
  ])('a create answered %i', async (status, json, kind) => {
    const wire = new CannedWire().on(FLUX, { status, json });
    await expect(replicate.submit(kite, wire.context(ENDPOINT))).rejects.toMatchObject({
      kind,
      outcome: 'rejected',
    });
  });

  test('a create answered 500 or 503 may have been bought', async () => {
    for (const status of [500, 503]) {
      const wire = new CannedWire().on(FLUX, { status, json: { detail: 'oops' } });
      await expect(replicate.submit(kite, wire.context(ENDPOINT))).rejects.toMatchObject({ outcome: 'unknown' });
    }
  });

  test('a cancel that has nothing to stop is too late; one that was not heard is an error', async () => {
    const cancel = async (answer: CannedAnswer) =>
      replicate.cancel?.(
        { id: 'p', kind: 'image', count: 1 },
        new CannedWire().on('POST /predictions/p/cancel', answer).context(ENDPOINT),
      );
    expect(await cancel({ status: 404, json: errors.notFound })).toBe('too_late');
    expect(await cancel({ json: { status: 'processing' } })).toBe('canceled');
    expect(await cancel({ json: { status: 'aborted' } })).toBe('canceled');
    await expect(cancel({ status: 503, text: '' })).rejects.toMatchObject({ kind: 'unavailable' });
  });
});
