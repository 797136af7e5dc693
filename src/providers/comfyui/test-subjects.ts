import { fileURLToPath } from 'node:url';
import type { TaskSubject } from '../../../test/support/contract-subject.js';
import { servedFile, TOKEN } from '../../../test/support/provider-wire.js';
import type { JsonObject } from '../../common/json.js';
import answers from './fixtures/answers.json' with { type: 'json' };
import { loadWorkflow } from './workflow-loader.js';

const wan = loadWorkflow(
  fileURLToPath(new URL('../../../workflows', import.meta.url)),
  'wan-2.2.mapping.json',
) as unknown as JsonObject;
const file = new URLSearchParams({
  filename: `${TOKEN}_00001_.mp4`,
  subfolder: 'kiln/job_1',
  type: 'output',
}).toString();

export const subjects: Record<string, TaskSubject> = {
  comfyui: {
    kind: 'task',
    provider: 'comfyui',
    endpoint: 'http://comfy-0:8188',
    task: {
      modality: 'video',
      operation: 'text_to_video',
      model: 'wan-2.2',
      input: { prompt: 'a kite' },
      settings: wan,
    },
    taskId: { prompt_id: TOKEN, output: ['11'] },
    submitAt: 'POST /prompt',
    pollAt: `GET /api/jobs/${TOKEN}`,
    submitted: { json: answers.accepted },
    pending: { answer: { json: answers.jobRunning }, started: true },
    succeeded: { json: answers.jobCompleted },
    download: { at: `GET /view?${file}`, answer: servedFile('video/mp4'), resumes: true, trust: 'endpoint' },
    blocked: null,
    blockedAtSubmit: [],
    failed: { json: answers.jobFailed },
    invalid: { status: 400, json: answers.badValue },
    rateLimited: { answer: { status: 429, headers: { 'retry-after': '30' }, json: {} }, retryAfterMs: 30_000 },
    missing: { status: 404, json: answers.jobNotFound },
    elsewhere: null,
    cancel: {
      at: `POST /api/jobs/${TOKEN}/cancel`,
      canceled: { json: { cancelled: true } },
      tooLate: { json: { cancelled: false } },
    },
    callback: null,
  },
};
