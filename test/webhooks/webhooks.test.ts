import 'reflect-metadata';
import { Global, Module } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Webhook } from 'standardwebhooks';
import { newId } from '../../src/common/ids.js';
import type { ListEnvelope } from '../../src/common/page.js';
import type { JsonObject } from '../../src/common/json.js';
import type { KilnConfig } from '../../src/config/config.js';
import { ConfigModule } from '../../src/config/config.module.js';
import { Keyring } from '../../src/config/secret.js';
import { Database, execute, queryRow, sql } from '../../src/database/database.js';
import { EgressModule } from '../../src/egress/egress.module.js';
import { createKeyBody } from '../../src/keys/auth-key.js';
import { Keys } from '../../src/keys/keys.js';
import { KeysModule } from '../../src/keys/keys.module.js';
import { Enqueue, type QueueMap } from '../../src/queue/enqueue.js';
import { Logger } from '../../src/telemetry/logger.js';
import { Metrics } from '../../src/telemetry/metrics.js';
import { OpsEventsRepository } from '../../src/telemetry/ops-events.repository.js';
import { OpsEvents } from '../../src/telemetry/ops-events.js';
import type { DeliveryView } from '../../src/webhooks/delivery-view.js';
import type { AssetLinks } from '../../src/webhooks/ports.js';
import { Deliveries } from '../../src/webhooks/deliveries.js';
import { Redeliveries } from '../../src/webhooks/redeliveries.js';
import { WebhookSender } from '../../src/webhooks/sender.js';
import { Webhooks } from '../../src/webhooks/webhooks.js';
import type { WebhookSecretView } from '../../src/webhooks/secret-view.js';
import { WebhooksModule } from '../../src/webhooks/webhooks.module.js';
import { DatabaseTestModule, startTestApp } from '../support/app.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { type Answer, type Received, type Receiver, startReceiver } from './receiver.js';

let test: TestDatabase;
let db: Database;
let receiver: Receiver;
let app: NestFastifyApplication;
let webhooks: Webhooks;
let sender: WebhookSender;
let deliveries: Deliveries;
let redeliveries: Redeliveries;
let keys: Keys;
let key: { id: string; secret: string };
let other: { id: string; secret: string };

/** Ids of messages put on the queue. Its server is not part of these tests: what counts is which messages are asked for. */
const messages: string[] = [];
const add = async (_name: string, _data: unknown, options?: { jobId?: string }) =>
  void messages.push(options?.jobId ?? '');

const links: AssetLinks = {
  link: (keyId, assetId, variant, expiresAt) =>
    `https://kiln.test/${keyId}/${assetId}/${variant}?${expiresAt.getTime()}`,
};

@Global()
@Module({
  providers: [
    { provide: Logger, useFactory: () => Logger.silent() },
    Metrics,
    {
      provide: Enqueue,
      useFactory: (logger: Logger, metrics: Metrics) =>
        new Enqueue({ webhook: { add } } as unknown as QueueMap, logger, metrics),
      inject: [Logger, Metrics],
    },
    OpsEventsRepository,
    OpsEvents,
  ],
  exports: [Logger, Metrics, Enqueue, OpsEvents],
})
class Surroundings {}

const newKey = async (name: string) => {
  const made = await keys.create(createKeyBody.parse({ name }));
  return { id: made.key.id, secret: made.secret };
};

beforeAll(async () => {
  test = await createTestDatabase();
  db = new Database({ url: test.url, poolSize: 6 });
  receiver = await startReceiver();
  app = await startTestApp([
    DatabaseTestModule.with(db),
    Surroundings,
    ConfigModule.forRoot(
      { adminKey: null, embedded: false, queue: { prefix: '', concurrency: { webhook: 16 } } } as KilnConfig,
      new Keyring(['a secret of these tests']),
    ),
    KeysModule,
    EgressModule.forRootAsync({
      useFactory: () => ({ configuredOrigins: () => [], allow: [receiver.host, '127.0.0.1:1'] }),
    }),
    WebhooksModule.forRootAsync({ useFactory: () => links }),
  ]);
  webhooks = app.get(Webhooks);
  sender = app.get(WebhookSender);
  deliveries = app.get(Deliveries);
  redeliveries = app.get(Redeliveries);
  keys = app.get(Keys);
  [key, other] = await Promise.all([newKey('a'), newKey('b')]);
});
afterAll(async () => {
  await receiver.close();
  await db.close();
  await test.drop();
});
beforeEach(() => messages.splice(0));

