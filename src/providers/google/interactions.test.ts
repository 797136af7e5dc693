import { CannedWire, readAll, reference, type CannedAnswer } from '../../../test/support/provider-wire.js';
import type { MediaTask, TaskShape } from '../contract.js';
import interactions from './fixtures/interactions.json' with { type: 'json' };
import { google } from './index.js';

const GEMINI = 'https://generativelanguage.googleapis.com/v1beta';
const TASK = { wire: 'interactions', id: 'v1_abc' };
const POLL = 'GET /interactions/v1_abc';
const CANCEL = 'POST /interactions/v1_abc/cancel';

const song = (more: Partial<MediaTask> = {}): MediaTask => ({
  jobId: 'job_1',
  modality: 'music',
  operation: 'generate',
  model: 'lyria-3.5',
  input: { prompt: 'Slow rain' },
  references: [],
  options: {},
  settings: { wire: 'interactions' },
  ...more,
});
const clip = (more: Partial<MediaTask> = {}): MediaTask =>
  song({ modality: 'video', operation: 'text_to_video', model: 'gemini-omni-1.1-flash', ...more });

async function submit(task: MediaTask, answer: CannedAnswer = { json: interactions.queued }) {
  const wire = new CannedWire().on('POST /interactions', answer);
  return { wire, submitted: await google.submit(task, wire.context(GEMINI)) };
}
const poll = async (json: object) => google.poll(TASK, new CannedWire().on(POLL, { json }).context(GEMINI));

describe('interactions: submit', () => {
  test('music: words and length in the text, the format beside it', async () => {
    const input = { prompt: 'Slow rain', lyrics: '[Verse]\nDrops', duration_seconds: 90, format: 'wav' };
    const { wire, submitted } = await submit(song({ input }));
    expect(wire.calls[0]?.body).toEqual(interactions.musicRequest);
    expect(wire.calls[0]?.headers).toEqual({ 'content-type': 'application/json', 'x-goog-api-key': 'test-key' });
    expect(submitted).toEqual({ taskId: TASK, warnings: [expect.stringContaining('duration_seconds 90') as string] });
  });

  test('MP3 is what comes when nothing is asked', async () => {
    const { wire } = await submit(song({ input: { prompt: 'Slow rain', format: 'mp3' } }));
    expect(wire.calls[0]?.body).toEqual({ model: 'lyria-3.5', background: true, store: true, input: 'Slow rain' });
  });

  test('video: every field, and the picture inline', async () => {
    const { wire, submitted } = await submit(
      clip({
        operation: 'image_to_video',
        input: {
          prompt: 'The boat leaves',
          aspect_ratio: '16:9',
          duration_seconds: 5,
          resolution: '720p',
          seed: 7,
          generate_audio: true,
        },
        references: [reference('image', 'image', Buffer.from('png'))],
        options: { enhance_prompt: true },
      }),
    );
    expect(wire.calls[0]?.body).toEqual(interactions.videoRequest);
    expect(submitted.warnings).toEqual(['provider_options.google.enhance_prompt is not taken by this model']);
  });

  test('an answer that is complete at once, bytes and all, names the same task', async () => {
    const { submitted } = await submit(song(), { json: interactions.song, chunkBytes: 5 });
    expect(submitted).toEqual({ taskId: TASK });
  });
});

