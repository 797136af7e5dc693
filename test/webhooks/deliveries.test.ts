import { newId } from '../../src/common/ids.js';
import type { JsonObject } from '../../src/common/json.js';
import type { ListEnvelope } from '../../src/common/page.js';
import { execute, queryRow, queryRows, sql, type Database } from '../../src/database/database.js';
import type { DeliveryDetail, DeliveryView } from '../../src/webhooks/delivery-view.js';
import type { RedeliveryView } from '../../src/webhooks/redeliveries.js';
import { WebhookSender } from '../../src/webhooks/sender.js';
import { Webhooks } from '../../src/webhooks/webhooks.js';
import { as, expectError } from '../api/harness.js';
import { startKiln, type Kiln } from '../support/kiln.js';
import { type Answer, type Receiver, startReceiver } from './receiver.js';

let receiver: Receiver;
let kiln: Kiln;
let db: Database;
let key: { id: string; secret: string };

/** Without workers: the tests send by hand, so nothing is sent behind them. */
beforeAll(async () => {
  receiver = await startReceiver();
  kiln = await startKiln({ workers: false, env: { KILN_EGRESS_ALLOW: receiver.host } });
  db = kiln.database;
});
afterAll(async () => {
  await kiln.drop();
  await receiver.close();
});
beforeEach(async () => {
  key = await kiln.newKey();
});

const status =
  (code: number, headers: Record<string, string> = {}, body = ''): Answer =>
  (response) =>
    void response.writeHead(code, headers).end(body);
const call = <T>(method: string, path: string, body?: unknown) => kiln.call<T>(method, path, body, as(key.secret));
const detail = async (id: string): Promise<DeliveryDetail> =>
  (await call<DeliveryDetail>('GET', `/v1/webhook_deliveries/${id}`)).body;
const send = (id: string, tick = 0) => kiln.app.get(WebhookSender).deliver(id, tick);

interface Written {
  keyId?: string;
  event?: string;
  jobId?: string | null;
  endpointId?: string;
  data?: JsonObject;
  /** Its state, as if it had been tried. */
  status?: string;
  attempts?: number;
  minutesAgo?: number;
}

async function write(path: string, more: Written = {}): Promise<string> {
  const { keyId = key.id, event = 'job.failed', jobId = newId('job'), endpointId, data = { id: 'job_x' } } = more;
  const body = { type: event, timestamp: '2026-11-26T07:00:00.000Z', data };
  const url = `http://${receiver.host}${path}`;
  const message = { keyId, jobId, endpointId, run: 1, sequence: 5, event, url, body };
  const id = await db.transaction((tx) => kiln.app.get(Webhooks).write(tx, message));
  const { status: state = 'pending', attempts = 0, minutesAgo = 0 } = more;
  await execute(
    db,
    sql`UPDATE webhook_delivery SET status = ${state}, attempts = ${attempts}::int, wake_at = CASE WHEN ${state} = 'pending' THEN wake_at END,
          created_at = now() - ${minutesAgo}::int * interval '1 minute' WHERE id = ${id}`,
  );
  return id;
}

async function endpoint(state: { disabled?: string; deleted?: true } = {}, keyId = key.id): Promise<string> {
  const id = newId('whe');
  await execute(
    db,
    sql`INSERT INTO webhook_endpoint (id, key_id, url, disabled_at, disabled_reason, deleted_at)
        VALUES (${id}, ${keyId}, 'https://example.com', CASE WHEN ${state.disabled ?? ''} <> '' THEN now() END, nullif(${state.disabled ?? ''}, ''),
                CASE WHEN ${state.deleted ?? false}::boolean THEN now() END)`,
  );
  return id;
}

const insertJob = (id: string, isDeleted: boolean) =>
  execute(
    db,
    sql`INSERT INTO job (id, key_id, status, model, modality, operation, input, held_micro_usd, price, deadline_at, retention_seconds, deleted_at)
        VALUES (${id}, ${key.id}, 'failed', 'm', 'image', 'text_to_image', '{}', 0, '{}', now(), 60, CASE WHEN ${isDeleted}::boolean THEN now() END)`,
  );

