import { newId } from '../../src/common/ids.js';
import type { JsonObject } from '../../src/common/json.js';
import { execute, queryRow, queryRows, sql } from '../../src/database/database.js';
import { Notifier } from '../../src/jobs/engine/notifier.js';
import { Outcomes } from '../../src/jobs/engine/outcome.js';
import { Progress } from '../../src/jobs/engine/progress.js';
import { ProgressRepository } from '../../src/jobs/engine/progress.repository.js';
import { Logger } from '../../src/telemetry/logger.js';
import { ProgressListeners } from '../../src/webhooks/progress-listeners.js';
import { ProgressListenersRepository } from '../../src/webhooks/progress-listeners.repository.js';
import { WebhookSender } from '../../src/webhooks/sender.js';
import { attemptsOf, eventsOf, image, jobRow, newPrompt, until, video } from '../jobs/engine-harness.js';
import { startKiln, type Kiln } from '../support/kiln.js';
import { type Receiver, startReceiver } from './receiver.js';

interface Message {
  type: string;
  sequence: number;
  run: number;
  data: { id: string; stage: string | null; progress: number | null };
}

let receiver: Receiver;
let kiln: Kiln;
beforeAll(async () => {
  receiver = await startReceiver();
  kiln = await startKiln({ env: { KILN_EGRESS_ALLOW: receiver.host } });
});
afterAll(async () => {
  await kiln.drop();
  await receiver.close();
});

const messagesAt = (path: string): Message[] => receiver.at(path).map(({ body }) => JSON.parse(body) as Message);
const hook = (path: string, ...events: string[]) => ({ url: `http://${receiver.host}${path}`, events });
const cancel = (id: string) => kiln.call('POST', `/v1/jobs/${id}/cancel`);

/** Progress as another worker would see to it: it remembers nothing of what others told. */
const another = (): Progress =>
  new Progress(
    kiln.app.get(ProgressRepository),
    kiln.app.get(Notifier),
    new ProgressListeners(kiln.app.get(ProgressListenersRepository)),
    kiln.app.get(Outcomes),
    Logger.silent(),
  );

/** A job that generates for ever, without progress of its own. */
async function endless(more: Record<string, unknown>): Promise<{ id: string; save: (value: number) => Promise<void> }> {
  const { id } = await kiln.post(video(`[[sandbox:never]] ${newPrompt()}`, more));
  await until('it is generating', async () => (await jobRow(kiln.database, id)).stage === 'generating');
  const [attempt] = await attemptsOf(kiln.database, id);
  return { id, save: (value) => another().save(id, attempt?.id ?? '', value) };
}
const secondsPass = (id: string, seconds: number) =>
  execute(
    kiln.database,
    sql`UPDATE job_event SET created_at = created_at - ${seconds}::int * interval '1 second' WHERE job_id = ${id}`,
  );
const told = async (id: string): Promise<JsonObject[]> =>
  (
    await queryRows<{ data: JsonObject }>(
      kiln.database,
      sql`SELECT data FROM job_event WHERE job_id = ${id} AND type = 'job.progress' ORDER BY seq`,
    )
  ).map(({ data }) => data);

