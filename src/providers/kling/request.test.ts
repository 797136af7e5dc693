import type { TaskShape } from '../contract.js';
import { kling } from './index.js';
import type { Wire } from './options.js';

const shape = (wire: Wire, input: TaskShape['input'], references: TaskShape['references'] = {}): TaskShape => ({
  modality: 'video',
  operation: 'text_to_video',
  model: 'kling-3.0',
  input,
  references,
  settings: { wire },
});

describe('kling unsupported', () => {
  test('fields that only the legacy wire has', () => {
    const input = { prompt: 'x', negative_prompt: 'y', guidance: 0.5, camera: { move: 'pan', amount: 3 } };
    expect(kling.unsupported(shape('legacy', input))).toEqual([]);
    expect(kling.unsupported(shape('current', input))).toEqual([
      "negative_prompt is not taken by Kling's current API",
      "guidance is not taken by Kling's current API",
      "camera is not taken by Kling's current API",
    ]);
  });

  test.each<[TaskShape['input'], TaskShape['references'], string]>([
    [{ prompt: 'x', seed: 1 }, {}, 'seed is not taken by Kling'],
    [{ prompt: 'x', fps: 24 }, {}, 'fps is not taken by Kling'],
    [{}, {}, 'prompt is required without image'],
    [{ prompt: 'x'.repeat(3073) }, {}, 'prompt has more than'],
    [{ prompt: 'x', duration_seconds: 2 }, {}, 'duration_seconds must be a whole number from 3 to 15'],
    [{ prompt: 'x', duration_seconds: 5.5 }, {}, 'duration_seconds must be a whole number from 3 to 15'],
    [{ prompt: 'x', resolution: '480p' }, {}, 'resolution'],
    [{ prompt: 'x', aspect_ratio: '4:3' }, {}, 'aspect_ratio'],
    [{ prompt: 'x', aspect_ratio: '1:1' }, { image: 1 }, 'aspect_ratio follows image'],
    [{ prompt: 'x' }, { last_image: 1 }, 'last_image needs image'],
    [{ prompt: 'x' }, { image: 2 }, 'image takes one file'],
    [{ prompt: 'x' }, { reference_images: 1 }, 'reference_images is not taken by this Kling model'],
    [{ prompt: 'x' }, { video: 1 }, 'video is not taken by this Kling model'],
  ])('%j %j', (input, references, says) => {
    for (const wire of ['current', 'legacy'] as const)
      expect(kling.unsupported(shape(wire, input, references)).join('; ')).toContain(says);
  });

  test.each<[TaskShape['input'], TaskShape['references'], string]>([
    [{ prompt: 'x', guidance: 1.1 }, {}, 'guidance must be from 0 to 1'],
    [{ prompt: 'x', negative_prompt: 'x'.repeat(2501) }, {}, 'negative_prompt has more than 2500 characters'],
    [{ prompt: 'x', camera: 'pan' }, {}, 'camera'],
    [{ prompt: 'x', camera: { move: 'zoom', amount: 11 } }, {}, 'camera'],
    [
      { prompt: 'x', camera: { move: 'forward_up' } },
      { image: 1, last_image: 1 },
      'camera and last_image exclude each other',
    ],
  ])('legacy: %j %j', (input, references, says) => {
    expect(kling.unsupported(shape('legacy', input, references)).join('; ')).toContain(says);
  });

  test('nothing that changes a price or names a destination is an option', () => {
    for (const key of [
      'mode',
      'callback_url',
      'external_task_id',
      'watermark_info',
      'model_name',
      'sound',
      'voice_list',
    ])
      expect(kling.options.safeParse({ [key]: 'x' }).success).toBe(false);
    expect(kling.options.parse({ multi_shot: true })).toEqual({ multi_shot: true });
  });
});