const status =
  (code: number, headers: Record<string, string> = {}, body = ''): Answer =>
  (response) =>
    void response.writeHead(code, headers).end(body);

async function write(
  path: string,
  more: { url?: string; data?: JsonObject; keyId?: string; jobId?: string; run?: number } = {},
): Promise<string> {
  const {
    url = `http://${receiver.host}${path}`,
    data = { id: 'job_x' },
    keyId = key.id,
    jobId = newId('job'),
    run = 1,
  } = more;
  const body = { type: 'job.succeeded', timestamp: '2026-11-23T07:00:00.000Z', data };
  return db.transaction((tx) =>
    webhooks.write(tx, { keyId, jobId, run, sequence: 7, event: 'job.succeeded', url, body }),
  );
}

const insertJob = (keyId: string, id: string) =>
  execute(
    db,
    sql`
    INSERT INTO job (id, key_id, status, model, modality, operation, input, held_micro_usd, price, deadline_at, retention_seconds)
    VALUES (${id}, ${keyId}, 'succeeded', 'm', 'image', 'text_to_image', '{}', 0, '{}', now(), 60)`,
  );

const makeDue = (id: string) =>
  execute(db, sql`UPDATE webhook_delivery SET wake_at = now() - interval '1 minute' WHERE id = ${id}`);
const seconds = (iso: string | null) => String(Math.floor(Date.parse(iso ?? '') / 1000));
const verify = async ({ headers, body }: Received, keyId = key.id) =>
  new Webhook((await keys.webhookSecretState(keyId)).secret).verify(body, headers as Record<string, string>);

/** Fields of any answer here; each test reads those of its own. */
type Body = Omit<DeliveryView, 'object'> &
  Omit<ListEnvelope<DeliveryView>, 'object'> &
  Omit<WebhookSecretView, 'object'>;

async function call(method: 'GET' | 'POST', url: string, secret = key.secret) {
  const response = await app.inject({ method, url, headers: { authorization: `Bearer ${secret}` } });
  return { status: response.statusCode, headers: response.headers, body: response.json<Body>() };
}

