import type { MediaTask, TaskShape } from '../contract.js';
import { referencesOf } from '../task-input.js';
import { asWritten, flag, oneOf, text, within, type Family, type MediaTerm } from './family.js';

/** Largest difference of two ratios that people call the same shape. */
const SAME_SHAPE = 0.02;

const frame = (wire: string): MediaTerm => ({
  wire,
  contentTypes: ['image/png', 'image/jpeg'],
  maxBytes: 10 * 1024 * 1024,
  minSide: 300,
  maxRatio: 2.5,
});

const count = (shape: TaskShape, role: 'image' | 'last_image'): number => shape.references[role] ?? 0;

function shapeWarnings(task: MediaTask): string[] {
  const [first] = referencesOf(task, 'image');
  const asked = task.input['aspect_ratio'];
  if (!first?.width || !first.height || typeof asked !== 'string') return [];
  const [across = 1, down = 1] = asked.split(':').map(Number);
  return Math.abs(first.width / first.height / (across / down) - 1) <= SAME_SHAPE
    ? []
    : [`aspect_ratio ${asked} gave way to the shape of image (${first.width}x${first.height})`];
}

/**
 * kwaivgi/kling-v3-video. Inputs and bounds: the model's API page and llms.txt on replicate.com. Its aspect ratio is ignored
 * beside a first frame, so it is not sent there.
 */
export const klingV3: Family = {
  title: 'Kling 3.0',
  produces: 'video',
  terms: {
    prompt: text('prompt', 2500),
    negative_prompt: text('negative_prompt', 2500),
    duration_seconds: within('duration', 3, 15, true),
    resolution: oneOf('mode', { '720p': 'standard', '1080p': 'pro', '4k': '4k' }),
    aspect_ratio: oneOf('aspect_ratio', asWritten(['16:9', '9:16', '1:1'])),
    generate_audio: flag('generate_audio'),
  },
  composed: [],
  media: { image: frame('start_image'), last_image: frame('end_image') },
  problems: (shape) =>
    count(shape, 'last_image') > 0 && count(shape, 'image') === 0 ? ['last_image needs image'] : [],
  more: () => ({}),
  warnings: (task, { go_fast: fast }) => [
    ...shapeWarnings(task),
    ...(fast === undefined ? [] : ['go_fast has no meaning for Kling and was left out']),
  ],
};
