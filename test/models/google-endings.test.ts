import { createHash } from 'node:crypto';
import { until } from '../../sandbox/test-client.js';
import type { JobView } from '../../src/jobs/view/job-view.js';
import type { Kiln } from '../support/kiln.js';
import { googleKiln } from './google-kiln.js';

let kiln: Kiln;
let drop: () => Promise<void>;
beforeAll(async () => {
  ({ kiln, drop } = await googleKiln());
});
afterAll(() => drop());

const run = async (model: string, only: string, prompt: string, more: object = {}): Promise<JobView> => {
  const length =
    model === 'lyria-3' ? { duration_seconds: 10 } : model.startsWith('veo') ? { duration_seconds: 4 } : {};
  const job = await kiln.post({
    model,
    input: { prompt, ...length, ...more },
    routing: { only: [only], allow_fallback: false },
  });
  return kiln.finished(job.id, 60);
};
const ROUTES = [
  ['veo-3.1', 'vertex'],
  ['veo-3.1', 'gemini'],
  ['nano-banana-2', 'vertex'],
  ['nano-banana-2', 'gemini'],
  ['lyria-3', 'pro'],
  ['lyria-3', 'successor'],
  ['gemini-omni-1.1-flash', 'gemini'],
] as const;
const NOTHING = { outputs: [], cost: { charged_micro_usd: 0 } };

describe('what the filter withholds', () => {
  test.each(ROUTES)('%s by %s: of the prompt, and of the result', async (model, only) => {
    for (const fault of ['policy-submit', 'policy'])
      expect(await run(model, only, `x [[sandbox:${fault}]]`)).toMatchObject({
        status: 'failed',
        error: { code: 'content_policy', retryable: false },
        ...NOTHING,
      });
  });
});

describe('a result that can not be kept', () => {
  test.each(ROUTES)('%s by %s: no bytes, a web page', async (model, only) => {
    for (const fault of ['zero-bytes', 'not-media'])
      expect(await run(model, only, `x [[sandbox:${fault}]]`)).toMatchObject({
        status: 'failed',
        error: { code: 'invalid_result' },
        ...NOTHING,
      });
  });

  test('a link that is dead, or leads where nobody may go', async () => {
    for (const model of ['veo-3.1', 'gemini-omni-1.1-flash']) {
      const dead = await run(model, 'gemini', 'x [[sandbox:expired]]');
      expect(dead.error).toMatchObject({ code: 'result_expired' });
      const astray = await run(model, 'gemini', 'x [[sandbox:off-origin]]');
      expect(astray.error).toMatchObject({ code: 'invalid_result', retryable: true });
      expect(JSON.stringify(astray.error)).not.toContain('169.254');
    }
  });

  test('an answer that always breaks off is given up, and nothing is charged', async () => {
    expect(await run('nano-banana-2', 'vertex', 'x [[sandbox:truncate-always]]')).toMatchObject({
      status: 'failed',
      error: { code: 'outcome_unknown' },
      ...NOTHING,
    });
  });
});

describe('an answer that breaks off once', () => {
  test.each(ROUTES)('%s by %s: what is stored in the end is whole', async (model, only) => {
    const job = await run(model, only, 'rain [[sandbox:truncate]]');
    expect(job).toMatchObject({ status: 'succeeded', error: null });
    const bytes = Buffer.from(await (await fetch(job.outputs[0]?.url ?? '')).arrayBuffer());
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(job.outputs[0]?.sha256);
  });

  test.each([
    ['nano-banana-2', 'gemini'],
    ['lyria-3', 'pro'],
  ])('%s by %s: one that never came is asked for once more', async (model, only) => {
    const prompt = `rain [[sandbox:drop-after=1]] for ${model}`;
    expect(await run(model, only, prompt)).toMatchObject({ status: 'succeeded', error: null });
    const sent = await kiln.sandbox.requests('gemini');
    const accepted = sent.filter((one) => one.outcome === 'accepted' && JSON.stringify(one.body).includes(prompt));
    expect(accepted).toHaveLength(2);
  });
});

test('a picture is changed turn by turn: the former one is named by its job', async () => {
  const first = await run('nano-banana-2', 'vertex', 'a boat');
  const second = await run('nano-banana-2', 'vertex', 'turn two: make it night', {
    images: [{ job_id: first.id, output: 0 }],
  });
  expect(second).toMatchObject({ status: 'succeeded', outputs: [{ width: 1024, height: 1024 }] });
  const sent = (await kiln.sandbox.requests('vertex')).find((one) => JSON.stringify(one.body).includes('turn two'));
  expect(sent?.body).toMatchObject({
    contents: [
      {
        role: 'user',
        parts: [{ text: 'turn two: make it night' }, { inlineData: { mimeType: 'image/png' } }],
      },
    ],
  });
});

test('an interaction that runs is cancelled with its job', async () => {
  const prompt = 'endless rain [[sandbox:latency=120000]]';
  const polls = async () => (await kiln.sandbox.counts('gemini'))['polls'] ?? 0;
  const before = await polls();
  const job = await kiln.post({ model: 'lyria-3', input: { prompt }, routing: { only: ['successor'] } });
  // A poll shows that the engine knows the task.
  await until(async () => (await polls()) > before);
  expect((await kiln.call('POST', `/v1/jobs/${job.id}/cancel`, {})).status).toBeLessThan(300);
  expect(await kiln.finished(job.id)).toMatchObject({ status: 'canceled', outputs: [] });
  await until(async () => (await kiln.sandbox.counts('gemini'))['cancels'] === 1);
});
