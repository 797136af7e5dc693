import { delay } from '../../src/common/time.js';
import type { ReplayBatchView } from '../../src/jobs/admin/replay-batches.js';
import { Outcomes } from '../../src/jobs/engine/outcome.js';
import { type Kiln, startKiln } from '../support/kiln.js';

let kiln: Kiln;
beforeAll(async () => {
  kiln = await startKiln();
});
afterAll(async () => kiln.drop());

test('failed jobs that ops replay in bulk end well, and cost once', async () => {
  await kiln.call('POST', '/admin/lanes/comfyui/pause');
  const ids: string[] = [];
  for (const prompt of ['a fox', 'a hare', 'an owl']) {
    const { id } = await kiln.post({ model: 'flux-dev', input: { prompt, size: '512x512' } });
    const error = { code: 'provider_down', message: 'down', param: null, retryable: true };
    await kiln.app.get(Outcomes).end({ jobId: id, transition: 'failed', error });
    ids.push(id);
  }
  await kiln.call('POST', '/admin/lanes/comfyui/resume');

  const { body } = await kiln.call<ReplayBatchView>('POST', '/admin/jobs/replay', {
    filter: { error_code: 'provider_down', model: 'flux-dev' },
    limit: 10,
  });
  expect(body).toMatchObject({ total: 3, status: 'running' });
  // The worker's own timer takes it.
  let batch = body;
  for (const until = Date.now() + 20_000; batch.status !== 'done' && Date.now() < until; await delay(50)) {
    batch = (await kiln.call<ReplayBatchView>('GET', `/admin/replays/${body.id}`)).body;
  }
  expect(batch).toMatchObject({ status: 'done', done: 3, skipped: 0 });
  for (const id of ids) {
    const job = await kiln.finished(id);
    expect(job).toMatchObject({ status: 'succeeded', run: 2, outputs: [{ type: 'image' }] });
    expect(job.cost.charged_micro_usd).toBe(job.cost.held_micro_usd);
  }
});
