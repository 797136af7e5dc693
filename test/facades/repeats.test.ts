import { request as httpRequest, type ClientRequest } from 'node:http';
import OpenAI, { toFile } from 'openai';
import { execute, sql } from '../../src/database/database.js';
import { faultPoints } from '../../src/jobs/store/fault-points.js';
import { as, eventually, expectError } from '../api/harness.js';
import { startKiln, type Kiln } from '../support/kiln.js';
import { tinyPng } from '../support/media.js';
import { madeBy, onceKey, uploadsOf } from './harness.js';

let kiln: Kiln;
beforeAll(async () => {
  kiln = await startKiln();
});
afterAll(async () => kiln.drop());
afterEach(() => {
  faultPoints.reach = null;
});

const PATH = '/v1/images/generations';
const FOX = { model: 'flux-dev', prompt: 'a fox', size: '256x256' };
const AGAIN = { 'x-stainless-retry-count': '1' };

/** A raw POST whose socket a test can cut. */
function post(secret: string, body: unknown, headers: Record<string, string> = {}): ClientRequest {
  const request = httpRequest(kiln.url + PATH, {
    method: 'POST',
    headers: { ...as(secret), 'content-type': 'application/json', ...headers },
  });
  request.on('error', () => undefined);
  request.end(JSON.stringify(body));
  return request;
}

/** Resolves with the job's id once a job is inserted, after `then` ran. */
const inserted = (then: () => void | Promise<void>): Promise<string> =>
  new Promise((resolve) => {
    faultPoints.reach = async (point, jobId) => {
      if (point !== 'create.inserted') return;
      faultPoints.reach = null;
      await then();
      resolve(jobId);
    };
  });

const generate = (secret: string, body: unknown, headers: Record<string, string> = {}) =>
  kiln.call<{ data: { b64_json: string }[] }>('POST', PATH, body, { ...as(secret), ...headers });

describe('a socket cut after the insert', () => {
  test('the official client tries again by itself: one job, one hold', async () => {
    const owner = await kiln.newKey();
    const sent: string[] = [];
    let cut: AbortController | null = null;
    const client = new OpenAI({
      apiKey: owner.secret,
      baseURL: `${kiln.url}/v1`,
      maxRetries: 2,
      // A network that breaks once: undici closes the socket, and the client sees an error of its connection.
      fetch: async (url, init) => {
        const headers = new Headers(init?.headers);
        sent.push(headers.get('x-stainless-retry-count') ?? '');
        if (sent.length > 1) return fetch(url, init);
        cut = new AbortController();
        return fetch(url, { ...init, signal: cut.signal }).catch(() => {
          throw new TypeError('fetch failed');
        });
      },
    });
    const first = inserted(() => cut?.abort());
    const { data } = await client.images.generate(FOX as OpenAI.ImageGenerateParamsNonStreaming).withResponse();
    expect(data.data?.[0]?.b64_json?.length).toBeGreaterThan(100);
    expect(sent).toEqual(['0', '1']);
    expect(await madeBy(kiln, owner.id)).toEqual({ jobs: [await first], holds: 1 });
  });

  test('so does an edit, and the file that it sends again leaves nothing behind', async () => {
    const owner = await kiln.newKey();
    let tries = 0;
    let cut: AbortController | null = null;
    const client = new OpenAI({
      apiKey: owner.secret,
      baseURL: `${kiln.url}/v1`,
      fetch: async (url, init) => {
        tries += 1;
        if (tries > 1) return fetch(url, init);
        cut = new AbortController();
        return fetch(url, { ...init, signal: cut.signal }).catch(() => {
          throw new TypeError('fetch failed');
        });
      },
    });
    const first = inserted(() => cut?.abort());
    const image = await toFile(await tinyPng(), 'fox.png', { type: 'image/png' });
    await client.images.edit({ model: 'nano-banana-2', prompt: 'a red fox', image });
    expect(tries).toBe(2);
    expect(await madeBy(kiln, owner.id)).toEqual({ jobs: [await first], holds: 1 });
    expect(await uploadsOf(kiln, owner.id)).toBe(1);
  });

  test('with an Idempotency-Key, whatever the client says of tries', async () => {
    const owner = await kiln.newKey();
    const once = onceKey();
    const cut = post(owner.secret, FOX, once);
    const first = await inserted(() => void cut.destroy());
    const answer = await generate(owner.secret, FOX, once);
    expect([answer.status, answer.headers.get('x-kiln-job-id')]).toEqual([200, first]);
    expect(answer.headers.get('idempotent-replayed')).toBe('true');
    expectError(await generate(owner.secret, { ...FOX, prompt: 'a hen' }, once), 'idempotency_key_reused', {
      param: 'Idempotency-Key',
    });
    expect(await madeBy(kiln, owner.id)).toEqual({ jobs: [first], holds: 1 });
  });
});

