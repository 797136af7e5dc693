import { newId } from '../../src/common/ids.js';
import { execute, queryRows, sql } from '../../src/database/database.js';
import { Announcements } from '../../src/webhooks/announcements.js';
import type { EndpointView } from '../../src/webhooks/endpoint-view.js';
import type { JobView } from '../../src/jobs/view/job-view.js';
import { startKiln, type Kiln } from '../support/kiln.js';

const OWN_URL = 'http://127.0.0.1:9/own';

let kiln: Kiln;
let announcements: Announcements;
beforeAll(async () => {
  kiln = await startKiln({ workers: false, env: { KILN_EGRESS_ALLOW: '127.0.0.1:9' } });
  announcements = kiln.app.get(Announcements);
});
afterAll(() => kiln.drop());

/** A key, its endpoints by the events they want, and what an event of a job of its writes. */
async function owner(...wanted: (string | string[])[]) {
  const key = await kiln.newKey();
  const headers = { authorization: `Bearer ${key.secret}` };
  const endpoints: string[] = [];
  for (const events of wanted) {
    const body = { url: OWN_URL, events };
    endpoints.push((await kiln.call<EndpointView>('POST', '/v1/webhook_endpoints', body, headers)).body.id);
  }
  let renders = 0;
  const render = async () => {
    renders += 1;
    return { type: 'x', timestamp: 'now', data: {} };
  };
  const announce = async (event: string, ownUrl: string | null = null) => {
    const jobId = newId('job');
    renders = 0;
    const ids = await kiln.database.transaction((tx) =>
      announcements.write(tx, { keyId: key.id, jobId, run: 1, sequence: 3, event, ownUrl }, render),
    );
    const rows = await queryRows<{ id: string; endpoint_id: string | null; sequence: number; status: string }>(
      kiln.database,
      sql`SELECT id, endpoint_id, sequence, status FROM webhook_delivery WHERE job_id = ${jobId} ORDER BY id`,
    );
    expect(rows.map(({ id }) => id)).toEqual(ids.toSorted());
    return { receivers: rows.map((row) => row.endpoint_id), rows, renders };
  };
  return { key, headers, endpoints, announce, render };
}

test('each receiver that listens gets a message of its own; the body is rendered once', async () => {
  const { endpoints, announce } = await owner(['job.failed'], '*', ['job.running', 'job.failed'], ['job.succeeded']);
  const told = await announce('job.failed', OWN_URL);
  expect(told.receivers).toEqual([null, ...endpoints.slice(0, 3)]);
  expect(new Set(told.rows.map(({ id }) => id)).size).toBe(4);
  expect(told.rows.every(({ sequence, status }) => sequence === 3 && status === 'pending')).toBe(true);
  expect(told.renders).toBe(1);
});

test('nothing is rendered or written where nobody listens', async () => {
  const { announce } = await owner(['job.failed']);
  expect(await announce('job.succeeded')).toEqual({ receivers: [], rows: [], renders: 0 });
});

test("another key's endpoints, disabled and deleted ones hear nothing", async () => {
  await owner('*');
  const { announce, headers, endpoints } = await owner('*', '*', '*');
  const [disabled, deleted, listening] = endpoints;
  await kiln.call('PATCH', `/v1/webhook_endpoints/${disabled}`, { disabled: true }, headers);
  await kiln.call('DELETE', `/v1/webhook_endpoints/${deleted}`, undefined, headers);
  expect((await announce('job.succeeded')).receivers).toEqual([listening]);
  await kiln.call('PATCH', `/v1/webhook_endpoints/${disabled}`, { disabled: false }, headers);
  expect((await announce('job.succeeded')).receivers).toEqual([disabled, listening]);
});

test('progress goes to those that name it, not to those that want everything', async () => {
  const { announce, endpoints } = await owner('*', ['job.progress', '*']);
  expect((await announce('job.progress')).receivers).toEqual([endpoints[1]]);
});

test('a transaction that fails leaves no message', async () => {
  const { key, render } = await owner('*');
  const jobId = newId('job');
  const failing = kiln.database.transaction(async (tx) => {
    const event = { keyId: key.id, jobId, run: 1, sequence: 1, event: 'job.failed', ownUrl: null };
    expect(await announcements.write(tx, event, render)).toHaveLength(1);
    throw new Error('rolled back');
  });
  await expect(failing).rejects.toThrow('rolled back');
  expect(await queryRows(kiln.database, sql`SELECT 1 FROM webhook_delivery WHERE job_id = ${jobId}`)).toEqual([]);
});

test('a canceled job tells endpoints though it has no URL of its own, and its view shows only its own', async () => {
  await execute(kiln.database, sql`UPDATE lane SET state = 'paused'`);
  const { headers, endpoints } = await owner(['job.canceled']);
  const job = { model: 'flux-dev', input: { prompt: 'a fox' } };
  for (const webhook of [undefined, { url: OWN_URL }]) {
    const { body } = await kiln.call<JobView>('POST', '/v1/jobs', { ...job, webhook }, headers);
    const canceled = await kiln.call<JobView>('POST', `/v1/jobs/${body.id}/cancel`, undefined, headers);
    const shown = canceled.body.webhook?.deliveries.map((one) => one.endpoint_id);
    expect(shown).toEqual(webhook && [null]);
    const list = await kiln.call<{ data: { endpoint_id: string | null }[] }>(
      'GET',
      `/v1/webhook_deliveries?job_id=${body.id}&order=asc`,
      undefined,
      headers,
    );
    expect(list.body.data.map((one) => one.endpoint_id)).toEqual([...(webhook ? [null] : []), ...endpoints]);
  }
});
