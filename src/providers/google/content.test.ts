import { CannedWire, reference, type CannedAnswer } from '../../../test/support/provider-wire.js';
import type { MediaTask, TaskShape } from '../contract.js';
import content from './fixtures/content.json' with { type: 'json' };
import { google } from './index.js';

const VERTEX = 'https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/google';
const GEMINI = 'https://generativelanguage.googleapis.com/v1beta';
const AT = 'POST /models/gemini-3.1-flash-image:generateContent';
const LYRIA_AT = 'POST /models/lyria-3-pro-preview:generateContent';

const task = (wire: 'vertex_content' | 'gemini_content', more: Partial<MediaTask> = {}): MediaTask => ({
  jobId: 'job_1',
  modality: 'image',
  operation: 'text_to_image',
  model: 'gemini-3.1-flash-image',
  input: { prompt: 'Make it night' },
  references: [],
  options: {},
  settings: { wire },
  ...more,
});
const song = (input: MediaTask['input']): MediaTask =>
  task('gemini_content', { modality: 'music', operation: 'generate', model: 'lyria-3-pro-preview', input });

async function submit(answer: CannedAnswer, of = task('gemini_content'), at = AT) {
  const wire = new CannedWire().on(at, answer);
  return {
    wire,
    submitted: await google.submit(of, wire.context(of.settings['wire'] === 'vertex_content' ? VERTEX : GEMINI)),
  };
}

describe('generateContent: a picture', () => {
  test('every field as the SDK sends it; pictures to change are inline data of the turn, in order', async () => {
    const { wire } = await submit(
      { json: content.picture },
      task('vertex_content', {
        operation: 'image_to_image',
        input: { prompt: 'Make it night', aspect_ratio: '21:9', resolution: '2K', seed: 7, n: 1 },
        references: [
          reference('images', 'image', Buffer.from('webp'), { index: 1, contentType: 'image/webp' }),
          reference('images', 'image', Buffer.from('png')),
        ],
        options: { person_generation: 'allow_adult' },
      }),
    );
    expect(wire.calls[0]?.body).toEqual(content.request);
    expect(wire.calls[0]?.headers).toEqual({ 'content-type': 'application/json', authorization: 'Bearer test-key' });
  });

  test('nothing but the prompt asks for nothing but a picture', async () => {
    const { wire } = await submit({ json: content.picture });
    expect(wire.calls[0]?.body).toEqual({
      contents: [{ role: 'user', parts: [{ text: 'Make it night' }] }],
      generationConfig: { responseModalities: ['IMAGE'] },
    });
    expect(wire.calls[0]?.headers['x-goog-api-key']).toBe('test-key');
  });

  test.each([1, 3, 17, 100_000])(
    'in chunks of %i bytes: the picture is kept, the draft is no result',
    async (chunkBytes) => {
      const { wire, submitted } = await submit({ json: content.picture, chunkBytes });
      expect(submitted).toEqual({
        taskId: null,
        artifacts: [{ type: 'image', contentType: 'image/png', source: null, kept: 'kept-1' }],
      });
      expect(wire.kept.get('kept-1')).toEqual(Buffer.from('iVBORw0KGgo=', 'base64'));
    },
  );

  test('a signature longer than the picture is not held in memory', async () => {
    const [candidate] = content.picture.candidates;
    const parts = [...(candidate?.content.parts ?? []), { text: 'x', thoughtSignature: 'c2ln'.repeat(500_000) }];
    const { submitted } = await submit({ json: { candidates: [{ ...candidate, content: { role: 'model', parts } }] } });
    expect(submitted.artifacts).toHaveLength(1);
  });

  test('an option of another wire is told, not dropped in silence', async () => {
    const { wire, submitted } = await submit(
      { json: content.picture },
      task('gemini_content', { options: { person_generation: 'allow_adult' } }),
    );
    expect(JSON.stringify(wire.calls[0]?.body)).not.toContain('personGeneration');
    expect(submitted.warnings).toEqual(['provider_options.google.person_generation is not taken by this model']);
  });

  test('what is too large or of another type is refused before anything is sent', async () => {
    const wire = new CannedWire();
    const edit = (bytes: number, contentType: string, count = 1): MediaTask =>
      task(count > 1 ? 'gemini_content' : 'vertex_content', {
        references: Array.from({ length: count }, (_, index) =>
          reference('images', 'image', Buffer.from('x'), { index, bytes, contentType }),
        ),
      });
    for (const wrong of [edit(7_000_001, 'image/png'), edit(10, 'image/gif'), edit(10_000_000, 'image/png', 8)])
      await expect(google.submit(wrong, wire.context(VERTEX))).rejects.toMatchObject({
        kind: 'invalid_input',
        outcome: 'rejected',
        detail: { param: 'images' },
      });
    expect(wire.calls).toEqual([]);
  });

  const ended = (finishReason: string, parts: object[] = []) => ({
    candidates: [{ finishReason, content: { parts } }],
  });
  const empty: [string, object, string, string][] = [
    ['a blocked prompt', content.promptBlocked, 'content_policy', 'rejected'],
    ['a prompt blocked for other reasons', { promptFeedback: { blockReason: 'OTHER' } }, 'content_policy', 'rejected'],
    ['a blocked picture', content.pictureBlocked, 'content_policy', 'rejected'],
    ...['SAFETY', 'RECITATION', 'BLOCKLIST', 'PROHIBITED_CONTENT', 'IMAGE_PROHIBITED_CONTENT', 'IMAGE_RECITATION'].map(
      (reason): [string, object, string, string] => [reason, ended(reason), 'content_policy', 'rejected'],
    ),
    ['words instead of a picture', content.noPicture, 'internal', 'rejected'],
    ...['IMAGE_OTHER', 'MAX_TOKENS', 'STOP', 'OTHER', 'SOMETHING_NEW'].map(
      (reason): [string, object, string, string] => [reason, ended(reason, [{ text: 'hm' }]), 'internal', 'rejected'],
    ),
    [
      'a draft only',
      ended('STOP', [{ thought: true, inlineData: { mimeType: 'image/png', data: 'ZHJhZnQ=' } }]),
      'internal',
      'rejected',
    ],
    ['no candidates', { candidates: [] }, 'internal', 'unknown'],
    ['music instead of a picture', content.song, 'internal', 'rejected'],
  ];
  test.each(empty)('200 with %s', async (_what, json, kind, outcome) => {
    await expect(submit({ json })).rejects.toMatchObject({ kind, outcome });
  });

  test('poll has nothing to ask about', async () => {
    await expect(google.poll(null, new CannedWire().context(GEMINI))).rejects.toMatchObject({ kind: 'internal' });
  });
});