describe('the log of tries', () => {
  it('has what was sent and what was answered, newest last, through a redelivery', async () => {
    const id = await write('/log');
    expect(await detail(id)).toMatchObject({ request: { headers: {} }, tries: [] });
    const answered = { 'x-trace': 'abc', 'set-cookie': 'session=1', 'www-authenticate': 'Basic' };
    receiver.answer('/log', status(410, answered, 'no more of this'), status(200, {}, 'ok'));
    await send(id);
    expect((await call('POST', `/v1/webhook_deliveries/${id}/redeliver`)).status).toBe(202);
    await send(id, 1);
    const { tries, request } = await detail(id);
    const [first, second] = receiver.at('/log');
    expect(tries).toEqual([
      {
        n: 1,
        sent_at: expect.any(String),
        duration_ms: expect.any(Number),
        error: 'the receiver answered 410',
        request_headers: {
          'content-type': 'application/json',
          'user-agent': 'Kiln-Webhooks/1',
          'webhook-id': id,
          'webhook-timestamp': first?.headers['webhook-timestamp'],
          'webhook-signature': first?.headers['webhook-signature'],
        },
        response: { status: 410, headers: expect.objectContaining({ 'x-trace': 'abc' }), body: 'no more of this' },
      },
      expect.objectContaining({
        n: 2,
        error: null,
        response: { status: 200, headers: expect.any(Object), body: 'ok' },
      }),
    ]);
    expect(Object.keys(tries[0]?.response?.headers ?? {})).not.toContain('set-cookie');
    expect(Object.keys(tries[0]?.response?.headers ?? {})).not.toContain('www-authenticate');
    expect(Math.floor(Date.parse(tries[0]?.sent_at ?? '') / 1000)).toBe(Number(first?.headers['webhook-timestamp']));
    expect(request.headers).toEqual(tries[1]?.request_headers);
    expect(request.body).toEqual(JSON.parse(second?.body ?? ''));
    expect(second?.headers['webhook-id']).toBe(id);
  });

  it('shows the body with links that open now', async () => {
    const output = newId('out');
    const data = { outputs: [{ url: `kiln-asset:${output}/content`, url_expires_at: 'kiln-asset:expires' }] };
    const { request } = await detail(await write('/links', { data }));
    const [shown] = (request.body as { data: { outputs: { url: string; url_expires_at: string }[] } }).data.outputs;
    expect(shown?.url).toMatch(new RegExp(`^${kiln.url}/files/${output}/content\\?`));
    const lastsMs = Date.parse(shown?.url_expires_at ?? '') - Date.now();
    expect(lastsMs).toBeGreaterThan(86_000_000);
    expect(lastsMs).toBeLessThanOrEqual(86_400_000);
  });

  it('says why nothing came back', async () => {
    const id = await write('/hangup');
    receiver.answer('/hangup', (response) => void response.destroy());
    await send(id);
    const [only] = (await detail(id)).tries;
    expect(only).toMatchObject({ n: 1, response: null, request_headers: { 'webhook-id': id } });
    expect(only?.error).toBeTruthy();
  });

  it('leaves out the number of a try whose worker died, and never gives it twice', async () => {
    const id = await write('/died');
    const answered = Promise.withResolvers<() => void>();
    receiver.answer('/died', (response) => answered.resolve(() => void response.writeHead(500).end()));
    const dying = send(id);
    const answer = await answered.promise;
    // Its lease runs out, as it does when nobody is left to save.
    await execute(db, sql`UPDATE webhook_delivery SET claim_until = now() - interval '1 second' WHERE id = ${id}`);
    expect(await send(id)).toBeNull();
    answer();
    await dying;
    expect(receiver.at('/died').map((one) => one.headers['webhook-id'])).toEqual([id, id]);
    expect((await detail(id)).tries.map(({ n }) => n)).toEqual([2]);
  });

  it('goes with the job', async () => {
    const jobId = newId('job');
    await insertJob(jobId, false);
    const id = await write('/deleted', { jobId });
    await send(id);
    expect((await call('DELETE', `/v1/jobs/${jobId}`)).status).toBe(200);
    expectError(await call('GET', `/v1/webhook_deliveries/${id}`), 'not_found', { says: [id] });
    expect(await queryRows(db, sql`SELECT n FROM webhook_try WHERE delivery_id = ${id}`)).toEqual([]);
  });
});