describe('a delivery', () => {
  it('is one message, sent once, that the receiver can verify', async () => {
    const id = await write('/ok');
    await webhooks.enqueueAll([id]);
    expect(messages).toEqual([`${id}-0`]);
    receiver.answer('/ok', status(200, {}, 'thank\0s'));
    expect(await sender.deliver(id, 0)).toBeNull();
    expect(await sender.deliver(id, 0)).toBeNull();
    const [received, ...more] = receiver.at('/ok');
    expect(more).toEqual([]);
    expect(received?.headers).toMatchObject({
      'webhook-id': id,
      'user-agent': 'Kiln-Webhooks/1',
      'content-type': 'application/json',
    });
    expect(await verify(received!)).toEqual({
      type: 'job.succeeded',
      timestamp: '2026-11-23T07:00:00.000Z',
      sequence: 7,
      run: 1,
      data: { id: 'job_x' },
    });
    expect(Object.keys(JSON.parse(received?.body ?? '') as object)).toEqual([
      'type',
      'timestamp',
      'sequence',
      'run',
      'data',
    ]);
    const { body } = await call('GET', `/v1/webhook_deliveries/${id}`);
    expect(body).toMatchObject({
      id,
      object: 'webhook_delivery',
      event: 'job.succeeded',
      status: 'delivered',
      attempts: 1,
      next_attempt_at: null,
      response_status: 200,
      response_body: 'thanks',
      error: null,
    });
    expect(received?.headers['webhook-timestamp']).toBe(seconds(body.last_attempt_at));
  });

  it('is tried again after a failure, with the same id and a time and links of the new try', async () => {
    const output = newId('out');
    const data = { outputs: [{ url: `kiln-asset:${output}/content`, url_expires_at: 'kiln-asset:expires' }] };
    const id = await write('/again', { data });
    receiver.answer('/again', status(500, {}, 'x'.repeat(5000)));
    const waitMs = await sender.deliver(id, 0);
    expect(waitMs).toBeGreaterThanOrEqual(4000);
    expect(waitMs).toBeLessThanOrEqual(6000);
    const { body: failed } = await call('GET', `/v1/webhook_deliveries/${id}`);
    expect(failed).toMatchObject({
      status: 'pending',
      attempts: 1,
      response_status: 500,
      response_body: 'x'.repeat(1024),
      delivered_at: null,
    });
    expect(failed.error).toBe('the receiver answered 500');

    // Too early, the message only learns how long to wait.
    expect(await sender.deliver(id, 0)).toBeGreaterThan(3000);
    expect(receiver.at('/again')).toHaveLength(1);
    await makeDue(id);
    expect(await sender.deliver(id, 0)).toBeNull();
    const { body: done } = await call('GET', `/v1/webhook_deliveries/${id}`);
    expect(done).toMatchObject({ status: 'delivered', attempts: 2, response_status: 204, error: null });
    const [first, second] = receiver.at('/again');
    expect([first, second].map((one) => one?.headers['webhook-id'])).toEqual([id, id]);
    expect(first?.headers['webhook-timestamp']).toBe(seconds(failed.last_attempt_at));
    expect(second?.headers['webhook-timestamp']).toBe(seconds(done.last_attempt_at));
    expect(Date.parse(done.last_attempt_at ?? '')).toBeGreaterThan(Date.parse(failed.last_attempt_at ?? ''));
    for (const [received, view] of [
      [first, failed],
      [second, done],
    ] as const) {
      const until = Date.parse(view.last_attempt_at ?? '') + 86_400_000;
      expect(await verify(received!)).toMatchObject({
        data: {
          outputs: [
            {
              url: `https://kiln.test/${key.id}/${output}/content?${until}`,
              url_expires_at: new Date(until).toISOString(),
            },
          ],
        },
      });
    }
  });

  it('waits as long as the receiver asks', async () => {
    const id = await write('/busy');
    receiver.answer('/busy', status(429, { 'retry-after': '600' }));
    const waitMs = await sender.deliver(id, 0);
    expect(waitMs).toBeGreaterThanOrEqual(600_000);
    expect(waitMs).toBeLessThanOrEqual(720_000);
  });

  it('does not follow a redirect', async () => {
    const id = await write('/moved');
    receiver.answer('/moved', status(307, { location: '/elsewhere' }));
    expect(await sender.deliver(id, 0)).toBeGreaterThan(0);
    expect(receiver.at('/elsewhere')).toEqual([]);
    expect((await call('GET', `/v1/webhook_deliveries/${id}`)).body).toMatchObject({
      status: 'pending',
      response_status: 307,
      error: 'the receiver answered 307; redirects are not followed',
    });
  });

  it('is given up at 410, until it is asked for again', async () => {
    const id = await write('/gone');
    receiver.answer('/gone', status(410, { 'retry-after': '1' }));
    expect(await sender.deliver(id, 0)).toBeNull();
    const { body } = await call('GET', `/v1/webhook_deliveries/${id}`);
    expect(body).toMatchObject({ status: 'failed', attempts: 1, next_attempt_at: null, response_status: 410 });
    expect(await sender.deliver(id, 0)).toBeNull();
    expect(receiver.at('/gone')).toHaveLength(1);

    const again = await call('POST', `/v1/webhook_deliveries/${id}/redeliver`);
    expect([again.status, again.body.status, again.body.attempts]).toEqual([202, 'pending', 0]);
    expect(messages).toEqual([`${id}-1`]);
    expect(await sender.deliver(id, 0)).toBeNull();
    expect(await sender.deliver(id, 1)).toBeNull();
    expect(receiver.at('/gone').map((one) => one.headers['webhook-id'])).toEqual([id, id]);
    expect((await call('GET', `/v1/webhook_deliveries/${id}`)).body).toMatchObject({ status: 'delivered' });
  });

  it('fails after its last try', async () => {
    const id = await write('/never');
    receiver.answer('/never', status(500), status(500));
    await execute(db, sql`UPDATE webhook_delivery SET attempts = 9 WHERE id = ${id}`);
    expect(await sender.deliver(id, 0)).toBeGreaterThanOrEqual(8 * 3_600_000);
    await makeDue(id);
    expect(await sender.deliver(id, 0)).toBeNull();
    expect((await call('GET', `/v1/webhook_deliveries/${id}`)).body).toMatchObject({ status: 'failed', attempts: 11 });
  });

  it('keeps the reason where nobody answers, and never reaches an inner address', async () => {
    const [refused, inner] = await Promise.all([
      write('', { url: 'http://127.0.0.1:1/' }),
      write('', { url: 'https://169.254.169.254/latest' }),
    ]);
    expect(await sender.deliver(refused, 0)).toBeGreaterThan(0);
    expect(await sender.deliver(inner, 0)).toBeGreaterThan(0);
    const [first, second] = await Promise.all(
      [refused, inner].map(async (id) => (await call('GET', `/v1/webhook_deliveries/${id}`)).body),
    );
    expect(first).toMatchObject({ response_status: null, response_body: null });
    expect(first?.error).toContain('ECONNREFUSED');
    expect(second?.error).toBe('169.254.169.254 is not a public address');
  });
});

