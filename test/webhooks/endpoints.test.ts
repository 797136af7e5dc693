import { createHash } from 'node:crypto';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import { Webhook as SvixWebhook } from 'svix';
import { newId } from '../../src/common/ids.js';
import { execute, queryRow, queryRows, sql } from '../../src/database/database.js';
import type { DeliveryView } from '../../src/webhooks/delivery-view.js';
import type { EndpointView } from '../../src/webhooks/endpoint-view.js';
import type { WebhookSecretView } from '../../src/webhooks/secret-view.js';
import { WebhookSender } from '../../src/webhooks/sender.js';
import { expectError } from '../api/harness.js';
import { startKiln, type Kiln } from '../support/kiln.js';
import { type Received, type Receiver, startReceiver } from './receiver.js';

type Created = EndpointView & { secret: string };

const AT = '/v1/webhook_endpoints';
const whsec = (bytes: number): string => `whsec_${Buffer.alloc(bytes, 7).toString('base64')}`;

let kiln: Kiln;
let receiver: Receiver;
let sender: WebhookSender;
beforeAll(async () => {
  receiver = await startReceiver();
  kiln = await startKiln({ workers: false, env: { KILN_EGRESS_ALLOW: receiver.host } });
  sender = kiln.app.get(WebhookSender);
});
afterAll(async () => {
  await kiln.drop();
  await receiver.close();
});

const urlOf = (path: string): string => `http://${receiver.host}${path}`;
/** A key of its own, with calls in its name. */
async function owner() {
  const { secret } = await kiln.newKey();
  const call = <T>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
    kiln.call<T>(method, path, body, { authorization: `Bearer ${secret}`, ...headers });
  const register = async (path: string, more: object = {}): Promise<Created> =>
    (await call<Created>('POST', AT, { url: urlOf(path), ...more })).body;
  /** Writes a test message, and gives its delivery's id. */
  const message = async (id: string): Promise<string> => (await call<DeliveryView>('POST', `${AT}/${id}/test`)).body.id;
  const delivery = async (id: string): Promise<DeliveryView> =>
    (await call<DeliveryView>('GET', `/v1/webhook_deliveries/${id}`)).body;
  const look = async (id: string): Promise<EndpointView> => (await call<EndpointView>('GET', `${AT}/${id}`)).body;
  return { call, register, message, delivery, look };
}

const answering = (status: number) => (response: { writeHead(code: number): { end(): unknown } }) =>
  void response.writeHead(status).end();
const signaturesOf = ({ headers }: Received): number => String(headers['webhook-signature']).split(' ').length;

