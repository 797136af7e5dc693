import { createHash } from 'node:crypto';
import { execute, queryRow, queryRows, sql } from '../../src/database/database.js';
import { faultPoints } from '../../src/jobs/store/fault-points.js';
import type { JobView } from '../../src/jobs/view/job-view.js';
import { until } from '../jobs/engine-harness.js';
import { type Kiln, startKiln } from '../support/kiln.js';
import { leftBehind, objectsOf, storeOf } from './harness.js';

const MAX_BYTES = 2_000_000;

let kiln: Kiln;
beforeAll(async () => {
  kiln = await startKiln({ env: { KILN_MAX_OUTPUT_BYTES: String(MAX_BYTES) } });
});
afterEach(() => {
  faultPoints.reach = null;
});
afterAll(async () => kiln.drop());

const song = (prompt: string): Record<string, unknown> => ({
  model: 'ace-step',
  input: { prompt, duration_seconds: 10, seed: 7, format: 'mp3' },
});
const clip = (prompt: string): Record<string, unknown> => ({
  model: 'wan-2.2',
  input: { prompt, duration_seconds: 1, seed: 7 },
});
const picture = (prompt: string): Record<string, unknown> => ({
  model: 'flux-dev',
  input: { prompt, size: '256x256', seed: 7 },
});
const run = async (body: Record<string, unknown>): Promise<JobView> => kiln.finished((await kiln.post(body)).id);
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const contentOf = async (job: JobView): Promise<Buffer> =>
  Buffer.from(await (await fetch(job.outputs[0]?.url ?? '')).arrayBuffer());

/** What every lost result has in common: told to ops, nothing charged, nothing held, nothing kept. */
async function expectLost(job: JobView): Promise<string> {
  expect(job).toMatchObject({ status: 'failed', stage: null, outputs: [], cost: { charged_micro_usd: 0 } });
  expect(job.cost.held_micro_usd).toBeGreaterThan(0);
  // Ops are told after the job's end is written down.
  const told = await until('ops hear of it', () =>
    queryRow<{ message: string; severity: string }>(
      kiln.database,
      sql`SELECT message, severity FROM ops_event WHERE type = 'result.lost' AND data ->> 'job_id' = ${job.id}`,
    ),
  );
  expect(told.severity).toBe('critical');
  const money = await queryRows<{ kind: string; amount: bigint }>(
    kiln.database,
    sql`SELECT kind, amount_micro_usd AS amount FROM ledger_entry WHERE work_id = ${job.id} ORDER BY kind`,
  );
  expect(money.map(({ kind }) => kind)).toEqual(['hold', 'release']);
  expect(await objectsOf(kiln, `outputs/${job.id}/`)).toEqual([]);
  return told.message;
}

describe('a result that can never be kept ends the job with a reason', () => {
  it.each([
    ['no bytes', song, 'zero-bytes', 'invalid_result', /not media/],
    ['a web page', clip, 'not-media', 'invalid_result', /not media/],
    ['a web page for a picture', picture, 'not-media', 'invalid_result', /not media/],
    ['a link that is dead, also after fresh ones', song, 'expired', 'result_expired', /no longer works/],
    ['more than the cap', clip, `pad=${MAX_BYTES + 1}`, 'result_too_large', /larger than this service stores/],
  ])('%s', async (_what, make, fault, code, says) => {
    const job = await run(make(`rain [[sandbox:${fault}]]`));
    expect(job.error).toMatchObject({ code, param: null });
    expect(job.error?.message).toMatch(says);
    await expectLost(job);
  });

  it('a link to the metadata service is not followed', async () => {
    const before = (await kiln.sandbox.counts('acestep'))['downloads'] ?? 0;
    const job = await run(song('rain [[sandbox:off-origin]]'));
    expect(job.error).toMatchObject({ code: 'invalid_result', retryable: true });
    expect(job.error?.message).toContain('points to an address that is not allowed');
    expect(job.error?.message).not.toContain('169.254');
    expect(await expectLost(job)).toContain('not followed');
    expect((await kiln.sandbox.counts('acestep'))['downloads'] ?? 0).toBe(before);
  });

  it('what begins like a clip and is none', async () => {
    const { id } = await kiln.post(clip('rain'));
    faultPoints.reach = async (point, jobId) => {
      if (point !== 'store.stored' || jobId !== id) return;
      const [key = ''] = await objectsOf(kiln, `outputs/${id}/`);
      const head = Buffer.from('\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41', 'latin1');
      await storeOf(kiln).put(key, Buffer.concat([head, Buffer.alloc(5000, 0x2a)]), { contentType: 'video/mp4' });
    };
    const job = await kiln.finished(id);
    expect(job.error).toMatchObject({ code: 'invalid_result', retryable: true });
    expect(job).toMatchObject({ status: 'failed', cost: { charged_micro_usd: 0 } });
  });

  it('a download that always breaks off is given up in the end', async () => {
    const { id } = await kiln.post(song('rain [[sandbox:truncate-always]]'));
    faultPoints.reach = async (point, jobId) => {
      if (point !== 'store.half' || jobId !== id) return;
      await execute(
        kiln.database,
        sql`UPDATE attempt SET provider_done_at = now() - interval '7 hours' WHERE job_id = ${id}`,
      );
    };
    const job = await kiln.finished(id);
    expect(job.error).toMatchObject({ code: 'result_unreachable', retryable: true });
    expect(job.error?.message).toContain('could not be downloaded');
    await expectLost(job);
  });
});

describe('a download that breaks off', () => {
  it.each([
    ['music', song],
    ['a clip', clip],
    ['a picture', picture],
  ])('of %s goes on where it was, and the bytes are the same', async (_what, make) => {
    const [whole, torn] = await Promise.all([run(make('rain')), run(make('rain[[sandbox:truncate]]'))]);
    expect([whole.error, torn.error]).toEqual([null, null]);
    const [expected, got] = await Promise.all([contentOf(whole), contentOf(torn)]);
    expect(sha256(got)).toBe(sha256(expected));
    expect(torn.outputs[0]).toMatchObject({ sha256: sha256(got), bytes: got.length });
    expect(torn.warnings).toEqual(whole.warnings);
  });

  it('inside of the JSON that carries a clip', async () => {
    const job = await run({
      model: 'veo-3.1',
      input: { prompt: 'rain [[sandbox:truncate]]', duration_seconds: 4, generate_audio: false },
    });
    expect(job).toMatchObject({ status: 'succeeded', error: null });
    expect(sha256(await contentOf(job))).toBe(job.outputs[0]?.sha256);
  });
});

test('a result just below the cap is kept', async () => {
  const job = await run(clip(`rain [[sandbox:pad=${MAX_BYTES}]]`));
  expect(job).toMatchObject({ status: 'succeeded', error: null });
});

test('nothing lies about', async () => {
  expect(await leftBehind(kiln)).toEqual([]);
});