describe('two at once', () => {
  /** A receiver in the middle of answering. */
  function held(path: string) {
    const arrived = Promise.withResolvers<void>();
    const answered = Promise.withResolvers<(code: number) => void>();
    receiver.answer(path, (response) => {
      answered.resolve((code) => void response.writeHead(code).end());
      arrived.resolve();
    });
    return { arrived: arrived.promise, answer: async (code: number) => (await answered.promise)(code) };
  }

  it('sends once for duplicate messages', async () => {
    const id = await write('/twice');
    const { arrived, answer } = held('/twice');
    const both = [sender.deliver(id, 0), sender.deliver(id, 0)];
    const [loser] = await Promise.all([Promise.race(both), arrived]);
    expect(loser).toBeGreaterThan(15_000);
    await answer(200);
    expect(await Promise.all(both)).toContain(null);
    expect(receiver.at('/twice')).toHaveLength(1);
  });

  it('sends again, with the same id, after a worker died with the answer', async () => {
    const id = await write('/died');
    const { arrived, answer } = held('/died');
    const dying = sender.deliver(id, 0);
    await arrived;
    // Its lease runs out, as it does when nobody is left to save.
    await execute(
      db,
      sql`UPDATE webhook_delivery SET claim_until = now() - interval '1 second', wake_at = now() - interval '1 minute' WHERE id = ${id}`,
    );
    expect(await sender.overdue(10)).toBe(1);
    expect(messages).toEqual([`${id}-1`]);
    receiver.answer('/died', status(202));
    expect(await sender.deliver(id, 1)).toBeNull();
    await answer(500);
    await dying;
    expect(receiver.at('/died').map((one) => one.headers['webhook-id'])).toEqual([id, id]);
    expect((await call('GET', `/v1/webhook_deliveries/${id}`)).body).toMatchObject({
      status: 'delivered',
      response_status: 202,
    });
  });

  it('sends once more where a redelivery is asked for while one is under way', async () => {
    const id = await write('/meanwhile');
    const { arrived, answer } = held('/meanwhile');
    const first = sender.deliver(id, 0);
    await arrived;
    await redeliveries.one(key.id, id);
    await answer(200);
    await first;
    expect(await sender.deliver(id, 1)).toBeNull();
    expect(receiver.at('/meanwhile')).toHaveLength(2);
  });
});

describe('overdue', () => {
  it('rings once for what is due and unclaimed, with a new message', async () => {
    const [late, claimed, done, fresh] = await Promise.all(
      ['/late', '/claimed', '/done', '/fresh'].map((path) => write(path)),
    );
    await sender.deliver(done!, 0);
    await makeDue(late!);
    await makeDue(claimed!);
    await execute(
      db,
      sql`UPDATE webhook_delivery SET claim_until = now() + interval '1 minute' WHERE id = ${claimed!}`,
    );
    const whileAnotherHasIt = await db.transaction(async (tx) => {
      await queryRow(tx, sql`SELECT id FROM webhook_delivery WHERE id = ${late!} FOR UPDATE`);
      return sender.overdue(100);
    });
    expect(whileAnotherHasIt).toBe(0);
    expect([await sender.overdue(100), await sender.overdue(100)]).toEqual([1, 0]);
    expect(messages).toEqual([`${late}-1`]);
    expect(await sender.deliver(late!, 0)).toBeNull();
    expect(receiver.at('/late')).toEqual([]);
    expect(await sender.deliver(late!, 1)).toBeNull();
    expect(receiver.at('/late')).toHaveLength(1);
    await sender.deliver(fresh!, 0);
  });
});

