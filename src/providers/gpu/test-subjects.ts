import { createHmac } from 'node:crypto';
import type { TaskSubject } from '../../../test/support/contract-subject.js';
import { NOW_MS, servedFile, TOKEN } from '../../../test/support/provider-wire.js';
import type { CallbackRequest } from '../contract.js';
import kiln from './fixtures/kiln.json' with { type: 'json' };
import runpod from './fixtures/runpod.json' with { type: 'json' };

export const SECRET = `whsec_${Buffer.from('a shared secret').toString('base64')}`;

/** As Standard Webhooks signs. */
export function signed(body: string, more: { atMs?: number; secret?: string; id?: string } = {}): CallbackRequest {
  const { atMs = NOW_MS, secret = SECRET, id = 'msg_1' } = more;
  const timestamp = String(Math.floor(atMs / 1000));
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return {
    headers: { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` },
    body: Buffer.from(body),
  };
}

const good = signed(JSON.stringify(kiln.succeeded));
const plain = (body: object): CallbackRequest => ({ headers: {}, body: Buffer.from(JSON.stringify(body)) });

const task = (settings: TaskSubject['task']['settings']): TaskSubject['task'] => ({
  modality: 'video',
  operation: 'text_to_video',
  model: 'Skywork/SkyReels-V2-DF-14B-720P',
  input: { prompt: 'a kite' },
  settings: { fields: ['prompt'], ...settings },
});

const runpodId = encodeURIComponent(runpod.started.id);

export const subjects: Record<string, TaskSubject> = {
  'gpu (kiln)': {
    kind: 'task',
    provider: 'gpu',
    endpoint: 'http://skyreels.internal:8000',
    task: task({ dialect: 'kiln' }),
    taskId: { dialect: 'kiln', id: TOKEN, kind: 'video', boot_id: 'b-1' },
    submitAt: 'POST /v1/jobs',
    pollAt: `GET /v1/jobs/${TOKEN}`,
    submitted: { status: 202, json: kiln.queued },
    pending: { answer: { json: kiln.running }, progress: 0.4, started: true },
    succeeded: { json: kiln.succeeded },
    download: {
      at: `GET /v1/jobs/${TOKEN}/artifacts/out.mp4`,
      answer: servedFile('video/mp4'),
      resumes: true,
      trust: 'endpoint',
    },
    blocked: { json: kiln.blocked },
    blockedAtSubmit: [{ status: 400, json: kiln.blockedAtSubmit }],
    failed: { json: kiln.failed },
    invalid: { status: 400, json: kiln.invalid },
    rateLimited: { answer: { status: 429, headers: { 'retry-after': '30' }, json: kiln.full }, retryAfterMs: 30_000 },
    missing: { status: 404, json: kiln.notFound },
    elsewhere: { poll: { json: kiln.elsewhere }, at: 'GET https://cdn.example.com/out.mp4' },
    cancel: {
      at: `POST /v1/jobs/${TOKEN}/cancel`,
      canceled: { status: 202, json: kiln.cancelled },
      tooLate: { status: 202, json: kiln.succeeded },
    },
    callback: {
      good,
      ctx: { callbackSecret: SECRET },
      forged: {
        unsigned: plain(kiln.succeeded),
        'another body': { ...good, body: Buffer.from(JSON.stringify(kiln.failed)) },
        'another secret': signed('{}', { secret: `whsec_${Buffer.from('guessed').toString('base64')}` }),
        old: signed('{}', { atMs: NOW_MS - 600_000 }),
        'a time that is none': { ...good, headers: { ...good.headers, 'webhook-timestamp': 'now' } },
      },
    },
  },
  'gpu (runpod)': {
    kind: 'task',
    provider: 'gpu',
    endpoint: 'https://api.runpod.ai/v2/skyreels',
    task: task({ dialect: 'runpod' }),
    taskId: { dialect: 'runpod', id: runpod.started.id, kind: 'video' },
    submitAt: 'POST /run',
    pollAt: `GET /status/${runpodId}`,
    submitted: { json: runpod.started },
    pending: { answer: { json: runpod.inProgress }, progress: 0.4, started: true },
    succeeded: { json: runpod.completed },
    download: {
      at: 'GET https://bucket.example.com/out.mp4?sig=1',
      answer: servedFile('video/mp4'),
      resumes: true,
      trust: 'foreign',
    },
    blocked: { json: runpod.blocked },
    blockedAtSubmit: [],
    failed: { json: runpod.failed },
    invalid: { status: 400, json: { error: 'input is required' } },
    rateLimited: {
      answer: { status: 429, headers: { 'retry-after': '30' }, json: { error: 'too many requests' } },
      retryAfterMs: 30_000,
    },
    missing: { status: 404, json: { error: 'job not found' } },
    elsewhere: { poll: { json: runpod.elsewhere }, at: 'GET https://cdn.example.com/v/0001' },
    cancel: {
      at: `POST /cancel/${runpodId}`,
      canceled: { json: runpod.cancelled },
      tooLate: { json: runpod.completed },
    },
    callback: { good: plain(runpod.completed), forged: {} },
  },
};