describe('generateContent: music', () => {
  test('words, voice and length are steered in the prompt; the length is a wish', async () => {
    const of = song({ prompt: 'Slow rain', lyrics: '[Verse]\nDrops', duration_seconds: 150, format: 'wav' });
    const { wire, submitted } = await submit({ json: content.song }, of, LYRIA_AT);
    expect(wire.calls[0]?.body).toEqual({
      contents: [
        {
          role: 'user',
          parts: [{ text: 'Slow rain\n\nThe song is 2 minutes 30 seconds long.\n\nLyrics:\n[Verse]\nDrops' }],
        },
      ],
      generationConfig: { responseModalities: ['AUDIO', 'TEXT'], responseMimeType: 'audio/wav' },
    });
    expect(submitted.artifacts).toEqual([{ type: 'audio', contentType: 'audio/mpeg', source: null, kept: 'kept-0' }]);
    expect(submitted.warnings).toEqual([
      expect.stringContaining('duration_seconds 150') as string,
      'format wav was asked for; the provider made audio/mpeg',
    ]);
  });

  test.each([
    [{ instrumental: true }, 'Slow rain\n\nInstrumental only, no vocals.'],
    [{ instrumental: false }, 'Slow rain\n\nWith vocals.'],
    [{ duration_seconds: 60 }, 'Slow rain\n\nThe song is 1 minute long.'],
    [{ duration_seconds: 45 }, 'Slow rain\n\nThe song is 45 seconds long.'],
  ])('%j', async (input, text) => {
    const { wire } = await submit({ json: content.song }, song({ prompt: 'Slow rain', ...input }), LYRIA_AT);
    expect(wire.calls[0]?.body).toMatchObject({ contents: [{ parts: [{ text }] }] });
  });
});

describe('generateContent: what a route can not do', () => {
  const shape = (
    modality: 'image' | 'music' | 'video',
    model: string,
    input: TaskShape['input'],
    references: TaskShape['references'] = {},
    operation = modality === 'music' ? 'generate' : 'text_to_image',
  ): TaskShape => ({ modality, operation, model, input, references, settings: { wire: 'gemini_content' } });
  const NB2 = 'gemini-3.1-flash-image';
  const NB21 = 'gemini-nano-banana-2.1';

  test.each([
    [shape('image', NB2, { prompt: 'p', aspect_ratio: '8:1', resolution: '512', seed: 3, n: 1 }, { images: 14 }), []],
    [shape('image', NB21, { prompt: 'p', aspect_ratio: '1:4', resolution: '4K' }), []],
    [shape('image', NB21, { prompt: 'p', resolution: '512' }), ['resolution "512" is not one of 1K, 2K, 4K']],
    [shape('image', NB2, { prompt: 'p' }, { images: 15 }), ['images takes at most 14 files']],
    [shape('image', NB2, { prompt: 'p' }, { images: 1, mask: 1 }), ['mask is not taken by Nano Banana']],
    [shape('image', NB2, { prompt: 'p', n: 2 }), ['n 2 is not one of 1']],
    [shape('image', NB2, { prompt: 'p', seed: 2 ** 31 }), ['seed must be a whole number from 0 to 2147483647']],
    [
      shape('image', NB2, { prompt: 'p', size: '1024x1024', negative_prompt: 'x' }),
      ['size is not taken by Nano Banana', 'negative_prompt is not taken by Nano Banana'],
    ],
    [shape('image', NB2, { prompt: 7 }), [expect.stringMatching(/^prompt: /) as string]],
    [shape('music', 'lyria-3-pro-preview', { prompt: 'p', format: 'wav', duration_seconds: 90 }), []],
    [
      shape('music', 'lyria-3-clip-preview', { prompt: 'p', format: 'wav', duration_seconds: 90 }),
      ['format "wav" is not one of mp3', 'duration_seconds 90 is not one of 30'],
    ],
    [
      shape(
        'music',
        'lyria-3-pro-preview',
        { prompt: 'p', seed: 1, lyrics: 'la', instrumental: true },
        { audio: 1 },
        'cover',
      ),
      [
        'seed is not taken by Lyria',
        'audio is not taken by Lyria',
        'task cover is not done by Lyria',
        'lyrics and instrumental exclude each other',
      ],
    ],
    [shape('video', NB2, { prompt: 'p' }), ['generateContent makes no video']],
  ])('%j', (of, expected) => {
    expect(google.unsupported(of)).toEqual(expected);
  });
});