describe('registering', () => {
  test('shows the secret once, and elsewhere only where it is asked for', async () => {
    const { call } = await owner();
    const made = await call<Created>('POST', AT, { url: urlOf('/hook'), description: 'shop' });
    expect([made.status, made.headers.get('cache-control')]).toEqual([201, 'no-store']);
    const { secret, ...shown } = made.body;
    expect(shown).toEqual({
      id: expect.stringMatching(/^whe_/),
      object: 'webhook_endpoint',
      url: urlOf('/hook'),
      description: 'shop',
      events: ['job.succeeded', 'job.failed', 'job.canceled'],
      disabled: false,
      disabled_at: null,
      disabled_reason: null,
      failing_since: null,
      created_at: expect.any(String),
      updated_at: expect.any(String),
    });
    expect(Buffer.from(secret.slice('whsec_'.length), 'base64')).toHaveLength(32);
    expect((await call('GET', `${AT}/${shown.id}`)).body).toEqual(shown);
    expect((await call('GET', AT)).body).toMatchObject({ object: 'list', data: [shown], has_more: false });
    const asked = await call<WebhookSecretView>('GET', `${AT}/${shown.id}/secret`);
    expect(asked.headers.get('cache-control')).toBe('no-store');
    expect(asked.body).toMatchObject({ object: 'webhook_secret', secret, previous_expires_at: null });
    const row = await queryRow(kiln.database, sql`SELECT * FROM webhook_endpoint WHERE id = ${shown.id}`);
    expect(JSON.stringify(row)).not.toContain(secret.slice('whsec_'.length));
  });

  test('a repetition with its Idempotency-Key makes nothing and says the same; the secret is nowhere in plain', async () => {
    const { call } = await owner();
    const headers = { 'idempotency-key': newId('req') };
    const post = () => call<Created>('POST', AT, { url: urlOf('/once'), secret: whsec(24) }, headers);
    const [first, again] = [await post(), await post()];
    expect(again.body).toEqual(first.body);
    expect((await call<{ data: object[] }>('GET', AT)).body.data).toHaveLength(1);
    const rows = await queryRows(
      kiln.database,
      sql`SELECT * FROM idempotency WHERE idem_key = ${headers['idempotency-key']}`,
    );
    expect(rows).toHaveLength(1);
    expect(JSON.stringify(rows)).not.toContain(whsec(24).slice('whsec_'.length));
  });

  test.each([24, 64])("takes the client's own secret of %i bytes", async (bytes) => {
    const { register } = await owner();
    expect((await register('/own', { secret: whsec(bytes) })).secret).toBe(whsec(bytes));
  });

  test.each([
    ['too short', whsec(23)],
    ['too long', whsec(65)],
    ['without its prefix', Buffer.alloc(32).toString('base64')],
    ['without its padding', whsec(32).replace(/=+$/, '')],
    ['base64url', `whsec_${Buffer.alloc(32, 0xff).toString('base64url')}`],
    ['empty', ''],
  ])('refuses a secret that is %s, without repeating it', async (_what, secret) => {
    const { call } = await owner();
    const refused = await call('POST', AT, { url: urlOf('/own'), secret });
    expectError(refused, 'invalid_request_error', { param: 'secret', says: ['whsec_', '24', '64'] });
    expect(secret === '' || !JSON.stringify(refused.body).includes(secret)).toBe(true);
  });

  test('takes every event, or a list of them', async () => {
    const { register } = await owner();
    expect((await register('/all', { events: '*' })).events).toEqual(['*']);
    expect((await register('/some', { events: ['job.failed', 'job.running', 'job.failed'] })).events).toEqual([
      'job.failed',
      'job.running',
    ]);
  });

  test.each([[['job.exploded']], [[]], ['job.failed'], [null]])(
    'refuses events %j, naming the allowed',
    async (events) => {
      const { call } = await owner();
      const allowed = ['*', 'job.running', 'job.progress', 'job.succeeded', 'job.failed', 'job.canceled'];
      expectError(await call('POST', AT, { url: urlOf('/x'), events }), 'invalid_request_error', {
        param: 'events',
        says: allowed.map((event) => `'${event}'`),
      });
    },
  );

  test.each(['http://10.0.0.1/hook', 'https://localhost/', 'nonsense'])('refuses the target %s', async (url) => {
    const { call, register } = await owner();
    expectError(await call('POST', AT, { url }), 'invalid_request_error', { param: 'url', says: [url] });
    const { id } = await register('/fine');
    expectError(await call('PATCH', `${AT}/${id}`, { url }), 'invalid_request_error', { param: 'url', says: [url] });
  });

  test('twenty a key and no more, however many ask at once; a deleted one makes room', async () => {
    const { call } = await owner();
    const made = await Promise.all(
      Array.from({ length: 24 }, () => call<Created>('POST', AT, { url: urlOf('/many') })),
    );
    expect(made.filter(({ status }) => status === 201)).toHaveLength(20);
    const refused = made.find(({ status }) => status !== 201);
    expectError(refused!, 'conflict', { says: ['20'] });
    const one = made.find(({ status }) => status === 201);
    await call('DELETE', `${AT}/${one?.body.id}`);
    expect((await call('POST', AT, { url: urlOf('/many') })).status).toBe(201);
  });

  test('is listed in pages', async () => {
    const { call, register } = await owner();
    const ids = [(await register('/a')).id, (await register('/b')).id, (await register('/c')).id];
    const page = await call<{ data: { id: string }[]; has_more: boolean }>('GET', `${AT}?limit=2&order=asc`);
    expect([page.body.data.map(({ id }) => id), page.body.has_more]).toEqual([ids.slice(0, 2), true]);
    const rest = await call<{ data: { id: string }[] }>('GET', `${AT}?order=asc&after=${ids[1]}`);
    expect(rest.body.data.map(({ id }) => id)).toEqual(ids.slice(2));
  });
});

