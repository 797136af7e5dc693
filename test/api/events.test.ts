import type { IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { execute, sql } from '../../src/database/database.js';
import { JobHub } from '../../src/jobs/events/hub.js';
import { JobWaiter } from '../../src/jobs/events/wait.js';
import { EventTokens } from '../../src/jobs/view/event-tokens.js';
import type { JobView } from '../../src/jobs/view/job-view.js';
import { dropGround, newGround, startKiln, type Ground, type Kiln } from '../support/kiln.js';
import { as, CLIP, eventually, expectError, open } from './harness.js';

interface SseEvent {
  event: string;
  id: string | null;
  data: Record<string, unknown>;
}

let ground: Ground;
let kiln: Kiln;
beforeAll(async () => {
  ground = await newGround();
  kiln = await startKiln({ ground });
});
afterAll(async () => {
  await kiln.close();
  await dropGround(ground);
});

const NEVER = { model: 'flux-dev', input: { prompt: '[[sandbox:never]] a tortoise', size: '256x256' } };

/** Reads a stream event by event; `text` is all that came. */
class Reader {
  text = '';
  private taken = 0;
  private readonly ended: Promise<void>;
  private wake: () => void = () => undefined;
  isEnded = false;

  constructor(readonly answer: IncomingMessage) {
    answer.setEncoding('utf8');
    answer.on('data', (chunk: string) => {
      this.text += chunk;
      this.wake();
    });
    this.ended = new Promise((resolve) => {
      answer.once('close', () => {
        this.isEnded = true;
        this.wake();
        resolve();
      });
    });
  }

  get events(): SseEvent[] {
    return this.text
      .split('\n\n')
      .slice(0, -1)
      .filter((block) => block.includes('event: '))
      .map((block) => {
        const fields = new Map(
          block.split('\n').map((line) => [line.split(': ')[0], line.slice(line.indexOf(': ') + 2)]),
        );
        return {
          event: fields.get('event') ?? '',
          id: fields.get('id') ?? null,
          data: JSON.parse(fields.get('data') ?? 'null') as Record<string, unknown>,
        };
      });
  }

  async next(): Promise<SseEvent> {
    for (;;) {
      const found = this.events[this.taken];
      if (found) {
        this.taken += 1;
        return found;
      }
      if (this.isEnded) throw new Error(`the stream ended after ${this.taken} events`);
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }

  async end(): Promise<SseEvent[]> {
    await this.ended;
    return this.events;
  }
}

async function read(path: string, headers: Record<string, string> = {}): Promise<Reader> {
  return new Reader(await open(kiln, 'GET', path, { headers }).answer);
}
const events = (id: string, headers?: Record<string, string>) => read(`/v1/jobs/${id}/events`, headers);

test('a snapshot, every event with its number, the whole job at the end', async () => {
  const job = await kiln.post({ ...CLIP, input: { ...CLIP.input, prompt: '[[sandbox:latency=300]] waves' } });
  const reader = await events(job.id);
  expect(reader.answer.headers).toMatchObject({
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-request-id': expect.stringMatching(/^req_/),
  });
  const seen = await reader.end();
  expect(seen[0]).toMatchObject({ event: 'snapshot', id: null, data: { id: job.id, object: 'job' } });
  const numbered = seen.filter(({ id }) => id !== null).map(({ id }) => Number(id));
  expect(numbered.length).toBeGreaterThan(2);
  // Without gaps up to the end, from wherever the snapshot stood.
  expect(numbered).toEqual(numbered.map((_, at) => (numbered[0] ?? 0) + at));
  const last = seen.at(-1);
  expect(last?.event).toBe('job.succeeded');
  expect(last?.data).toMatchObject({ id: job.id, status: 'succeeded', progress: 1, outputs: [{ type: 'video' }] });
});

test('a reader resumes after the last event it has, and is told when there is nothing more', async () => {
  const job = await kiln.post({ model: 'flux-dev', input: { prompt: 'a fox', size: '256x256' } });
  await kiln.finished(job.id);
  const whole = (await (await events(job.id, { 'last-event-id': '0' })).end()).filter(({ id }) => id !== null);
  expect(whole.map(({ id }) => Number(id))).toEqual(whole.map((_, at) => at + 1));
  const half = String(Math.floor(whole.length / 2));
  const rest = (await (await events(job.id, { 'last-event-id': half })).end()).filter(({ id }) => id !== null);
  expect(rest.map(({ id }) => id)).toEqual(whole.slice(Number(half)).map(({ id }) => id));

  const over = await kiln.call('GET', `/v1/jobs/${job.id}/events`, undefined, {
    'last-event-id': whole.at(-1)?.id ?? '',
  });
  expect(over).toMatchObject({ status: 204, body: { text: '' } });
  // One that comes for the first time gets the state and the end.
  expect((await (await events(job.id)).end()).map(({ event }) => event)).toEqual(['snapshot', 'job.succeeded']);
});

test('history that retention took does not keep a stream open', async () => {
  const job = await kiln.post(NEVER);
  await kiln.call('POST', `/v1/jobs/${job.id}/cancel`);
  await execute(kiln.database, sql`DELETE FROM job_event WHERE job_id = ${job.id}`);
  const seen = await (await events(job.id, { 'last-event-id': '0' })).end();
  expect(seen.map(({ event }) => event)).toEqual(['snapshot', 'job.canceled']);
});

test('a number from the future is no reason to miss the end', async () => {
  const job = await kiln.post(NEVER);
  const reader = await events(job.id, { 'last-event-id': '999999' });
  expect((await reader.next()).event).toBe('snapshot');
  await kiln.call('POST', `/v1/jobs/${job.id}/cancel`);
  expect((await reader.end()).at(-1)).toMatchObject({ event: 'job.canceled', data: { status: 'canceled' } });
});

test('without a notification a change is seen all the same', async () => {
  const job = await kiln.post(NEVER);
  const reader = await events(job.id);
  await reader.next();
  // As a process that dies before it notifies leaves it.
  await execute(
    kiln.database,
    sql`UPDATE job SET status = 'canceled', stage = NULL, wake_at = NULL, version = version + 1, event_seq = event_seq + 1, finished_at = now() WHERE id = ${job.id}`,
  );
  expect((await reader.end()).at(-1)?.event).toBe('job.canceled');
});

test('the stream of a deleted job is 404, and an open HEAD has an end', async () => {
  const job = await kiln.post(NEVER);
  expect((await kiln.call('HEAD', `/v1/jobs/${job.id}/events`)).headers.get('content-type')).toContain('event-stream');
  await kiln.call('POST', `/v1/jobs/${job.id}/cancel`);
});

describe('the token in urls.events', () => {
  const without = async (url: string) => {
    const response = await fetch(url);
    const text = response.status === 200 ? '' : await response.text();
    await response.body?.cancel().catch(() => undefined);
    return {
      status: response.status,
      headers: response.headers,
      body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
    };
  };
  let job: JobView;
  beforeAll(async () => {
    job = await kiln.post(NEVER);
  });
  afterAll(async () => void (await kiln.call('POST', `/v1/jobs/${job.id}/cancel`)));

  test('opens the stream without a key', async () => {
    expect((await without(job.urls.events)).status).toBe(200);
  });

  test('opens nothing else', async () => {
    const token = new URL(job.urls.events).searchParams.get('token') ?? '';
    expect((await without(`${kiln.url}/v1/jobs/${job.id}?token=${token}`)).status).toBe(401);
    const other = await kiln.post(NEVER);
    expectError(await without(`${kiln.url}/v1/jobs/${other.id}/events?token=${token}`), 'not_found');
    await kiln.call('POST', `/v1/jobs/${other.id}/cancel`);
  });

  test('is 404 when tampered with, when over and when empty', async () => {
    expectError(await without(`${job.urls.events}x`), 'not_found');
    expectError(await without(job.urls.events.replace('token=', 'token=9')), 'not_found');
    expectError(await without(`${kiln.url}/v1/jobs/${job.id}/events?token=`), 'not_found');
    const [, keyId = ''] = (new URL(job.urls.events).searchParams.get('token') ?? '').split('.');
    const old = kiln.app.get(EventTokens).sign(keyId, job.id, Date.now() - 2 * 3600_000);
    expectError(await without(`${kiln.url}/v1/jobs/${job.id}/events?token=${old}`), 'not_found');
  });

  test('without token and key it is 401; two tokens are 400', async () => {
    expectError(await without(`${kiln.url}/v1/jobs/${job.id}/events`), 'authentication_error', {
      code: 'invalid_api_key',
      says: ['No API key'],
    });
    expectError(await without(`${kiln.url}/v1/jobs/${job.id}/events?token=a&token=b`), 'invalid_request_error', {
      param: 'token',
    });
  });
});

test('a reader that takes nothing is not in the way of others, and is let go with its connection', async () => {
  const job = await kiln.post(NEVER);
  // More than the sockets between the two hold.
  await execute(
    kiln.database,
    sql`UPDATE job SET warnings = jsonb_build_array(repeat('w', 8000000)), version = version + 1 WHERE id = ${job.id}`,
  );
  const stuck = await new Promise<Socket>((resolve, reject) => {
    const socket = connect(Number(new URL(kiln.url).port), '127.0.0.1', () => {
      socket.write(`GET /v1/jobs/${job.id}/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${kiln.secret}\r\n\r\n`);
      socket.once('readable', () => resolve(socket));
    });
    socket.once('error', reject);
  });
  const quick = await events(job.id);
  await quick.next();
  await kiln.call('POST', `/v1/jobs/${job.id}/cancel`);
  expect((await quick.end()).at(-1)?.event).toBe('job.canceled');
  expect(kiln.app.get(JobHub).watchers).toBe(1);
  stuck.destroy();
  await eventually(async () => kiln.app.get(JobHub).watchers === 0);
});

test('a stop ends streams with a hint to come back, and waiting requests with 202', async () => {
  const job = await kiln.post(NEVER);
  const reader = await events(job.id);
  await reader.next();
  const waiting = open(kiln, 'POST', '/v1/jobs', { body: NEVER, headers: { prefer: 'wait=60' } });
  await eventually(async () => kiln.app.get(JobHub).watchers === 2);
  // What a SIGTERM does first: those who wait are answered at once, streams go on until the balancer knows.
  kiln.app.get(JobWaiter).release();
  const answer = await waiting.answer;
  answer.resume();
  expect(answer.statusCode).toBe(202);
  expect(answer.headers['x-kiln-job-id']).toMatch(/^job_/);
  expect(reader.isEnded).toBe(false);
  await kiln.app.get(JobHub).close();
  await reader.end();
  expect(reader.text).toMatch(/retry: \d+\n\n$/);
  // Whoever comes now is answered at once, too.
  expect((await kiln.call('POST', '/v1/jobs', NEVER, { prefer: 'wait=60' })).status).toBe(202);

  await kiln.close();
  kiln = await startKiln({ ground, workers: false });
  const stranger = await kiln.newKey();
  expectError(await kiln.call('GET', `/v1/jobs/${job.id}/events`, undefined, as(stranger.secret)), 'not_found');
});
