import type { CallbackSubject, TaskSubject } from '../../../test/support/contract-subject.js';
import { servedFile } from '../../../test/support/provider-wire.js';
import callbackVector from './fixtures/callback.json' with { type: 'json' };
import current from './fixtures/current.json' with { type: 'json' };
import errors from './fixtures/errors.json' with { type: 'json' };
import legacy from './fixtures/legacy.json' with { type: 'json' };

const signed = {
  headers: {
    'webhook-id': callbackVector.id,
    'webhook-timestamp': callbackVector.timestamp,
    'webhook-signature': callbackVector.signature,
  },
  body: Buffer.from(callbackVector.body),
};

const callback: CallbackSubject = {
  ctx: { callbackSecret: callbackVector.secret, now: () => Number(callbackVector.timestamp) * 1000 },
  good: signed,
  forged: {
    'another body': { ...signed, body: Buffer.from(callbackVector.body.replace('succeeded', 'failed')) },
    'another id': { ...signed, headers: { ...signed.headers, 'webhook-id': '1' } },
    'another time': { ...signed, headers: { ...signed.headers, 'webhook-timestamp': '1781080795' } },
    'an old one': { ...signed, headers: { ...signed.headers, 'webhook-timestamp': '1781080000' } },
    unsigned: { ...signed, headers: {} },
    'no text': { ...signed, headers: { ...signed.headers, 'webhook-signature': 'v1,' } },
  },
};

const common = {
  kind: 'task',
  provider: 'kling',
  endpoint: 'https://api-singapore.klingai.com',
  invalid: { status: 400, json: errors.invalid },
  rateLimited: {
    answer: { status: 429, headers: { 'retry-after': '30' }, json: errors.parallel },
    retryAfterMs: 30_000,
  },
  blockedAtSubmit: [
    { status: 400, json: errors.policy },
    { status: 200, json: errors.policy },
  ],
  cancel: null,
  callback,
} as const;

export const subjects: Record<string, TaskSubject> = {
  'kling (current)': {
    ...common,
    blockedAtSubmit: [...common.blockedAtSubmit],
    task: {
      modality: 'video',
      operation: 'text_to_video',
      model: 'kling-3.0',
      input: { prompt: 'a kite' },
      settings: { wire: 'current' },
    },
    taskId: { wire: 'current', id: current.created.data.id },
    submitAt: 'POST /text-to-video/kling-3.0',
    pollAt: `GET /tasks?task_ids=${current.created.data.id}`,
    submitted: { json: current.created },
    pending: { answer: { json: current.processing }, started: true },
    succeeded: { json: current.succeeded },
    download: {
      at: 'GET https://v16-kling.klingai.com/bs2/clip.mp4?x-kcdn-pid=112452',
      answer: servedFile('video/mp4'),
      resumes: true,
      trust: 'foreign',
    },
    blocked: { json: current.blocked },
    failed: { json: current.failed },
    missing: { json: current.unknown },
    elsewhere: { poll: { json: current.elsewhere }, at: 'GET https://cdn.example.com/clip.mp4' },
    malformed: ['{"code":0,"message":"SUCCEED","data":{"status":"submitted"}}'],
  },
  'kling (legacy)': {
    ...common,
    blockedAtSubmit: [...common.blockedAtSubmit],
    task: {
      modality: 'video',
      operation: 'text_to_video',
      model: 'kling-v3',
      input: { prompt: 'a kite' },
      settings: { wire: 'legacy' },
    },
    taskId: { wire: 'legacy', path: '/v1/videos/text2video', id: legacy.created.data.task_id },
    submitAt: 'POST /v1/videos/text2video',
    pollAt: `GET /v1/videos/text2video/${legacy.created.data.task_id}`,
    submitted: { json: legacy.created },
    pending: { answer: { json: legacy.processing }, started: true },
    succeeded: { json: legacy.succeeded },
    download: {
      at: 'GET https://v16-kling.klingai.com/bs2/legacy.mp4',
      answer: servedFile('video/mp4'),
      resumes: true,
      trust: 'foreign',
    },
    blocked: { json: legacy.blocked },
    failed: { json: legacy.failed },
    missing: { status: 400, json: errors.noTask },
    elsewhere: { poll: { json: legacy.elsewhere }, at: 'GET https://cdn.example.com/legacy.mp4' },
    malformed: ['{"code":0,"message":"SUCCEED","data":{}}'],
  },
};