describe('a test message', () => {
  test('is of no job, and verified by the public libraries', async () => {
    const { register, call, delivery } = await owner();
    const { id, secret } = await register('/test');
    const asked = await call<DeliveryView>('POST', `${AT}/${id}/test`);
    expect([asked.status, asked.body]).toEqual([
      202,
      expect.objectContaining({ event: 'webhook.test', job_id: null, endpoint_id: id, status: 'pending' }),
    ]);
    expect(await sender.deliver(asked.body.id, 0)).toBeNull();
    const [received] = receiver.at('/test');
    const headers = received!.headers as Record<string, string>;
    const read = { type: 'webhook.test', data: { endpoint_id: id } };
    expect(new StandardWebhook(secret).verify(received!.body, headers)).toMatchObject(read);
    // Svix' receiver-only part: the raw body and the headers, as its documentation shows.
    expect(new SvixWebhook(secret).verify(received!.body, headers)).toMatchObject(read);
    for (const Library of [StandardWebhook, SvixWebhook]) {
      expect(() =>
        new Library(secret).verify(received!.body.replace('webhook.test', 'job.succeeded'), headers),
      ).toThrow('No matching signature');
      expect(() => new Library(whsec(32)).verify(received!.body, headers)).toThrow('No matching signature');
    }
    expect(await delivery(asked.body.id)).toMatchObject({ status: 'delivered', attempts: 1 });
  });

  test('goes to a disabled endpoint too, once', async () => {
    const { register, call, message, delivery } = await owner();
    const { id } = await register('/off');
    await call('PATCH', `${AT}/${id}`, { disabled: true });
    receiver.answer('/off', answering(500));
    const failing = await message(id);
    expect(await sender.deliver(failing, 0)).toBeNull();
    expect(await delivery(failing)).toMatchObject({ status: 'failed', attempts: 1, response_status: 500 });
    const arriving = await message(id);
    expect(await sender.deliver(arriving, 0)).toBeNull();
    expect(await delivery(arriving)).toMatchObject({ status: 'delivered' });
  });
});

describe('rotation', () => {
  test('two signatures while both secrets live, never three', async () => {
    const { register, call, message } = await owner();
    const { id, secret: first } = await register('/rotating');
    const rotate = async (body?: object) =>
      (await call<WebhookSecretView>('POST', `${AT}/${id}/rotate_secret`, body)).body;
    const received = async (): Promise<Received> => {
      await sender.deliver(await message(id), 0);
      return receiver.at('/rotating').at(-1)!;
    };
    const verifies = ({ body, headers }: Received) => {
      const readable = headers as Record<string, string>;
      return (secret: string): boolean =>
        [StandardWebhook, SvixWebhook].every((Library) => {
          try {
            return new Library(secret).verify(body, readable) !== undefined;
          } catch {
            return false;
          }
        });
    };

    expect(signaturesOf(await received())).toBe(1);
    const before = Date.now();
    const second = await rotate();
    const ends = Date.parse(second.previous_expires_at ?? '') - before;
    expect(Math.round(ends / 60_000)).toBe(24 * 60);
    const during = await received();
    expect([signaturesOf(during), [first, second.secret].map(verifies(during))]).toEqual([2, [true, true]]);

    const third = await rotate({ secret: whsec(40), overlap_seconds: 3600 });
    expect(third.secret).toBe(whsec(40));
    const later = await received();
    expect([signaturesOf(later), [first, second.secret, third.secret].map(verifies(later))]).toEqual([
      2,
      [false, true, true],
    ]);

    const fourth = await rotate({ overlap_seconds: 0 });
    expect(fourth.previous_expires_at).toBeNull();
    const last = await received();
    expect([signaturesOf(last), [third.secret, fourth.secret].map(verifies(last))]).toEqual([1, [false, true]]);
  });

  test.each([-1, 604_801, 1.5, '1'])('refuses an overlap of %j', async (overlap) => {
    const { register, call } = await owner();
    const { id } = await register('/x');
    expectError(
      await call('POST', `${AT}/${id}/rotate_secret`, { overlap_seconds: overlap }),
      'invalid_request_error',
      {
        param: 'overlap_seconds',
      },
    );
  });
});