describe('secrets', () => {
  it('sign both while one is being rotated', async () => {
    const mine = await newKey('rotating');
    const before = await call('GET', '/v1/webhooks/secret', mine.secret);
    expect(before.body).toEqual({
      object: 'webhook_secret',
      secret: expect.stringMatching(/^whsec_/),
      rotated_at: expect.any(String),
      previous_expires_at: null,
    });
    expect(before.headers['cache-control']).toBe('no-store');
    const after = await call('POST', '/v1/webhooks/secret/rotate', mine.secret);
    expect(after.status).toBe(200);
    expect(after.body.secret).not.toBe(before.body.secret);
    expect(after.body.previous_expires_at).toEqual(expect.any(String));

    await sender.deliver(await write('/rotated', { keyId: mine.id }), 0);
    const [received] = receiver.at('/rotated');
    expect(String(received?.headers['webhook-signature']).split(' ')).toHaveLength(2);
    for (const { body } of [before, after]) {
      const verifier = new Webhook(body.secret);
      expect(verifier.verify(received!.body, received!.headers as Record<string, string>)).toBeTruthy();
    }
    await expect(verify(received!, other.id)).rejects.toThrow('No matching signature');
  });
});

describe('the API', () => {
  it('lists a key’s own deliveries, newest first, by job and in pages', async () => {
    const mine = await newKey('lists');
    const [jobA, jobB] = [newId('job'), newId('job')];
    const ids: string[] = [];
    await Promise.all([jobA, jobB].map((id) => insertJob(mine.id, id)));
    for (const [i, jobId] of [jobA, jobB, jobA].entries())
      ids.push(await write('/list', { keyId: mine.id, jobId, run: i + 1 }));
    const list = async (query: string) => {
      const { body } = await call('GET', `/v1/webhook_deliveries${query}`, mine.secret);
      return [body.data.map(({ id }) => id), body.has_more];
    };
    expect(await list('')).toEqual([ids.toReversed(), false]);
    expect(await list('?limit=2')).toEqual([[ids[2], ids[1]], true]);
    expect(await list(`?limit=2&after=${ids[1]}`)).toEqual([[ids[0]], false]);
    expect(await list(`?job_id=${jobA}`)).toEqual([[ids[2], ids[0]], false]);
    const byJob = await deliveries.forJobs([jobA, jobB, newId('job')]);
    expect([...byJob].map(([job, views]) => [job, views.length])).toEqual([
      [jobA, 2],
      [jobB, 1],
    ]);
  });

  it('knows nothing of another key’s delivery', async () => {
    const jobId = newId('job');
    await insertJob(key.id, jobId);
    const id = await write('/mine', { jobId });
    const calls = [
      call('GET', `/v1/webhook_deliveries/${id}`, other.secret),
      call('POST', `/v1/webhook_deliveries/${id}/redeliver`, other.secret),
      call('GET', `/v1/webhook_deliveries?after=${id}`, other.secret),
      call('GET', `/v1/webhook_deliveries?job_id=${jobId}`, other.secret),
    ];
    for (const { status, body } of await Promise.all(calls)) {
      expect(status).toBe(404);
      expect(body).toMatchObject({ error: { type: 'not_found' } });
    }
    expect(messages).toEqual([]);
    expect((await call('GET', `/v1/webhook_deliveries/${newId('whd')}`)).status).toBe(404);
  });

  it('names a wrong field, and wants a key', async () => {
    const { status, body } = await call('GET', '/v1/webhook_deliveries?limit=0');
    expect([status, body]).toEqual([400, { error: expect.objectContaining({ param: 'limit' }) }]);
    expect((await call('GET', '/v1/webhooks/secret', 'sk-nobody')).status).toBe(401);
  });
});

describe('assertTarget', () => {
  it.each([
    ['https://169.254.169.254/latest/meta-data/', '169.254.169.254 is not a public address'],
    ['http://example.com/hook', 'only https URLs are allowed'],
    ['https://user:pass@example.com/', 'a URL must not contain a user name or password'],
    ['https://[::1]/', '[::1] is not a public address'],
    ['https://localhost/', 'localhost resolves to an address that is not public'],
    ['nonsense', 'the URL is malformed'],
  ])('refuses %s', async (url, reason) => {
    await expect(webhooks.assertTarget(url, 'webhook.url')).rejects.toMatchObject({
      status: 400,
      param: 'webhook.url',
      message: `'webhook.url' is '${url}': ${reason}. Allowed are https URLs of public hosts.`,
    });
  });

  it('takes public addresses, configured exceptions and names that have no address yet', async () => {
    for (const url of ['https://8.8.8.8/hook', `http://${receiver.host}/hook`, 'https://nothing.invalid/hook']) {
      await expect(webhooks.assertTarget(url, 'webhook.url')).resolves.toBeUndefined();
    }
  });
});
