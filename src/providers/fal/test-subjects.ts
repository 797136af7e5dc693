import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import type { TaskSubject } from '../../../test/support/contract-subject.js';
import { NOW_MS, servedFile } from '../../../test/support/provider-wire.js';
import type { CallbackRequest } from '../contract.js';
import queue from './fixtures/queue.json' with { type: 'json' };
import type { TaskId } from './wire.js';

const ENDPOINT = 'https://queue.fal.run';
export const REQUEST = `/fal-ai/veo3.1/requests/${queue.submitted.request_id}`;

/** What a submit of veo3.1 saves. */
export const TASK: TaskId = {
  model: 'fal-ai/veo3.1',
  request_id: queue.submitted.request_id,
  status_url: queue.submitted.status_url,
  response_url: queue.submitted.response_url,
  cancel_url: queue.submitted.cancel_url,
};

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
export const JWKS = { keys: [{ kty: 'RSA', n: 'AQAB' }, publicKey.export({ format: 'jwk' })] };

/** A webhook as fal signs it. */
export function signed(body: Buffer, atMs = NOW_MS, key = privateKey): CallbackRequest {
  const [id, user, timestamp] = [queue.submitted.request_id, 'user_1', String(Math.floor(atMs / 1000))];
  const text = [id, user, timestamp, createHash('sha256').update(body).digest('hex')].join('\n');
  return {
    headers: {
      'x-fal-webhook-request-id': id,
      'x-fal-webhook-user-id': user,
      'x-fal-webhook-timestamp': timestamp,
      'x-fal-webhook-signature': sign(null, Buffer.from(text), key).toString('hex'),
    },
    body,
  };
}

const BODY = Buffer.from(JSON.stringify({ request_id: TASK.request_id, status: 'OK', payload: queue.video }));
const good = signed(BODY);
const without = (name: string): CallbackRequest => ({ ...good, headers: { ...good.headers, [name]: undefined } });

export const subjects: Record<string, TaskSubject> = {
  fal: {
    kind: 'task',
    provider: 'fal',
    endpoint: ENDPOINT,
    task: {
      modality: 'video',
      operation: 'text_to_video',
      model: 'fal-ai/veo3.1',
      input: { prompt: 'A kite over dunes', duration_seconds: 8 },
      settings: { family: 'veo-3.1' },
    },
    taskId: TASK,
    submitAt: 'POST /fal-ai/veo3.1',
    pollAt: `GET ${REQUEST}/status`,
    also: {
      'POST /fal-ai/veo3.1?fal_webhook=https%3A%2F%2Fkiln.example.com%2Fcallbacks%2Fprovider%2Fsecret-token': {
        json: queue.submitted,
      },
      [`GET ${REQUEST}`]: { json: queue.video },
      [`GET ${REQUEST}/status`]: { json: queue.cancelled },
    },
    submitted: { json: queue.submitted },
    pending: { answer: { status: 202, json: queue.running }, started: true },
    succeeded: { json: queue.completed },
    download: {
      at: `GET ${queue.video.video.url}`,
      answer: servedFile('video/mp4'),
      resumes: true,
      trust: 'foreign',
    },
    // The refusal stands in place of the result; fal.test.ts has it.
    blocked: null,
    blockedAtSubmit: [
      { status: 422, headers: { 'x-fal-retryable': 'false' }, json: queue.modelPolicy },
      { status: 400, json: { detail: 'The prompt violates our content policy.' } },
    ],
    failed: { json: queue.completedWithError },
    invalid: { status: 422, json: queue.modelInvalid },
    rateLimited: {
      answer: { status: 429, headers: { 'retry-after': '30' }, json: queue.rateLimited },
      retryAfterMs: 30_000,
    },
    missing: { status: 404, json: queue.notFound },
    elsewhere: null,
    cancel: {
      at: `PUT ${REQUEST}/cancel`,
      canceled: { status: 202, json: queue.cancellationRequested },
      tooLate: { status: 400, json: queue.alreadyCompleted },
    },
    callback: {
      good,
      answers: { 'GET https://rest.fal.ai/.well-known/jwks.json': { json: JWKS } },
      forged: {
        'another body': { ...good, body: Buffer.from('{}') },
        'another key': signed(BODY, NOW_MS, generateKeyPairSync('ed25519').privateKey),
        'too old': signed(BODY, NOW_MS - 301_000),
        'from the future': signed(BODY, NOW_MS + 301_000),
        'no signature': without('x-fal-webhook-signature'),
        'no user': without('x-fal-webhook-user-id'),
        'no hex': { ...good, headers: { ...good.headers, 'x-fal-webhook-signature': 'zz' } },
      },
    },
  },
};
