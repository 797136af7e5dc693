import type { Subject, SynchronousSubject, TaskSubject } from '../../../test/support/contract-subject.js';
import { servedFile } from '../../../test/support/provider-wire.js';
import content from './fixtures/content.json' with { type: 'json' };
import errors from './fixtures/errors.json' with { type: 'json' };
import gemini from './fixtures/gemini.json' with { type: 'json' };
import interactions from './fixtures/interactions.json' with { type: 'json' };
import vertex from './fixtures/vertex.json' with { type: 'json' };

const vertexPoll = 'POST /models/veo-3.1-generate-001:fetchPredictOperation';

const common = {
  kind: 'task',
  provider: 'google',
  invalid: { status: 400, json: errors.invalid },
  blockedAtSubmit: [],
  failed: { json: { name: 'operations/1', done: true, error: { code: 13, message: 'internal' } } },
  missing: { status: 404, json: errors.notFound },
  cancel: null,
  callback: null,
} as const;

const GEMINI = 'https://generativelanguage.googleapis.com/v1beta';
const throttled = {
  answer: { status: 429, headers: { 'retry-after': '30' }, json: errors.rateLimited },
  retryAfterMs: 30_000,
} as const;

const picture = {
  kind: 'synchronous',
  provider: 'google',
  invalid: { status: 400, json: errors.invalid },
  blockedAtSubmit: [
    { status: 400, json: errors.blocked },
    { json: content.promptBlocked },
    { json: content.pictureBlocked },
  ],
  rateLimited: throttled,
  malformed: ['{"candidates":[]}', '{"candidates":[{"content":{"parts":[{"text":"no"}]}}]}'],
  submitAt: 'POST /models/gemini-3.1-flash-image:generateContent',
  succeeded: { json: content.picture, chunkBytes: 13 },
  kept: [{ type: 'image', bytes: Buffer.from('iVBORw0KGgo=', 'base64') }],
} satisfies Omit<SynchronousSubject, 'endpoint' | 'task'>;

const pictureTask = {
  modality: 'image',
  operation: 'text_to_image',
  model: 'gemini-3.1-flash-image',
  input: { prompt: 'a kite', resolution: '1K', aspect_ratio: '1:1' },
} as const;

const background = {
  ...common,
  endpoint: GEMINI,
  taskId: { wire: 'interactions', id: 'v1_abc' },
  submitAt: 'POST /interactions',
  pollAt: 'GET /interactions/v1_abc',
  submitted: { json: interactions.queued },
  blockedAtSubmit: [{ status: 400, json: errors.blocked }],
  failed: { json: interactions.failed },
  rateLimited: throttled,
  cancel: {
    at: 'POST /interactions/v1_abc/cancel',
    canceled: { json: interactions.cancelled },
    tooLate: { status: 400, json: interactions.notCancellable },
  },
} satisfies Partial<TaskSubject>;

const synchronous: Record<string, SynchronousSubject> = {
  'google (vertex content)': {
    ...picture,
    endpoint: 'https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/google',
    task: { ...pictureTask, settings: { wire: 'vertex_content' } },
  },
  'google (gemini content)': {
    ...picture,
    endpoint: GEMINI,
    task: { ...pictureTask, settings: { wire: 'gemini_content' } },
  },
  'google (gemini content, music)': {
    ...picture,
    endpoint: GEMINI,
    task: {
      modality: 'music',
      operation: 'generate',
      model: 'lyria-3-pro-preview',
      input: { prompt: 'slow rain', instrumental: true },
      settings: { wire: 'gemini_content' },
    },
    submitAt: 'POST /models/lyria-3-pro-preview:generateContent',
    succeeded: { json: content.song },
    kept: [{ type: 'audio', bytes: Buffer.from('SUQzBAAAAAA=', 'base64') }],
  },
};

const runs: Record<string, TaskSubject> = {
  'google (interactions, music)': {
    ...background,
    task: {
      modality: 'music',
      operation: 'generate',
      model: 'lyria-3.5',
      input: { prompt: 'slow rain' },
      settings: { wire: 'interactions' },
    },
    pending: { answer: { json: interactions.queued }, started: false },
    succeeded: { json: interactions.song, chunkBytes: 11 },
    download: {
      at: 'GET /interactions/v1_abc',
      answer: { json: interactions.song, chunkBytes: 7 },
      resumes: false,
      trust: 'endpoint',
    },
    blocked: { json: interactions.blocked },
    elsewhere: null,
  },
  'google (interactions, video)': {
    ...background,
    task: {
      modality: 'video',
      operation: 'text_to_video',
      model: 'gemini-omni-1.1-flash',
      input: { prompt: 'a kite', duration_seconds: 5 },
      settings: { wire: 'interactions' },
    },
    pending: { answer: { json: interactions.running }, started: true },
    succeeded: { json: interactions.clip },
    download: {
      at: 'GET /files/abc:download?alt=media',
      answer: servedFile('video/mp4'),
      resumes: true,
      trust: 'endpoint',
    },
    blocked: { json: interactions.blockedByCode },
    elsewhere: { poll: { json: interactions.clipElsewhere }, at: 'GET https://cdn.example.com/clip.mp4' },
  },
};

export const subjects: Record<string, Subject> = {
  ...synchronous,
  ...runs,
  'google (vertex)': {
    ...common,
    blockedAtSubmit: [],
    endpoint: 'https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/publishers/google',
    task: {
      modality: 'video',
      operation: 'text_to_video',
      model: 'veo-3.1-generate-001',
      input: { prompt: 'a kite' },
      settings: { wire: 'vertex' },
    },
    taskId: { wire: 'vertex', model: 'veo-3.1-generate-001', name: vertex.started.name },
    submitAt: 'POST /models/veo-3.1-generate-001:predictLongRunning',
    pollAt: vertexPoll,
    submitted: { json: vertex.started },
    pending: { answer: { json: vertex.running }, started: true },
    succeeded: { json: vertex.done },
    download: { at: vertexPoll, answer: { json: vertex.done, chunkBytes: 11 }, resumes: false, trust: 'endpoint' },
    blocked: { json: vertex.filtered },
    rateLimited: { answer: { status: 429, json: errors.rateLimited }, retryAfterMs: 30_000 },
    elsewhere: null,
  },
  'google (gemini)': {
    ...common,
    blockedAtSubmit: [],
    endpoint: 'https://generativelanguage.googleapis.com/v1beta',
    task: {
      modality: 'video',
      operation: 'text_to_video',
      model: 'veo-3.1-generate-preview',
      input: { prompt: 'a kite' },
      settings: { wire: 'gemini' },
    },
    taskId: { wire: 'gemini', model: 'veo-3.1-generate-preview', name: gemini.started.name },
    submitAt: 'POST /models/veo-3.1-generate-preview:predictLongRunning',
    pollAt: `GET /${gemini.started.name}`,
    submitted: { json: gemini.started },
    pending: { answer: { json: gemini.running }, started: true },
    succeeded: { json: gemini.done },
    download: {
      at: 'GET /files/abc:download?alt=media',
      answer: servedFile('video/mp4'),
      resumes: true,
      trust: 'endpoint',
    },
    blocked: { json: gemini.filtered },
    rateLimited: {
      answer: { status: 429, headers: { 'retry-after': '30' }, json: errors.rateLimited },
      retryAfterMs: 30_000,
    },
    elsewhere: { poll: { json: gemini.doneElsewhere }, at: 'GET https://cdn.example.com/clip.mp4' },
  },
};