describe('changing', () => {
  test('a new address takes what waits; the rest stays as it was', async () => {
    const { register, call, message, delivery } = await owner();
    const { id } = await register('/old', { description: 'x' });
    const waiting = await message(id);
    const changed = await call<EndpointView>('PATCH', `${AT}/${id}`, { url: urlOf('/new') });
    expect(changed.body).toMatchObject({ url: urlOf('/new'), description: 'x', disabled: false });
    await sender.deliver(waiting, 0);
    expect([receiver.at('/old').length, receiver.at('/new').length]).toEqual([0, 1]);
    expect(await delivery(waiting)).toMatchObject({ url: urlOf('/new'), status: 'delivered' });
    expect((await call<EndpointView>('PATCH', `${AT}/${id}`, { description: null })).body.description).toBeNull();
  });

  test('a disabled one gives up what waits, and enabled again it has nothing against it', async () => {
    const { register, call, message, delivery } = await owner();
    const { id } = await register('/pause');
    const waiting = await message(id);
    const disabled = await call<EndpointView>('PATCH', `${AT}/${id}`, { disabled: true });
    expect(disabled.body).toMatchObject({ disabled: true, disabled_reason: 'owner' });
    expect(await sender.deliver(waiting, 0)).toBeNull();
    expect(await delivery(waiting)).toMatchObject({
      status: 'failed',
      attempts: 0,
      error: 'the endpoint was disabled by its owner',
    });
    await execute(
      kiln.database,
      sql`UPDATE webhook_endpoint SET failing_since = now(), warned_at = now() WHERE id = ${id}`,
    );
    const enabled = await call<EndpointView>('PATCH', `${AT}/${id}`, { disabled: false });
    expect(enabled.body).toMatchObject({
      disabled: false,
      disabled_at: null,
      disabled_reason: null,
      failing_since: null,
    });
    expect(receiver.at('/pause')).toEqual([]);
  });

  test('a deleted one is gone, with its secret, and what waited is not sent', async () => {
    const { register, call, message, delivery } = await owner();
    const { id } = await register('/deleted');
    const waiting = await message(id);
    expect((await call('DELETE', `${AT}/${id}`)).body).toEqual({
      id,
      object: 'webhook_endpoint.deleted',
      deleted: true,
    });
    expect(await sender.deliver(waiting, 0)).toBeNull();
    expect(receiver.at('/deleted')).toEqual([]);
    expect(await delivery(waiting)).toMatchObject({ status: 'failed', error: 'the endpoint was deleted' });
    for (const path of ['', '/secret']) expectError(await call('GET', `${AT}/${id}${path}`), 'not_found');
    expectError(await call('DELETE', `${AT}/${id}`), 'not_found');
    const row = await queryRow<{ secrets: unknown }>(
      kiln.database,
      sql`SELECT secrets FROM webhook_endpoint WHERE id = ${id}`,
    );
    expect(row?.secrets).toEqual([]);
  });

  test('a message that a deletion overtook is not sent either', async () => {
    const { register, call, message, delivery } = await owner();
    const { id } = await register('/overtaken');
    const waiting = await message(id);
    await call('DELETE', `${AT}/${id}`);
    await execute(
      kiln.database,
      sql`UPDATE webhook_delivery SET status = 'pending', wake_at = now() WHERE id = ${waiting}`,
    );
    expect(await sender.deliver(waiting, 0)).toBeNull();
    expect(receiver.at('/overtaken')).toEqual([]);
    expect(await delivery(waiting)).toMatchObject({ status: 'failed', error: 'the endpoint was deleted' });
  });
});

