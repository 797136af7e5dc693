import { randomBytes } from 'node:crypto';
import { execute, queryRow, queryRows, sql } from '../../src/database/database.js';
import type { JobView } from '../../src/jobs/view/job-view.js';
import { startKiln, type Answer, type Kiln } from '../support/kiln.js';
import { tinyPng } from '../support/media.js';
import { as, CLIP, eventually, expectError, JSON_TYPE, open, raw } from './harness.js';

let kiln: Kiln;
beforeAll(async () => {
  kiln = await startKiln({ env: { KILN_EGRESS_ALLOW: '127.0.0.1:9' } });
});
afterAll(async () => kiln.drop());

const newKey = (): Record<string, string> => ({ 'idempotency-key': randomBytes(8).toString('hex') });
const create = (body: unknown, headers: Record<string, string>) =>
  kiln.call<JobView>('POST', '/v1/jobs', body, headers);
const count = async (table: 'job' | 'upload', keyId: string): Promise<number> => {
  const from = table === 'job' ? sql`job` : sql`upload`;
  const row = await queryRow<{ n: bigint }>(
    kiln.database,
    sql`SELECT count(*) AS n FROM ${from} WHERE key_id = ${keyId}`,
  );
  return Number(row?.n);
};
const replayed = (answer: Answer<unknown>): string | null => answer.headers.get('idempotent-replayed');

/** ComfyUI can be told to stop: the attempt of a canceled job closes soon. */
const NEVER = { model: 'flux-dev', input: { prompt: '[[sandbox:never]] a tortoise', size: '256x256' } };

describe('creating a job', () => {
  test('the same body attaches, however it is written', async () => {
    const key = newKey();
    const first = await create({ ...CLIP, metadata: { a: '1', b: '2' } }, key);
    const text = `{ "metadata": {"b":"2",  "a":"1"},\n "input": {"duration_seconds":4,"prompt":"a lighthouse at dusk"}, "model": "veo-3.1" }`;
    const again = await raw(kiln, 'POST', '/v1/jobs', text, { ...JSON_TYPE, ...key });
    expect([first.status, again.status]).toEqual([202, 202]);
    expect([replayed(first), replayed(again)]).toEqual([null, 'true']);
    expect(again.body['id']).toBe(first.body.id);
  });

  test('another body is 422', async () => {
    const key = newKey();
    await create(CLIP, key);
    const answer = await create({ ...CLIP, priority: 'high' }, key);
    expectError(answer, 'idempotency_key_reused', { param: 'Idempotency-Key' });
    expect(answer.headers.get('x-should-retry')).toBe('false');
  });

  test('fifty at once make one job and one hold', async () => {
    const owner = await kiln.newKey();
    const headers = { ...as(owner.secret), ...newKey() };
    const answers = await Promise.all(Array.from({ length: 50 }, () => create(CLIP, headers)));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 50 }, () => 202));
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    expect(answers.filter((answer) => replayed(answer) === 'true')).toHaveLength(49);
    expect(await count('job', owner.id)).toBe(1);
    const holds = await queryRows(kiln.database, sql`SELECT 1 FROM ledger_entry WHERE key_id = ${owner.id}`);
    expect(holds).toHaveLength(1);
  });

  test('at the limit of waiting jobs, too, a repetition attaches', async () => {
    const owner = await kiln.newKey({ max_queued_jobs: 1, max_concurrent_jobs: 1 });
    await execute(kiln.database, sql`UPDATE lane SET state = 'paused' WHERE id = 'veo-vertex'`);
    const headers = { ...as(owner.secret), ...newKey() };
    const answers = await Promise.all(Array.from({ length: 8 }, () => create(CLIP, headers)));
    await execute(kiln.database, sql`UPDATE lane SET state = 'open' WHERE id = 'veo-vertex'`);
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 202));
    expect(await count('job', owner.id)).toBe(1);
  });

  test('a key is free after a refusal, for other owners, and after a day', async () => {
    const key = newKey();
    expect((await create({ ...CLIP, input: {} }, key)).status).toBe(400);
    const first = await create(CLIP, key);
    expect(first.status).toBe(202);
    const other = await kiln.newKey();
    const theirs = await create(CLIP, { ...key, ...as(other.secret) });
    expect(theirs.body.id).not.toBe(first.body.id);
    await execute(
      kiln.database,
      sql`UPDATE idempotency SET created_at = now() - interval '25 hours' WHERE idem_key = ${key['idempotency-key']}`,
    );
    const later = await create({ ...CLIP, priority: 'low' }, key);
    expect(later.status).toBe(202);
    expect(later.body.id).not.toBe(first.body.id);
  });

  test('a repetition joins the wait for the job', async () => {
    const body = { model: 'flux-dev', input: { prompt: 'an owl', size: '256x256' } };
    const key = newKey();
    const first = await create(body, key);
    const joined = await create(body, { ...key, prefer: 'wait=30' });
    expect(joined).toMatchObject({ status: 200, body: { id: first.body.id, status: 'succeeded' } });
    expect(replayed(joined)).toBe('true');
  });
});