describe('progress comes to a receiver that named it', () => {
  const song = { model: 'ace-step', input: { prompt: '[[sandbox:never]] a slow waltz', duration_seconds: 10 } };
  it.each([
    ['from a socket', '/socket', image(`[[sandbox:latency=6000]] ${newPrompt()}`)],
    ['from polls', '/polls', song],
  ])('%s', async (_from, path, body) => {
    const { id } = await kiln.post({ ...body, webhook: hook(path, 'job.progress', 'job.canceled') });
    await until('progress came', () => messagesAt(path).length > 0);
    await cancel(id);
    await until('the end came', () => messagesAt(path).some(({ type }) => type === 'job.canceled'));
    const [progress, end, ...more] = messagesAt(path);
    expect(more).toEqual([]);
    expect(progress).toMatchObject({ type: 'job.progress', run: 1, data: { id, stage: 'generating' } });
    expect(progress?.data.progress).toBeGreaterThan(0);
    expect(end).toMatchObject({ type: 'job.canceled', run: 1 });
    const rows = await queryRows(
      kiln.database,
      sql`SELECT seq AS sequence, type FROM job_event WHERE job_id = ${id} AND type IN ('job.progress', 'job.canceled') ORDER BY seq`,
    );
    expect(rows).toEqual([progress, end].map((one) => ({ sequence: one?.sequence, type: one?.type })));
  });

  it('with each stage, as far as ten seconds lie between', async () => {
    const { id } = await kiln.post(video(newPrompt(), { webhook: hook('/stages', 'job.progress', 'job.succeeded') }));
    await kiln.finished(id);
    await until('the end came', () => messagesAt('/stages').some(({ type }) => type === 'job.succeeded'));
    const messages = messagesAt('/stages').toSorted((a, b) => a.sequence - b.sequence);
    expect(messages.map(({ type, data }) => [type, data.stage])).toEqual([
      ['job.progress', 'storing'],
      ['job.succeeded', null],
    ]);
  });
});

describe('nobody is told', () => {
  it.each([
    ['without a webhook', {}],
    ['of a webhook with the usual events', { webhook: { url: 'https://receiver.invalid/' } }],
    ['of one that names others', { webhook: { url: 'https://receiver.invalid/', events: ['job.running'] } }],
  ])('%s', async (_what, more) => {
    const { id, save } = await endless(more);
    const before = await jobRow(kiln.database, id);
    await save(0.5);
    const after = await jobRow(kiln.database, id);
    expect(after).toMatchObject({ progress: 0.5, eventSeq: before.eventSeq });
    expect(await told(id)).toEqual([]);
    await cancel(id);
  });

  it('after the end', async () => {
    const { id, save } = await endless({ webhook: hook('/over', 'job.progress', 'job.canceled') });
    await save(0.1);
    await cancel(id);
    await secondsPass(id, 60);
    await save(0.9);
    await another().staged(await jobRow(kiln.database, id));
    expect((await eventsOf(kiln.database, id)).slice(-2)).toEqual(['job.progress', 'job.canceled']);
  });
});

it('has the number of its message on the event stream, once, and an old one is not told again', async () => {
  const { id, save } = await endless({ webhook: hook('/stream', 'job.progress') });
  const read = async (lastEventId: number, enough: string): Promise<string> => {
    const hangUp = new AbortController();
    const response = await fetch(`${kiln.url}/v1/jobs/${id}/events`, {
      headers: { authorization: `Bearer ${kiln.secret}`, 'last-event-id': String(lastEventId) },
      signal: hangUp.signal,
    });
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      if (text.includes(enough)) break;
    }
    hangUp.abort();
    return text;
  };
  const before = await jobRow(kiln.database, id);
  const following = read(before.eventSeq, `id: ${before.eventSeq + 1}\n`);
  await save(0.2);
  const live = await following;
  const numbered = /id: (\d+)\nevent: job\.progress\ndata: (.*)\n/.exec(live);
  expect(Number(numbered?.[1])).toBe(before.eventSeq + 1);
  expect(JSON.parse(numbered?.[2] ?? '')).toMatchObject({ id, stage: 'generating', progress: 0.2 });
  await secondsPass(id, 11);
  await save(0.6);
  expect(await told(id)).toHaveLength(2);
  const resumed = await read(before.eventSeq, `id: ${before.eventSeq + 2}\n`);
  expect(resumed).toContain('"progress":0.6');
  expect(resumed).not.toContain('"progress":0.2');
  await cancel(id);
});