describe('the list', () => {
  const ids = async (query: string) => {
    const { body } = await call<ListEnvelope<DeliveryView>>('GET', `/v1/webhook_deliveries?${query}`);
    return body.data.map(({ id }) => id);
  };
  const ago = (minutes: number) => encodeURIComponent(new Date(Date.now() - minutes * 60_000).toISOString());

  it('is filtered by endpoint, status, event and time', async () => {
    const mine = await endpoint();
    const a = await write('/list', { endpointId: mine, minutesAgo: 30 });
    const b = await write('/list', { event: 'job.succeeded', status: 'delivered', minutesAgo: 20 });
    const c = await write('/list', { endpointId: mine, event: 'job.succeeded', status: 'failed', minutesAgo: 10 });
    expect(await ids('')).toEqual([c, b, a]);
    expect(await ids(`endpoint_id=${mine}`)).toEqual([c, a]);
    expect(await ids('status=failed')).toEqual([c]);
    expect(await ids('event=job.succeeded')).toEqual([c, b]);
    expect(await ids(`created_after=${ago(25)}`)).toEqual([c, b]);
    expect(await ids(`created_after=${ago(25)}&created_before=${ago(15)}`)).toEqual([b]);
    expect(await ids(`created_after=${ago(25)}&after=${c}`)).toEqual([b]);
    const [first] = (await call<ListEnvelope<DeliveryView>>('GET', `/v1/webhook_deliveries?endpoint_id=${mine}`)).body
      .data;
    expect(first).toMatchObject({ endpoint_id: mine, sequence: 5 });
    expectError(await call('GET', '/v1/webhook_deliveries?status=lost'), 'invalid_request_error', {
      param: 'status',
      says: ['pending', 'delivered', 'failed'],
    });
  });

  it('still has what a deleted endpoint was sent, and nothing of another key', async () => {
    const gone = await endpoint({ deleted: true });
    const id = await write('/list', { endpointId: gone });
    expect(await ids(`endpoint_id=${gone}`)).toEqual([id]);
    key = await kiln.newKey();
    expectError(await call('GET', `/v1/webhook_deliveries?endpoint_id=${gone}`), 'not_found', { says: [gone] });
  });
});

describe('sending one more time', () => {
  const again = (id: string) => call('POST', `/v1/webhook_deliveries/${id}/redeliver`);

  it.each(['owner', 'gone', 'failing'])('is refused where the endpoint is disabled: %s', async (disabled) => {
    const endpointId = await endpoint({ disabled });
    const id = await write('/disabled', { endpointId, status: 'failed' });
    expectError(await again(id), 'conflict', { says: [endpointId, `disabled (${disabled})`] });
    expect((await detail(id)).status).toBe('failed');
  });

  it('is refused where the endpoint was deleted', async () => {
    const endpointId = await endpoint({ deleted: true });
    expectError(await again(await write('/deleted', { endpointId })), 'conflict', { says: [endpointId, 'deleted'] });
  });

  it('is refused for progress, which the next message superseded', async () => {
    expectError(await again(await write('/progress', { event: 'job.progress' })), 'conflict', { says: ['Progress'] });
  });

  it('does not bring back what a deleted job was to tell', async () => {
    const jobId = newId('job');
    await insertJob(jobId, true);
    const id = await write('/gone', { jobId, status: 'failed' });
    expectError(await again(id), 'not_found', { says: [id] });
    expect((await call<RedeliveryView>('POST', '/v1/webhook_deliveries/redeliver', since(60))).body.count).toBe(0);
    expect(
      (await queryRow<{ status: string }>(db, sql`SELECT status FROM webhook_delivery WHERE id = ${id}`))?.status,
    ).toBe('failed');
  });
});