describe('every other POST', () => {
  // There are two ComfyUI instances: what runs for ever must not keep them.
  afterEach(async () => {
    const live = await queryRows<{ id: string }>(
      kiln.database,
      sql`SELECT id FROM job WHERE model = 'flux-dev' AND status IN ('queued', 'running')`,
    );
    for (const { id } of live) await kiln.call('POST', `/v1/jobs/${id}/cancel`);
  });

  test('cancel: the first answer, and 422 for another body', async () => {
    const job = (await create(NEVER, {})).body;
    const key = newKey();
    const first = await kiln.call<JobView>('POST', `/v1/jobs/${job.id}/cancel`, undefined, key);
    await kiln.call('POST', `/v1/jobs/${job.id}/replay`);
    const again = await kiln.call<JobView>('POST', `/v1/jobs/${job.id}/cancel`, undefined, key);
    expect(again.body).toEqual(first.body);
    expect([replayed(first), replayed(again)]).toEqual([null, 'true']);
    for (const name of ['location', 'x-kiln-job-id', 'content-type'])
      expect(again.headers.get(name)).toBe(first.headers.get(name));
    expect(again.headers.get('x-request-id')).not.toBe(first.headers.get('x-request-id'));
    expectError(await kiln.call('POST', `/v1/jobs/${job.id}/cancel`, { x: 1 }, key), 'idempotency_key_reused', {
      param: 'Idempotency-Key',
    });
  });

  test('replay: once for any number of repetitions', async () => {
    const job = (await create(NEVER, {})).body;
    await kiln.call('POST', `/v1/jobs/${job.id}/cancel`);
    await eventually(async () => {
      const { body } = await kiln.call<JobView>('GET', `/v1/jobs/${job.id}`);
      return body.cost.charged_micro_usd !== null;
    });
    const key = newKey();
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => kiln.call<JobView>('POST', `/v1/jobs/${job.id}/replay`, undefined, key)),
    );
    expect(answers.map(({ status, body }) => [status, body.run])).toEqual(Array.from({ length: 5 }, () => [202, 2]));
    expect(answers.filter((answer) => replayed(answer) === 'true')).toHaveLength(4);
  });

  test('a refusal is not remembered', async () => {
    const key = newKey();
    const job = (await create(NEVER, {})).body;
    expect((await kiln.call('POST', `/v1/jobs/${job.id}/replay`, undefined, key)).status).toBe(409);
    await kiln.call('POST', `/v1/jobs/${job.id}/cancel`);
    await eventually(async () => {
      const { status } = await kiln.call('POST', `/v1/jobs/${job.id}/replay`, undefined, key);
      return status === 202;
    });
  });

  test('rotating the webhook secret: once, and the stored answer is sealed', async () => {
    const owner = await kiln.newKey();
    const headers = { ...as(owner.secret), ...newKey() };
    const rotate = () => kiln.call<{ secret: string }>('POST', '/v1/webhooks/secret/rotate', undefined, headers);
    const [first, again] = [await rotate(), await rotate()];
    expect(again.body).toEqual(first.body);
    const stored = await queryRow<{ answer: string }>(
      kiln.database,
      sql`SELECT answer::text AS answer FROM idempotency WHERE key_id = ${owner.id}`,
    );
    expect(stored?.answer).toContain('kid');
    expect(stored?.answer).not.toContain(first.body.secret);
  });

  test('presign makes one upload; admin keys one key', async () => {
    const key = newKey();
    const presign = () =>
      kiln.call<{ upload: { id: string } }>(
        'POST',
        '/v1/uploads/presign',
        { content_type: 'image/png', bytes: 9 },
        key,
      );
    const [first, again] = [await presign(), await presign()];
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.body).toEqual(first.body);
    const made = () => kiln.call<{ id: string; key: string }>('POST', '/admin/keys', { name: 'once' }, key);
    const [one, two] = [await made(), await made()];
    expect(two.body).toEqual(one.body);
    const audits = await queryRows(kiln.database, sql`SELECT 1 FROM admin_audit WHERE target = ${one.body.id}`);
    expect(audits).toHaveLength(1);
  });

  test('redeliver: one message more', async () => {
    const input = { prompt: 'a fox', size: '256x256' };
    const { id } = await kiln.post({ model: 'flux-dev', input, webhook: { url: 'http://127.0.0.1:9/' } });
    const delivery = (await kiln.finished(id)).webhook?.deliveries[0]?.id ?? '';
    const key = newKey();
    const redeliver = () => kiln.call('POST', `/v1/webhook_deliveries/${delivery}/redeliver`, undefined, key);
    const [first, again] = [await redeliver(), await redeliver()];
    expect([first.status, again.status]).toEqual([202, 202]);
    expect(again.body).toEqual(first.body);
    const row = await queryRow<{ tick: number }>(
      kiln.database,
      sql`SELECT tick FROM webhook_delivery WHERE id = ${delivery}`,
    );
    expect(row?.tick).toBe(1);
  });

  test('quote: the same quote', async () => {
    const key = newKey();
    const quote = () => kiln.call<{ quote_id: string }>('POST', '/v1/jobs/quote', CLIP, key);
    expect((await quote()).body.quote_id).toBe((await quote()).body.quote_id);
  });
});

