import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { until } from '../../sandbox/test-client.js';
import type { JobView } from '../../src/jobs/view/job-view.js';
import type { CallbackRequest } from '../../src/providers/contract.js';
import { fal } from '../../src/providers/fal/index.js';
import { queryRow, sql } from '../../src/database/database.js';
import { createEgress } from '../../src/egress/create-egress.js';
import { type Kiln, startKiln } from '../support/kiln.js';
import { CannedWire } from '../support/provider-wire.js';
import { testAliases } from '../support/run-alias.js';
import { ROWS } from './fal-rows.js';

let kiln: Kiln;
beforeAll(async () => {
  kiln = await startKiln();
});
afterAll(async () => kiln.drop());

describe('every route of fal makes what was asked', () => {
  testAliases(ROWS, () => kiln);
});

const song = (prompt: string): Record<string, unknown> => ({
  model: 'ace-step',
  input: { prompt, duration_seconds: 10, seed: 7 },
  routing: { only: ['fal'], allow_fallback: false },
});
const veo = (prompt: string): Record<string, unknown> => ({
  model: 'veo-3.1',
  input: { prompt, duration_seconds: 4 },
  routing: { only: ['fal'], allow_fallback: false },
});
const run = async (body: Record<string, unknown>): Promise<JobView> => kiln.finished((await kiln.post(body)).id, 60);
const hashOf = async (job: JobView): Promise<string> =>
  createHash('sha256')
    .update(Buffer.from(await (await fetch(job.outputs[0]?.url ?? '')).arrayBuffer()))
    .digest('hex');

describe('what goes wrong at fal', () => {
  it.each<[string, Record<string, unknown>, string, RegExp]>([
    [
      'a refusal in place of the result',
      veo('rain [[sandbox:policy]]'),
      'content_policy',
      /flagged by a content checker/,
    ],
    [
      'a refusal at the submit',
      veo('rain [[sandbox:policy-submit]]'),
      'content_policy',
      /flagged by a content checker/,
    ],
    ['a run that failed', song('rain [[sandbox:fail]]'), 'provider_error', /./],
    ['nothing made', song('rain [[sandbox:empty]]'), 'provider_error', /./],
    ['a link to the metadata service', song('rain [[sandbox:off-origin]]'), 'invalid_result', /not allowed/],
    ['a dead link', song('rain [[sandbox:expired]]'), 'result_expired', /no longer/],
    ['no bytes', song('rain [[sandbox:zero-bytes]]'), 'invalid_result', /not media/],
    ['a web page', veo('rain [[sandbox:not-media]]'), 'invalid_result', /not media/],
  ])('%s', async (_what, body, code, message) => {
    const job = await run(body);
    expect(job).toMatchObject({ status: 'failed', outputs: [], error: { code }, cost: { charged_micro_usd: 0 } });
    expect(job.error?.message).toMatch(message);
  });

  it('a download that breaks off goes on', async () => {
    const [whole, torn] = await Promise.all([run(song('rain')), run(song('rain[[sandbox:truncate]]'))]);
    expect([whole.error, torn.error]).toEqual([null, null]);
    expect(await hashOf(torn)).toBe(await hashOf(whole));
  });

  it.each(['429-poll', '500-poll', '503-poll', 'malformed'])('%s does not stop a run', async (fault) => {
    expect(await run(song(`rain [[sandbox:${fault}]]`))).toMatchObject({ status: 'succeeded' });
  });

  it('a submit that was turned away is sent again, one without an answer is not', async () => {
    await kiln.sandbox.arm({ provider: 'fal', fault: '429', match: 'thunder' });
    expect(await run(song('thunder'))).toMatchObject({ status: 'succeeded' });
    const { id } = await kiln.post(song('lightning [[sandbox:drop-after]]'));
    const seen = async (): Promise<number> =>
      (await kiln.sandbox.requests('fal')).filter(({ body }) => JSON.stringify(body).includes('lightning')).length;
    const stateOf = async (): Promise<string | undefined> =>
      (await queryRow<{ state: string }>(kiln.database, sql`SELECT state FROM attempt WHERE job_id = ${id}`))?.state;
    await until(async () => (await stateOf()) === 'unknown');
    expect(await seen()).toBe(1);
  });
});

describe('cancel', () => {
  const cancels = async (): Promise<number> => (await kiln.sandbox.counts('fal'))['cancels'] ?? 0;

  it('stops an open model', async () => {
    const before = await cancels();
    const { id } = await kiln.post(song('hail [[sandbox:latency=600000]]'));
    await until(async () => (await kiln.get(id)).attempts[0]?.submitted_at);
    expect((await kiln.call('POST', `/v1/jobs/${id}/cancel`, {})).status).toBeLessThan(300);
    expect((await kiln.finished(id, 30)).status).toBe('canceled');
    await until(async () => (await cancels()) > before);
  });
});

test('the key and the sizes of pictures stay out of the way: results are public, pictures travel inside', async () => {
  const requests = await kiln.sandbox.requests('fal');
  const bodies = JSON.stringify(requests.map(({ body }) => body));
  expect(bodies).toContain('data:image/png;base64,…');
  expect(bodies).not.toContain('sync_mode');
});

test('a webhook of the sandbox is believed as it came, and not once a byte is changed', async () => {
  const got: CallbackRequest[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      got.push({ headers: request.headers as CallbackRequest['headers'], body: Buffer.concat(chunks) });
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpoint = `${kiln.sandbox.url}/fal`;
  const egress = createEgress({ configuredOrigins: () => [kiln.sandbox.url], allow: [] });
  try {
    const hook = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    await fetch(`${endpoint}/fal-ai/flux/dev?fal_webhook=${encodeURIComponent(hook)}`, {
      method: 'POST',
      headers: { authorization: 'Key sandbox', 'content-type': 'application/json' },
      body: JSON.stringify({ prompt: 'a kite' }),
    });
    const request = await until(async () => got[0]);
    const ctx = new CannedWire().context(endpoint, {
      now: () => Date.now(),
      fetch: async (url, options) => egress.configured(url, options),
    });
    expect(await fal.verifyCallback?.(request, ctx)).toBeNull();
    const changed = { ...request, body: Buffer.concat([request.body, Buffer.from(' ')]) };
    expect(await fal.verifyCallback?.(changed, ctx)).toMatch(/no key/);
  } finally {
    await egress.close();
    server.close();
  }
});
