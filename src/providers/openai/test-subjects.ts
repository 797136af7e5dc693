import type { Subject } from '../../../test/support/contract-subject.js';
import { servedFile } from '../../../test/support/provider-wire.js';
import errors from './fixtures/errors.json' with { type: 'json' };
import images from './fixtures/images.json' with { type: 'json' };
import videos from './fixtures/videos.json' with { type: 'json' };

const endpoint = 'https://api.openai.com/v1';
const { id } = videos.created;

const common = {
  provider: 'openai',
  endpoint,
  invalid: { status: 400, json: errors.invalid },
  blockedAtSubmit: [
    { status: 400, json: errors.blocked },
    { status: 400, json: errors.blockedFormerly },
    { status: 400, json: errors.blockedWithoutCode },
  ],
  rateLimited: {
    answer: { status: 429, headers: { 'retry-after-ms': '30000', 'retry-after': '40' }, json: errors.rateLimited },
    retryAfterMs: 30_000,
  },
};

export const subjects: Record<string, Subject> = {
  'openai (videos)': {
    ...common,
    kind: 'task',
    task: {
      modality: 'video',
      operation: 'text_to_video',
      model: 'sora-2',
      input: { prompt: 'a kite', duration_seconds: 4, resolution: '720p', aspect_ratio: '16:9' },
      settings: { wire: 'videos' },
    },
    taskId: { id },
    submitAt: 'POST /videos',
    pollAt: `GET /videos/${id}`,
    submitted: { json: videos.created },
    pending: { answer: { json: videos.running }, progress: 0.33, started: true },
    succeeded: { json: videos.completed },
    download: {
      at: `GET /videos/${id}/content?variant=video`,
      answer: servedFile('video/mp4'),
      resumes: true,
      trust: 'endpoint',
    },
    blocked: { json: videos.blocked },
    failed: { json: videos.failed },
    missing: { status: 404, json: errors.noVideo },
    elsewhere: null,
    cancel: null,
    callback: null,
  },
  'openai (images)': {
    ...common,
    kind: 'synchronous',
    task: {
      modality: 'image',
      operation: 'text_to_image',
      model: 'gpt-image-1',
      input: { prompt: 'a kite', n: 2 },
      settings: { wire: 'images' },
    },
    submitAt: 'POST /images/generations',
    succeeded: { json: images.two, chunkBytes: 7 },
    blockedAtSubmit: [...common.blockedAtSubmit, { json: images.blockedInGateway }],
    malformed: [JSON.stringify(images.none), '{"data":[{"url":"https://cdn.example.com/1.png"}]}'],
    kept: [
      { type: 'image', bytes: Buffer.from('one') },
      { type: 'image', bytes: Buffer.from('two') },
    ],
  },
};
