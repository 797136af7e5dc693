import type { TaskSubject } from '../../../test/support/contract-subject.js';
import { servedFile } from '../../../test/support/provider-wire.js';
import errors from './fixtures/errors.json' with { type: 'json' };
import gemini from './fixtures/gemini.json' with { type: 'json' };
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

export const subjects: Record<string, TaskSubject> = {
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