describe('interactions: poll', () => {
  test('the song is read again and decoded as it passes; a sketch before it is not taken for it', async () => {
    const state = await poll(interactions.song);
    expect(state).toEqual({
      state: 'succeeded',
      artifacts: [{ type: 'audio', contentType: 'audio/mpeg', source: { inline: 1 } }],
    });
    const wire = new CannedWire().on(POLL, { json: interactions.song, chunkBytes: 9 });
    const artifact = { type: 'audio' as const, source: { inline: 1 } };
    const opened = await google.openArtifact(artifact, TASK, wire.context(GEMINI), 4);
    expect(opened.offset).toBe(0);
    expect(await readAll(opened.body)).toEqual(Buffer.from('SUQzBAAAAAA=', 'base64'));
  });

  test.each([
    ['queued', interactions.queued, { state: 'pending', started: false }],
    ['in progress', interactions.running, { state: 'pending', started: true }],
    ['a word of tomorrow', { id: 'v1_abc', status: 'finalizing' }, { state: 'pending', started: true }],
    ['blocked by its text', interactions.blocked, { error: { kind: 'content_policy', outcome: 'rejected' } }],
    ['blocked by its code', interactions.blockedByCode, { error: { kind: 'content_policy', outcome: 'rejected' } }],
    ['failed', interactions.failed, { error: { kind: 'internal', message: 'Internal error.' } }],
    ['complete, with nothing', interactions.empty, { error: { kind: 'internal', outcome: 'rejected' } }],
    ['incomplete', { id: 'v1_abc', status: 'incomplete' }, { error: { kind: 'internal' } }],
    ['cancelled', interactions.cancelled, { error: { kind: 'internal', outcome: 'rejected' } }],
    ['canceled', { status: 'CANCELED' }, { error: { kind: 'internal' } }],
    ['expired', { status: 'expired' }, { error: { kind: 'internal' } }],
    ['over budget', { status: 'budget_exceeded' }, { error: { kind: 'quota' } }],
    ['waiting for a tool', { status: 'requires_action' }, { error: { kind: 'internal', outcome: 'unknown' } }],
    [
      'failed for capacity',
      { status: 'failed', steps: [{ type: 'model_output', error: { code: 14, message: 'busy' } }] },
      { error: { kind: 'unavailable' } },
    ],
  ])('%s', async (_what, json, expected) => {
    expect(await poll(json)).toMatchObject(expected);
  });
});

test('interactions: an answer that breaks off in its bytes is an error of the poll', async () => {
  const whole = JSON.stringify(interactions.song);
  const wire = new CannedWire().on(POLL, { text: whole.slice(0, whole.indexOf('SUQzBA') + 4), chunkBytes: 9 });
  await expect(google.poll(TASK, wire.context(GEMINI))).rejects.toMatchObject({ kind: 'internal', outcome: 'unknown' });
});

describe('interactions: cancel', () => {
  test.each([
    ['cancelled', { json: interactions.cancelled }, 'canceled'],
    ['it had ended', { json: interactions.clip }, 'too_late'],
    ['refused', { status: 400, json: interactions.notCancellable }, 'too_late'],
    ['unknown', { status: 404, text: '{}' }, 'too_late'],
  ])('%s', async (_what, answer, expected) => {
    const wire = new CannedWire().on(CANCEL, answer);
    expect(await google.cancel?.(TASK, wire.context(GEMINI))).toBe(expected);
  });

  test('trouble is an error; an operation has no cancel', async () => {
    const down = new CannedWire().on(CANCEL, { status: 503, text: 'busy' });
    await expect(google.cancel?.(TASK, down.context(GEMINI))).rejects.toMatchObject({ kind: 'unavailable' });
    const veo = { wire: 'vertex', model: 'm', name: 'n' };
    await expect(google.cancel?.(veo, new CannedWire().context(GEMINI))).rejects.toMatchObject({ kind: 'internal' });
    expect(google.can({ wire: 'vertex' }).cancel).toBe(false);
  });
});

describe('interactions: what a route can not do', () => {
  const shape = (
    operation: string,
    input: TaskShape['input'],
    references: TaskShape['references'] = {},
    modality: TaskShape['modality'] = 'video',
  ): TaskShape => ({ modality, operation, model: 'm', input, references, settings: { wire: 'interactions' } });

  test.each([
    [shape('text_to_video', { prompt: 'p', duration_seconds: 10, resolution: '4k', aspect_ratio: '9:16' }), []],
    [shape('reference_to_video', { prompt: 'p' }, { reference_images: 3 }), []],
    [shape('reference_to_video', { prompt: 'p' }, { reference_images: 4 }), ['reference_images takes at most 3 files']],
    [
      shape('first_last_frame', { prompt: 'p' }, { image: 1, last_image: 1 }),
      [
        'first_last_frame is not done by this route',
        'image is not taken for first_last_frame',
        'last_image is not taken for first_last_frame',
      ],
    ],
    [
      shape('text_to_video', { prompt: 'p', duration_seconds: 2, generate_audio: false, fps: 24, seed: -1 }),
      [
        'fps is not taken by Gemini Omni',
        'duration_seconds must be a whole number from 3 to 10',
        'seed must be a whole number from 0 to 2147483647',
        'generate_audio can not be false: Gemini Omni always makes sound',
      ],
    ],
    [shape('generate', { prompt: 'p', format: 'flac' }, {}, 'music'), ['format "flac" is not one of mp3, wav']],
    [shape('text_to_image', { prompt: 'p' }, {}, 'image'), ['no image model is set up for interactions']],
  ])('%j', (of, expected) => {
    expect(google.unsupported(of)).toEqual(expected);
  });
});