describe('uploads', () => {
  const form = (bytes: Buffer, filename = 'cat.png'): FormData => {
    const data = new FormData();
    data.append('file', new Blob([new Uint8Array(bytes)], { type: 'image/png' }), filename);
    return data;
  };
  const upload = (data: FormData, headers: Record<string, string>) =>
    kiln.call<{ id: string; sha256: string }>('POST', '/v1/uploads', data, headers);

  test('the same bytes attach, other bytes or names are 422', async () => {
    const owner = await kiln.newKey();
    const headers = { ...as(owner.secret), ...newKey() };
    const png = await tinyPng();
    const first = await upload(form(png), headers);
    const again = await upload(form(png), headers);
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.body).toEqual(first.body);
    expect(replayed(again)).toBe('true');
    expect(again.headers.get('location')).toBe(first.headers.get('location'));
    const other = Buffer.concat([png, Buffer.from('x')]);
    expectError(await upload(form(other), headers), 'idempotency_key_reused', { param: 'Idempotency-Key' });
    expectError(await upload(form(png, 'dog.png'), headers), 'idempotency_key_reused', { param: 'Idempotency-Key' });
    expect(await count('upload', owner.id)).toBe(1);
  });

  test('ten at once make one upload', async () => {
    const owner = await kiln.newKey();
    const headers = { ...as(owner.secret), ...newKey() };
    const png = await tinyPng();
    const answers = await Promise.all(Array.from({ length: 10 }, () => upload(form(png), headers)));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 201));
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    expect(await count('upload', owner.id)).toBe(1);
  });

  test('a rejected file leaves the key free', async () => {
    const key = newKey();
    expect((await upload(form(Buffer.from('no picture')), key)).status).toBe(422);
    expect((await upload(form(await tinyPng()), key)).status).toBe(201);
  });

  test('complete: the first answer', async () => {
    const png = await tinyPng();
    const { body } = await kiln.call<{ upload: { id: string }; url: string; headers: Record<string, string> }>(
      'POST',
      '/v1/uploads/presign',
      { content_type: 'image/png', bytes: png.length },
    );
    const key = newKey();
    const complete = () => kiln.call('POST', `/v1/uploads/${body.upload.id}/complete`, undefined, key);
    expectError(await complete(), 'upload_incomplete');
    const put = await fetch(body.url, { method: 'PUT', headers: body.headers, body: new Uint8Array(png) });
    expect(put.status).toBe(200);
    const [first, again] = [await complete(), await complete()];
    expect(first.status).toBe(201);
    expect(again.body).toEqual(first.body);
    expect(replayed(again)).toBe('true');
  });
});

describe('owners', () => {
  const claim = (path: string, key: Record<string, string>, fingerprint: string, until: string) => {
    const owner = sql`(SELECT key_id FROM api_key_secret JOIN api_key ON api_key.id = key_id WHERE role = 'admin' LIMIT 1)`;
    return execute(
      kiln.database,
      sql`INSERT INTO idempotency (key_id, path, idem_key, fingerprint, owner_token, owner_until)
          VALUES (${owner}, ${path}, ${key['idempotency-key']}, ${fingerprint}, 'someone', now() + ${until}::interval)`,
    );
  };
  const bodyless = async (): Promise<string> => {
    const known = newKey();
    await kiln.call('POST', '/v1/webhooks/secret/rotate', undefined, known);
    const row = await queryRow<{ fingerprint: string }>(
      kiln.database,
      sql`SELECT fingerprint FROM idempotency WHERE idem_key = ${known['idempotency-key']}`,
    );
    return row?.fingerprint ?? '';
  };

  test("a crashed owner's lease ends, and the next one does the work", async () => {
    const key = newKey();
    await claim('/v1/webhooks/secret/rotate', key, await bodyless(), '1 second');
    const answer = await kiln.call<{ secret: string }>('POST', '/v1/webhooks/secret/rotate', undefined, key);
    expect(answer.status).toBe(200);
    expect(replayed(answer)).toBeNull();
  });

  test('a repetition waits for a living owner and gets its answer', async () => {
    const key = newKey();
    await claim('/v1/webhooks/secret/rotate', key, await bodyless(), '1 hour');
    const waiting = open(kiln, 'POST', '/v1/webhooks/secret/rotate', { headers: key });
    // The owner gives up: the one that waits takes its place.
    await execute(kiln.database, sql`DELETE FROM idempotency WHERE idem_key = ${key['idempotency-key']}`);
    const answer = await waiting.answer;
    expect(answer.statusCode).toBe(200);
    answer.resume();
  });
});