const since = (minutes: number, more: JsonObject = {}) => ({
  since: new Date(Date.now() - minutes * 60_000).toISOString(),
  ...more,
});

describe('sending many again', () => {
  const redeliver = async (body: object) =>
    (await call<RedeliveryView>('POST', '/v1/webhook_deliveries/redeliver', body)).body;
  const restarted = async () =>
    (
      await queryRows<{ id: string }>(
        db,
        sql`SELECT id FROM webhook_delivery WHERE key_id = ${key.id} AND tick > 0 ORDER BY id`,
      )
    ).map(({ id }) => id);

  it('takes all that failed since a time, and nothing else', async () => {
    await write('/many', { status: 'failed', minutesAgo: 61 });
    const [a, b] = [
      await write('/many', { status: 'failed', minutesAgo: 59 }),
      await write('/many', { status: 'failed' }),
    ];
    await write('/many', { status: 'delivered' });
    await write('/many', { attempts: 3 });
    await write('/many', { status: 'failed', event: 'job.progress' });
    const { id: other } = await kiln.newKey();
    const foreign = await write('/many', { status: 'failed', keyId: other });
    expect(await redeliver(since(60))).toEqual({
      object: 'webhook_redelivery',
      count: 2,
      spread_seconds: 1,
      skipped: 0,
      has_more: false,
      next_since: null,
    });
    expect(await restarted()).toEqual([a, b]);
    expect(await detail(a)).toMatchObject({ status: 'pending', attempts: 0, next_attempt_at: expect.any(String) });
    expect(await queryRow(db, sql`SELECT tick FROM webhook_delivery WHERE id = ${foreign}`)).toEqual({ tick: 0 });
    expect((await redeliver(since(60))).count).toBe(0);
  });

  it('takes what still waits between two tries, or what was delivered, where that is asked for', async () => {
    const waiting = await write('/many', { attempts: 3 });
    const fresh = await write('/many');
    const delivered = await write('/many', { status: 'delivered' });
    expect((await redeliver(since(5, { status: 'pending' }))).count).toBe(1);
    expect(await restarted()).toEqual([waiting]);
    expect((await redeliver(since(5, { status: 'delivered' }))).count).toBe(1);
    expect(await restarted()).toEqual([waiting, delivered].toSorted());
    expect(await restarted()).not.toContain(fresh);
  });

  it('takes those of one endpoint, of one event, until a time', async () => {
    const endpointId = await endpoint();
    const [a, b, c] = [
      await write('/many', { status: 'failed', endpointId, minutesAgo: 3 }),
      await write('/many', { status: 'failed', event: 'job.canceled', minutesAgo: 2 }),
      await write('/many', { status: 'failed', minutesAgo: 4 }),
    ];
    expect((await redeliver(since(10, { endpoint_id: endpointId }))).count).toBe(1);
    expect(await restarted()).toEqual([a]);
    expect((await redeliver(since(10, { event: 'job.canceled' }))).count).toBe(1);
    expect((await redeliver({ ...since(10), until: since(5).since })).count).toBe(0);
    expect((await redeliver({ ...since(10), until: since(1).since })).count).toBe(1);
    expect(await restarted()).toEqual([a, b, c].toSorted());
  });

  it('passes over endpoints that do not listen, and counts what it left', async () => {
    for (const state of [{ disabled: 'failing' }, { deleted: true as const }])
      await write('/many', { status: 'failed', endpointId: await endpoint(state) });
    await write('/many', { status: 'failed' });
    expect(await redeliver(since(5))).toMatchObject({ count: 1, skipped: 2 });
  });

  it('says where to go on, oldest first, and spreads what it sends', async () => {
    const ids = Array.from({ length: 1203 }, () => newId('whd')).toSorted();
    await execute(
      db,
      sql`INSERT INTO webhook_delivery (id, key_id, event, url, body, status, created_at)
          SELECT id, ${key.id}, 'job.failed', 'https://example.com', '{}', 'failed', now() - interval '1 hour' + i * interval '1 second'
          FROM unnest(${ids}::text[]) WITH ORDINALITY AS message (id, i)`,
    );
    const all = since(120);
    const first = await redeliver({ ...all, limit: 1200 });
    expect(first).toMatchObject({ count: 1200, spread_seconds: 24, has_more: true });
    const [spread] = await queryRows<{ slots: bigint; first: number; last: number }>(
      db,
      sql`SELECT count(DISTINCT floor(extract(epoch FROM wake_at) * 10)) AS slots, min(extract(epoch FROM wake_at - now()))::float8 AS first,
            max(extract(epoch FROM wake_at - now()))::float8 AS last FROM webhook_delivery WHERE key_id = ${key.id} AND status = 'pending'`,
    );
    expect(Number(spread?.slots)).toBeGreaterThan(200);
    expect((spread?.last ?? 0) - (spread?.first ?? 0)).toBeGreaterThan(20);
    const created = await queryRow<{ at: Date }>(
      db,
      sql`SELECT created_at AS at FROM webhook_delivery WHERE id = ${ids[1199]}`,
    );
    expect(first.next_since).toBe(created?.at.toISOString());
    expect(await redeliver({ since: first.next_since })).toMatchObject({ count: 3, has_more: false });
  });

  it('refuses a window that ends before it begins, and progress', async () => {
    const bad = { since: '2026-11-26T10:00:00Z', until: '2026-11-26T09:00:00Z' };
    const post = (body: unknown) => call('POST', '/v1/webhook_deliveries/redeliver', body);
    expectError(await post(bad), 'invalid_request_error', { param: 'until', says: [bad.since, bad.until] });
    expectError(await post({}), 'invalid_request_error', { param: 'since' });
    expectError(await post({ since: 'yesterday' }), 'invalid_request_error', { param: 'since' });
    expectError(await post(since(5, { limit: 10_001 })), 'invalid_request_error', { param: 'limit', says: ['10000'] });
    expectError(await post(since(5, { event: 'job.progress' })), 'invalid_request_error', { param: 'event' });
  });

  it('of all keys, or one, is for ops, and audited', async () => {
    const other = await kiln.newKey();
    const mine = await write('/ops', { status: 'failed' });
    const theirs = await write('/ops', { status: 'failed', keyId: other.id });
    const ops = (body: object) => kiln.call<RedeliveryView>('POST', '/admin/webhook_deliveries/redeliver', body);
    expect(await ops({ ...since(5), key: other.id })).toMatchObject({ status: 202, body: { count: 1 } });
    const ticks = () =>
      queryRows(db, sql`SELECT tick FROM webhook_delivery WHERE id = ANY(${[mine, theirs]}) ORDER BY id`);
    expect(await ticks()).toEqual([{ tick: 0 }, { tick: 1 }]);
    expect((await ops(since(5))).body.count).toBeGreaterThan(0);
    expect(await ticks()).toEqual([{ tick: 1 }, { tick: 1 }]);
    expect(
      await queryRow(db, sql`SELECT data FROM admin_audit WHERE action = 'webhooks.redeliver' ORDER BY id LIMIT 1`),
    ).toMatchObject({ data: { key: other.id } });
    expectError(await call('POST', '/admin/webhook_deliveries/redeliver', since(5)), 'permission_denied');
  });
});