describe('an endpoint in trouble', () => {
  const failingFor = (id: string, interval: string) =>
    execute(
      kiln.database,
      sql`UPDATE webhook_endpoint SET failing_since = now() - ${interval}::interval WHERE id = ${id}`,
    );
  const told = (id: string) =>
    queryRows<{ type: string; severity: string; reason: string | null }>(
      kiln.database,
      sql`SELECT type, severity, data->>'reason' AS reason FROM ops_event WHERE data->>'endpoint_id' = ${id} ORDER BY id`,
    );

  test('410 disables it, and what waits is given up with the reason', async () => {
    const { register, message, delivery, look } = await owner();
    const { id } = await register('/gone');
    const [first, second] = [await message(id), await message(id)];
    receiver.answer('/gone', answering(410));
    expect(await sender.deliver(first, 0)).toBeNull();
    expect(await look(id)).toMatchObject({ disabled: true, disabled_reason: 'gone', disabled_at: expect.any(String) });
    expect(await delivery(first)).toMatchObject({ status: 'failed', response_status: 410 });
    expect(await sender.deliver(second, 0)).toBeNull();
    expect(await delivery(second)).toMatchObject({
      status: 'failed',
      attempts: 0,
      error: expect.stringContaining('410'),
    });
    expect(receiver.at('/gone')).toHaveLength(1);
    expect(await told(id)).toEqual([{ type: 'webhook.disabled', severity: 'info', reason: 'gone' }]);
  });

  test('a failed try is remembered until one arrives', async () => {
    const { register, message, look } = await owner();
    const { id } = await register('/flaky');
    receiver.answer('/flaky', answering(503), answering(302));
    expect(await sender.deliver(await message(id), 0)).toBeGreaterThan(0);
    const { failing_since: since } = await look(id);
    expect(since).toEqual(expect.any(String));
    expect(await sender.deliver(await message(id), 0)).toBeGreaterThan(0);
    expect((await look(id)).failing_since).toBe(since);
    expect(await sender.deliver(await message(id), 0)).toBeNull();
    expect((await look(id)).failing_since).toBeNull();
  });

  test('after a day ops are told, once, and it goes on', async () => {
    const { register, message, look } = await owner();
    const { id } = await register('/day');
    receiver.answer('/day', ...Array.from({ length: 3 }, () => answering(500)));
    expect(await sender.deliver(await message(id), 0)).toBeGreaterThan(0);
    expect(await told(id)).toEqual([]);
    await failingFor(id, '25 hours');
    const both = [await message(id), await message(id)];
    const waits = await Promise.all(both.map((one) => sender.deliver(one, 0)));
    expect(waits.every((wait) => wait !== null && wait > 0)).toBe(true);
    expect(await told(id)).toEqual([{ type: 'webhook.failing', severity: 'warning', reason: null }]);
    expect(await look(id)).toMatchObject({ disabled: false });
  });

  test('after five days it is disabled, and says why', async () => {
    const { register, message, delivery, look, call } = await owner();
    const { id } = await register('/week');
    receiver.answer('/week', answering(500));
    const [first, second] = [await message(id), await message(id)];
    await failingFor(id, '5 days');
    expect(await sender.deliver(first, 0)).toBeNull();
    expect(await look(id)).toMatchObject({
      disabled: true,
      disabled_reason: 'failing',
      failing_since: expect.any(String),
    });
    expect(await delivery(second)).toMatchObject({ status: 'failed', error: expect.stringContaining('5 days') });
    expect(await told(id)).toEqual([{ type: 'webhook.disabled', severity: 'warning', reason: 'failing' }]);
    const enabled = await call<EndpointView>('PATCH', `${AT}/${id}`, { disabled: false });
    expect(enabled.body).toMatchObject({ disabled: false, failing_since: null });
  });

  test('trouble of our own is not held against it', async () => {
    const { register, message, delivery, look } = await owner();
    const { id } = await register('/ours');
    const unreadable = [{ kid: createHash('sha256').digest('hex'), data: 'x', createdAt: new Date().toISOString() }];
    await execute(
      kiln.database,
      sql`UPDATE webhook_endpoint SET secrets = ${JSON.stringify(unreadable)}::jsonb WHERE id = ${id}`,
    );
    const waiting = await message(id);
    expect(await sender.deliver(waiting, 0)).toBeGreaterThan(0);
    expect(await delivery(waiting)).toMatchObject({ status: 'pending', error: 'the message could not be prepared' });
    expect((await look(id)).failing_since).toBeNull();
    expect(receiver.at('/ours')).toEqual([]);
  });
});
