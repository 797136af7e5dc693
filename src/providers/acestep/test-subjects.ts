import type { TaskSubject } from '../../../test/support/contract-subject.js';
import { servedFile } from '../../../test/support/provider-wire.js';
import wire from './fixtures/wire.json' with { type: 'json' };

export const subjects: Record<string, TaskSubject> = {
  acestep: {
    kind: 'task',
    provider: 'acestep',
    endpoint: 'http://ace.internal:8001',
    task: {
      modality: 'music',
      operation: 'generate',
      model: 'acestep-v15-turbo',
      input: { prompt: 'lo-fi' },
      settings: {},
    },
    taskId: { task_id: '550e8400-e29b-41d4-a716-446655440000' },
    submitAt: 'POST /release_task',
    pollAt: 'POST /query_result',
    submitted: { json: wire.released },
    pending: { answer: { json: wire.running }, progress: 0.4, started: true },
    succeeded: { json: wire.succeeded },
    download: {
      at: 'GET /v1/audio?path=%2Ftmp%2Fapi_audio%2Fa.mp3',
      answer: servedFile('audio/mpeg'),
      resumes: true,
      trust: 'endpoint',
    },
    blocked: null,
    blockedAtSubmit: [],
    failed: { json: wire.failed },
    invalid: { status: 400, json: wire.invalid },
    rateLimited: {
      answer: { status: 429, headers: { 'retry-after': '30' }, json: wire.queueFull },
      retryAfterMs: 30_000,
    },
    missing: { json: wire.unknown },
    elsewhere: { poll: { json: wire.elsewhere }, at: 'GET https://cdn.example.com/a.mp3' },
    cancel: null,
    callback: null,
  },
};
