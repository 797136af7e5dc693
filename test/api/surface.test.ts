import { execute, sql } from '../../src/database/database.js';
import type { JobView } from '../../src/jobs/view/job-view.js';
import { dropGround, newGround, startKiln, type Ground, type Kiln } from '../support/kiln.js';
import { cuttableProxy, type CuttableProxy } from '../support/proxy.js';
import { CLIP, eventually, expectError, JSON_TYPE, open, raw } from './harness.js';

let ground: Ground;
let proxy: CuttableProxy;
let kiln: Kiln;
beforeAll(async () => {
  ground = await newGround();
  const url = new URL(ground.db.url);
  proxy = await cuttableProxy({ host: url.hostname, port: Number(url.port || 5432) });
  url.port = String(proxy.port);
  url.hostname = '127.0.0.1';
  kiln = await startKiln({ ground: { ...ground, db: { ...ground.db, url: url.href } }, workers: false });
  await execute(kiln.database, sql`UPDATE lane SET state = 'paused'`);
});
afterAll(async () => {
  await kiln.close();
  await proxy.close();
  await dropGround(ground);
});

describe('every answer has one request id under three names', () => {
  test.each([
    ['GET', '/v1/jobs', undefined, {}, 200],
    ['POST', '/v1/jobs', JSON.stringify(CLIP), JSON_TYPE, 202],
    ['POST', '/v1/jobs', '{', JSON_TYPE, 400],
    ['GET', '/v1/jobs', undefined, { authorization: 'Bearer sk-x' }, 401],
    ['GET', '/nothing', undefined, {}, 404],
    ['POST', '/v1/chat/completions', '{', JSON_TYPE, 400],
    ['POST', '/v1/messages', '{}', JSON_TYPE, 400],
    ['POST', '/v1/audio/transcriptions', '{}', JSON_TYPE, 415],
    ['GET', '/v1/jobs/%ff', undefined, {}, 400],
    ['GET', '/v1/jobs/job%00', undefined, {}, 400],
    ['POST', '/v1/jobs', 'x', { 'content-type': 'text/csv' }, 415],
    ['GET', '/files/upload_x/content', undefined, {}, 403],
    ['GET', '/healthz', undefined, {}, 200],
    ['GET', '/docs', undefined, {}, 200],
    ['GET', '/openapi.json', undefined, {}, 200],
    ['HEAD', '/v1/jobs', undefined, {}, 200],
  ] as [string, string, string | undefined, Record<string, string>, number][])(
    '%s %s',
    async (method, path, body, headers, status) => {
      const answer = await raw(kiln, method, path, body, headers);
      expect(answer.status).toBe(status);
      const id = answer.headers.get('x-request-id');
      expect(id).toMatch(/^req_[0-9a-z]{26}$/);
      expect(answer.headers.get('request-id')).toBe(id);
      expect(answer.headers.get('x-kiln-request-id')).toBe(id);
    },
  );

  test("a client's own is not taken over", async () => {
    const answer = await raw(kiln, 'GET', '/healthz', undefined, { 'x-request-id': 'mine' });
    expect(answer.headers.get('x-request-id')).not.toBe('mine');
  });
});

describe('what is not there', () => {
  test.each([
    ['GET', '/'],
    ['GET', '/v1'],
    ['GET', '/v1/nothing'],
    ['POST', '/v1/nothing/here'],
    ['PATCH', '/v1/jobs/job_x'],
    ['DELETE', '/v1/jobs'],
    ['PUT', '/v1/jobs/job_x'],
    ['GET', '/v1/jobs/job_x/cancel'],
    ['GET', '/docs/../../etc/passwd'],
    ['GET', '/docs/nothing.js'],
  ])('%s %s is 404 in the envelope', async (method, path) => {
    expectError(await raw(kiln, method, path, undefined), 'not_found', { says: ['nothing here'] });
  });
});

test('HEAD answers as GET without its body', async () => {
  const { id } = await kiln.post(CLIP);
  for (const path of [`/v1/jobs/${id}`, '/v1/jobs', '/v1/models', '/v1/uploads', '/healthz', '/openapi.json']) {
    const [head, get] = [await raw(kiln, 'HEAD', path, undefined), await raw(kiln, 'GET', path, undefined)];
    expect([path, head.status, head.body]).toEqual([path, get.status, { text: '' }]);
    expect(head.headers.get('content-type')).toBe(get.headers.get('content-type'));
  }
  expect((await raw(kiln, 'HEAD', '/v1/jobs/job_x', undefined)).status).toBe(404);
});

test('x-api-key is as good as a bearer token', async () => {
  const response = await fetch(`${kiln.url}/v1/jobs`, { headers: { 'x-api-key': kiln.secret } });
  expect(response.status).toBe(200);
});

describe('while the database is away', () => {
  test('everything is 503 with when to try again, never 401; then it works again, and a stream never ended', async () => {
    const { id } = await kiln.post(CLIP);
    const stream = await open(kiln, 'GET', `/v1/jobs/${id}/events`).answer;
    let streamed = '';
    stream.setEncoding('utf8').on('data', (chunk: string) => (streamed += chunk));
    await eventually(async () => streamed.includes('event: snapshot'));
    await proxy.cut();
    // A key is known for two seconds; one that nobody has asked for lately must be looked up.
    const unknown = { authorization: 'Bearer sk-never-seen-before' };
    for (const [method, path, body] of [
      ['GET', '/v1/jobs', undefined],
      ['GET', `/v1/jobs/${id}`, undefined],
      ['POST', '/v1/jobs', CLIP],
      ['POST', `/v1/jobs/${id}/cancel`, undefined],
      ['GET', `/v1/jobs/${id}/events`, undefined],
      ['GET', '/v1/uploads', undefined],
      ['GET', '/v1/videos', undefined],
      ['POST', '/v1/videos', { prompt: 'a fox' }],
      ['POST', '/v1/chat/completions', { model: 'gpt-5.4', messages: [{ role: 'user', content: 'hi' }] }],
      ['POST', '/v1/embeddings', { model: 'text-embedding-3-small', input: 'hi' }],
      ['POST', '/v1/webhooks/secret/rotate', undefined],
      ['GET', '/v1/usage?format=csv', undefined],
      ['GET', '/v1/budget/proof', undefined],
      ['POST', '/v1/webhook_endpoints', { url: 'https://8.8.8.8/hook' }],
      ['GET', '/admin/jobs', undefined],
    ] as const) {
      for (const headers of [unknown, { 'idempotency-key': 'k' }]) {
        const answer = await kiln.call(method, path, body, headers);
        expectError(answer, 'unavailable', { says: ['database'] });
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      }
    }
    expect((await kiln.call('GET', '/healthz')).status).toBe(200);
    expect((await kiln.call('GET', '/readyz')).status).toBe(503);
    await proxy.mend();
    await eventually(async () => (await kiln.call('GET', `/v1/jobs/${id}`)).status === 200);
    expect((await kiln.call('GET', '/v1/jobs', undefined, unknown)).status).toBe(401);
    const canceled = await kiln.call<JobView>('POST', `/v1/jobs/${id}/cancel`);
    expect(canceled.body.status).toBe('canceled');
    await eventually(async () => streamed.includes('event: job.canceled'));
  });
});