describe('a request that is sent again while the first is on its way', () => {
  test('the retry makes the job, and the first attaches to it', async () => {
    const owner = await kiln.newKey();
    // The first stands still while its body is on the way: half of it is sent, the rest when the retry has made its job.
    const text = JSON.stringify(FOX);
    const slow = httpRequest(kiln.url + PATH, {
      method: 'POST',
      headers: { ...as(owner.secret), 'content-type': 'application/json', 'content-length': String(text.length) },
    });
    const slowAnswer = new Promise<string | string[] | undefined>((resolve, reject) => {
      slow.on('response', (response) => {
        response.resume();
        resolve(response.headers['x-kiln-job-id']);
      });
      slow.on('error', reject);
    });
    const arrived = new Promise<void>((resolve) => {
      kiln.app.getHttpServer().once('request', () => resolve());
    });
    slow.write(text.slice(0, 10));
    await arrived;
    const again = await generate(owner.secret, FOX, AGAIN);
    slow.end(text.slice(10));
    expect(await slowAnswer).toBe(again.headers.get('x-kiln-job-id'));
    expect((await madeBy(kiln, owner.id)).holds).toBe(1);
  });

  test('twenty retries at once are one job', async () => {
    const owner = await kiln.newKey();
    const answers = await Promise.all(Array.from({ length: 20 }, () => generate(owner.secret, FOX, AGAIN)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect((await madeBy(kiln, owner.id)).holds).toBe(1);
  });
});

describe('what is no repetition', () => {
  test('the same request, sent twice on purpose, is two jobs', async () => {
    const owner = await kiln.newKey();
    await Promise.all([generate(owner.secret, FOX), generate(owner.secret, FOX)]);
    expect((await madeBy(kiln, owner.id)).holds).toBe(2);
  });

  test.each([
    ['another body', { ...FOX, prompt: 'a hen' }],
    ['another order of the same fields', { size: FOX.size, prompt: FOX.prompt, model: FOX.model }],
  ])('a retry with %s', async (name, body) => {
    const owner = await kiln.newKey();
    const first = await generate(owner.secret, FOX);
    const second = await generate(owner.secret, body, AGAIN);
    const isSame = second.headers.get('x-kiln-job-id') === first.headers.get('x-kiln-job-id');
    expect(isSame).toBe(name !== 'another body');
  });

  test('a retry after ten minutes, of another key, or of a job that failed', async () => {
    const owner = await kiln.newKey();
    const other = await kiln.newKey();
    const first = await generate(owner.secret, FOX);
    const theirs = await generate(other.secret, FOX, AGAIN);
    expect(theirs.headers.get('x-kiln-job-id')).not.toBe(first.headers.get('x-kiln-job-id'));
    await execute(
      kiln.database,
      sql`UPDATE job SET created_at = now() - interval '11 minutes' WHERE key_id = ${owner.id}`,
    );
    const later = await generate(owner.secret, FOX, AGAIN);
    expect(later.headers.get('x-kiln-job-id')).not.toBe(first.headers.get('x-kiln-job-id'));
    await execute(kiln.database, sql`UPDATE job SET status = 'failed' WHERE key_id = ${owner.id}`);
    const anew = await generate(owner.secret, FOX, AGAIN);
    expect([anew.status, (await madeBy(kiln, owner.id)).jobs.length]).toEqual([200, 3]);
  });
});

test('a client that hangs up finds its pictures under /v1/jobs', async () => {
  const owner = await kiln.newKey();
  const cut = post(owner.secret, FOX);
  const id = await inserted(() => void cut.destroy());
  await eventually(async () => {
    const { body } = await kiln.call<{ status: string; outputs: unknown[] }>(
      'GET',
      `/v1/jobs/${id}`,
      undefined,
      as(owner.secret),
    );
    return body.status === 'succeeded' && body.outputs.length === 1;
  }, 25);
});
