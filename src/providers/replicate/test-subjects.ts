import { createHmac } from 'node:crypto';
import type { CallbackSubject, TaskSubject } from '../../../test/support/contract-subject.js';
import { NOW_MS, servedFile } from '../../../test/support/provider-wire.js';
import type { CallbackRequest } from '../contract.js';
import errors from './fixtures/errors.json' with { type: 'json' };
import predictions from './fixtures/predictions.json' with { type: 'json' };

const SECRET = `whsec_${Buffer.from('a signing key of 24 byte').toString('base64')}`;
const body = Buffer.from(JSON.stringify(predictions.succeeded));

/** A message as Replicate would sign it. */
export function signed(
  more: { secret?: string; atMs?: number; body?: Buffer; sentBody?: Buffer } = {},
): CallbackRequest {
  const { secret = SECRET, atMs = NOW_MS, body: content = body, sentBody = content } = more;
  const timestamp = String(Math.floor(atMs / 1000));
  const key = Buffer.from(secret.split('_').at(-1) ?? '', 'base64');
  const signature = createHmac('sha256', key).update(`msg_1.${timestamp}.`).update(content).digest('base64');
  return {
    headers: { 'webhook-id': 'msg_1', 'webhook-timestamp': timestamp, 'webhook-signature': `v1,AAAA v1,${signature}` },
    body: sentBody,
  };
}

const callback: CallbackSubject = {
  good: signed(),
  answers: { 'GET /webhooks/default/secret': { json: { key: SECRET } } },
  forged: {
    'another key': signed({ secret: `whsec_${Buffer.from('another').toString('base64')}` }),
    'another body': signed({ sentBody: Buffer.from('{}') }),
    'six minutes old': signed({ atMs: NOW_MS - 360_000 }),
    'six minutes early': signed({ atMs: NOW_MS + 360_000 }),
    unsigned: { headers: {}, body },
    'no v1 signature': { headers: { ...signed().headers, 'webhook-signature': 'v1a,AAAA' }, body },
  },
};

const common = {
  kind: 'task',
  provider: 'replicate',
  endpoint: 'https://api.replicate.com/v1',
  pollAt: 'GET /predictions/ufawqhfynnddngldkgtslldrkq',
  submitted: { status: 201, json: predictions.created },
  pending: { answer: { json: predictions.processing }, progress: 0.5, started: true },
  blocked: { json: predictions.nsfw },
  blockedAtSubmit: [{ status: 400, json: errors.flagged }],
  failed: { json: predictions.failed },
  invalid: { status: 422, json: errors.invalid },
  rateLimited: { answer: { status: 429, json: errors.throttled }, retryAfterMs: 30_000 },
  missing: { status: 404, json: errors.notFound },
  cancel: {
    at: 'POST /predictions/ufawqhfynnddngldkgtslldrkq/cancel',
    canceled: { json: predictions.canceled },
    tooLate: { json: predictions.succeeded },
  },
  callback,
} satisfies Partial<TaskSubject>;

export const subjects: Record<string, TaskSubject> = {
  'replicate (official model)': {
    ...common,
    blockedAtSubmit: [...common.blockedAtSubmit],
    task: {
      modality: 'image',
      operation: 'text_to_image',
      model: 'black-forest-labs/flux-dev',
      input: { prompt: 'a kite' },
      settings: { family: 'flux-dev' },
    },
    taskId: { id: predictions.created.id, kind: 'image', count: 1 },
    submitAt: 'POST /models/black-forest-labs/flux-dev/predictions',
    succeeded: { json: predictions.succeeded },
    download: {
      at: 'GET https://replicate.delivery/xezq/0SqqHf1j2PTdXyYC/out-0.png',
      answer: servedFile('image/png'),
      resumes: true,
      trust: 'foreign',
    },
    elsewhere: { poll: { json: predictions.elsewhere }, at: 'GET https://cdn.example.com/out-0.png' },
  },
  'replicate (a version)': {
    ...common,
    blockedAtSubmit: [...common.blockedAtSubmit],
    task: {
      modality: 'video',
      operation: 'text_to_video',
      model: 'kwaivgi/kling-v3-video',
      input: { prompt: 'a kite', duration_seconds: 5 },
      settings: {
        family: 'kling-v3',
        version: '4a8ba2743bd9dc2b487e0c4319988aacd658d33c2d064b8a420f4ee1732c30bd',
      },
    },
    taskId: { id: predictions.created.id, kind: 'video', count: 1 },
    submitAt: 'POST /predictions',
    succeeded: { json: predictions.succeededText },
    download: {
      at: 'GET https://replicate.delivery/xezq/jfGxCg26tmQqeExw/tmp2henp9i6.mp4',
      answer: servedFile('video/mp4'),
      resumes: true,
      trust: 'foreign',
    },
    elsewhere: null,
  },
};