describe('not too often', () => {
  it('ten seconds apart, and only with five points more, whichever process tells', async () => {
    const { id, save } = await endless({ webhook: hook('/throttled', 'job.progress') });
    await save(0.1);
    await save(0.4);
    expect(await told(id)).toEqual([{ run: 1, stage: 'generating', progress: 0.1 }]);
    await secondsPass(id, 11);
    await save(0.42);
    expect((await told(id)).map(({ progress }) => progress)).toEqual([0.1, 0.42]);
    await secondsPass(id, 11);
    await save(0.45);
    expect((await told(id)).map(({ progress }) => progress)).toEqual([0.1, 0.42]);
    await save(0.48);
    expect((await told(id)).map(({ progress }) => progress)).toEqual([0.1, 0.42, 0.48]);
    await cancel(id);
  });

  it('once, where two processes see it at the same time', async () => {
    const { id, save } = await endless({ webhook: hook('/race', 'job.progress') });
    await Promise.all([0.2, 0.3, 0.4, 0.5].map(save));
    expect(await told(id)).toHaveLength(1);
    await cancel(id);
  });

  it('and one process asks the database once in ten seconds', async () => {
    const { id } = await endless({ webhook: hook('/asks', 'job.progress') });
    const [attempt] = await attemptsOf(kiln.database, id);
    const one = another();
    await one.save(id, attempt?.id ?? '', 0.1);
    await secondsPass(id, 11);
    await one.save(id, attempt?.id ?? '', 0.5);
    expect(await told(id)).toHaveLength(1);
    await cancel(id);
  });
});

describe('endpoints', () => {
  it('get progress where they name it; every event does not', async () => {
    for (const [path, events] of [
      ['/named', ['job.progress']],
      ['/every', '*'],
    ] as const) {
      const made = await kiln.call('POST', '/v1/webhook_endpoints', { url: `http://${receiver.host}${path}`, events });
      expect(made.status).toBe(201);
    }
    const { id, save } = await endless({});
    await save(0.5);
    await until('progress came', () => messagesAt('/named').length > 0);
    expect(messagesAt('/named')).toMatchObject([{ type: 'job.progress', data: { id, progress: 0.5 } }]);
    await cancel(id);
    await until('the end came', () => messagesAt('/every').some(({ type }) => type === 'job.canceled'));
    expect(messagesAt('/every').filter(({ type }) => type === 'job.progress')).toEqual([]);
    expect((await kiln.get(id)).webhook).toBeNull();
  });
});

describe('a message of progress', () => {
  const write = async (path: string, ageSeconds: number): Promise<string> => {
    const id = newId('whd');
    const { id: keyId } = await kiln.newKey();
    // Its clock is this test: no worker looks for it for a minute.
    await execute(
      kiln.database,
      sql`INSERT INTO webhook_delivery (id, key_id, job_id, sequence, event, url, body, wake_at, created_at)
          VALUES (${id}, ${keyId}, ${newId('job')}, 3, 'job.progress', ${`http://${receiver.host}${path}`}, '{"type": "job.progress"}',
                  now() - interval '1 second', now() - ${ageSeconds}::int * interval '1 second')`,
    );
    return id;
  };
  const stateOf = (id: string) =>
    queryRow(
      kiln.database,
      sql`SELECT status, attempts, last_error AS error, wake_at AS "wakeAt" FROM webhook_delivery WHERE id = ${id}`,
    );
  const send = (id: string) => kiln.app.get(WebhookSender).deliver(id, 0);

  it('is tried twice', async () => {
    const id = await write('/twice', 0);
    const busy = { code: 503 };
    receiver.answer(
      '/twice',
      (response) => void response.writeHead(busy.code).end(),
      (response) => void response.writeHead(busy.code).end(),
    );
    const waitMs = await send(id);
    expect(waitMs).toBeGreaterThanOrEqual(4000);
    expect(waitMs).toBeLessThanOrEqual(6000);
    await execute(
      kiln.database,
      sql`UPDATE webhook_delivery SET wake_at = now() - interval '1 second' WHERE id = ${id}`,
    );
    expect(await send(id)).toBeNull();
    expect(await stateOf(id)).toMatchObject({ status: 'failed', attempts: 2, wakeAt: null });
  });

  it('is not sent when it is a minute old', async () => {
    const id = await write('/late', 61);
    expect(await send(id)).toBeNull();
    expect(receiver.at('/late')).toEqual([]);
    expect(await stateOf(id)).toEqual({
      status: 'failed',
      attempts: 1,
      error: 'progress is not told later than a minute; not sent',
      wakeAt: null,
    });
  });
});
