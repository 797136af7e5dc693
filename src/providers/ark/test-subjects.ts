import type { TaskSubject } from '../../../test/support/contract-subject.js';
import { servedFile } from '../../../test/support/provider-wire.js';
import errors from './fixtures/errors.json' with { type: 'json' };
import tasks from './fixtures/tasks.json' with { type: 'json' };

const TASK_AT = `/contents/generations/tasks/${tasks.created.id}`;

export const subjects: Record<string, TaskSubject> = {
  ark: {
    kind: 'task',
    provider: 'ark',
    endpoint: 'https://ark.ap-southeast.bytepluses.com/api/v3',
    task: {
      modality: 'video',
      operation: 'text_to_video',
      model: 'dreamina-seedance-2-0-260128',
      input: { prompt: 'a kite' },
      settings: {},
    },
    taskId: { id: tasks.created.id, micro_usd_per_million_tokens: null },
    submitAt: 'POST /contents/generations/tasks',
    pollAt: `GET ${TASK_AT}`,
    submitted: { json: tasks.created },
    pending: { answer: { json: tasks.running }, started: true },
    succeeded: { json: tasks.succeeded },
    download: {
      at: `GET ${tasks.succeeded.content.video_url}`,
      answer: servedFile('video/mp4'),
      resumes: true,
      trust: 'foreign',
    },
    blocked: { json: tasks.blocked },
    blockedAtSubmit: [
      { status: 400, json: errors.blocked },
      { status: 400, json: errors.blockedFace },
    ],
    failed: { json: tasks.failed },
    invalid: { status: 400, json: errors.invalid },
    rateLimited: {
      answer: { status: 429, headers: { 'retry-after': '30' }, json: errors.rateLimited },
      retryAfterMs: 30_000,
    },
    missing: { status: 404, json: errors.notFound },
    elsewhere: { poll: { json: tasks.elsewhere }, at: 'GET https://cdn.example.com/clip.mp4' },
    // A cancel looks first.
    also: { [`GET ${TASK_AT}`]: { json: tasks.queued } },
    cancel: {
      at: `DELETE ${TASK_AT}`,
      canceled: { json: {} },
      tooLate: { status: 409, json: errors.runningDeletion },
    },
    callback: {
      good: { headers: {}, body: Buffer.from(JSON.stringify(tasks.succeeded)) },
      forged: {},
    },
  },
};
