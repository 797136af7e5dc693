import { queryRows, sql } from '../../src/database/database.js';
import { Outcomes } from '../../src/jobs/engine/outcome.js';
import type { JobError } from '../../src/jobs/store/rows.js';
import { WebhookSender } from '../../src/webhooks/sender.js';
import {
  claimExpires,
  holdAt,
  image,
  jobRow,
  newPrompt,
  openGates,
  reconcile,
  settled,
  until,
  video,
} from '../jobs/engine-harness.js';
import { startKiln, type Kiln } from '../support/kiln.js';
import { type Received, type Receiver, startReceiver } from './receiver.js';

interface Message {
  id: string;
  type: string;
  sequence: number;
  run: number;
}

let receiver: Receiver;
let kiln: Kiln;
beforeAll(async () => {
  receiver = await startReceiver();
  kiln = await startKiln({ env: { KILN_EGRESS_ALLOW: receiver.host } });
});
afterEach(async () => {
  openGates();
  await kiln.sandbox.clearFaults();
});
afterAll(async () => {
  await kiln.drop();
  await receiver.close();
});

const ALL = ['job.running', 'job.progress', 'job.succeeded', 'job.failed', 'job.canceled'];
const TERMINAL = ['job.succeeded', 'job.failed', 'job.canceled'];
const REFUSED: JobError = { code: 'x', message: 'x', param: null, retryable: false };

const toMessage = ({ headers, body }: Received): Message => {
  const { type, sequence, run } = JSON.parse(body) as Message;
  return { id: String(headers['webhook-id']), type, sequence, run };
};
/** By their own numbers, as a receiver sorts them. */
const messagesAt = (path: string): Message[] =>
  receiver
    .at(path)
    .map(toMessage)
    .toSorted((a, b) => a.sequence - b.sequence);
const ends = (path: string): Message[] => messagesAt(path).filter(({ type }) => TERMINAL.includes(type));
const hook = (path: string) => ({ webhook: { url: `http://${receiver.host}${path}`, events: ALL } });
const cancel = (id: string) => kiln.call('POST', `/v1/jobs/${id}/cancel`);

/** Every row of a terminal message that the job has, sent or not. */
const written = (id: string) =>
  queryRows<{ event: string; run: number }>(
    kiln.database,
    sql`SELECT event, run FROM webhook_delivery WHERE job_id = ${id} AND event = ANY(${TERMINAL}) ORDER BY run`,
  );

it('numbers are those of the job’s events and of the event stream', async () => {
  const { id } = await kiln.post({ ...image(newPrompt()), ...hook('/numbers') });
  await kiln.finished(id);
  await until('the end came', () => ends('/numbers').length > 0);
  const events = await queryRows<{ type: string; sequence: number }>(
    kiln.database,
    sql`SELECT type, seq AS sequence FROM job_event WHERE job_id = ${id} ORDER BY seq`,
  );
  expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, i) => i + 1));
  const messages = messagesAt('/numbers');
  expect(messages.map(({ type }) => type)).toEqual(expect.arrayContaining(['job.running', 'job.succeeded']));
  expect(new Set(messages.map(({ sequence }) => sequence)).size).toBe(messages.length);
  for (const { type, sequence } of messages) expect(events).toContainEqual({ type, sequence });
  const stream = await kiln.call<{ text: string }>('GET', `/v1/jobs/${id}/events`, undefined, { 'last-event-id': '0' });
  for (const { type, sequence } of messages.filter((one) => one.type !== 'job.progress'))
    expect(stream.body.text).toContain(`id: ${sequence}\nevent: ${type}\n`);
});

describe('one end a run', () => {
  it('where cancel wins against success', async () => {
    const prompt = newPrompt();
    const held = holdAt('process.derived');
    const { id } = await kiln.post({ ...image(prompt), ...hook('/cancel-wins') });
    await held.reached;
    expect(await cancel(id)).toMatchObject({ status: 200, body: { status: 'canceled' } });
    held.open();
    await settled(kiln, id);
    await until('the end came', () => ends('/cancel-wins').length > 0);
    expect(await written(id)).toEqual([{ event: 'job.canceled', run: 1 }]);
    expect(ends('/cancel-wins')).toHaveLength(1);
  });

  it('where success wins against cancel', async () => {
    const held = holdAt('end.committed');
    const { id } = await kiln.post({ ...image(newPrompt()), ...hook('/success-wins') });
    await held.reached;
    expect(await cancel(id)).toMatchObject({ status: 409 });
    held.open();
    expect(await written(id)).toEqual([{ event: 'job.succeeded', run: 1 }]);
  });

  it('where many end the same job at once', async () => {
    const { id } = await kiln.post({ ...video(`[[sandbox:never]] ${newPrompt()}`), ...hook('/many') });
    await until('it is generating', async () => (await jobRow(kiln.database, id)).stage === 'generating');
    const outcomes = kiln.app.get(Outcomes);
    const ended = await Promise.all([
      outcomes.end({ jobId: id, transition: 'failed', error: REFUSED }),
      outcomes.end({ jobId: id, transition: 'canceled' }),
      outcomes.end({ jobId: id, transition: 'failed', error: REFUSED }),
      cancel(id).then(() => null),
    ]);
    expect(ended.filter((one) => one !== null).length).toBeLessThanOrEqual(1);
    expect(await written(id)).toHaveLength(1);
    await until('the end came', () => ends('/many').length > 0);
  });

  it('where the worker loses its claim just before the end, and another ends the job', async () => {
    const held = holdAt('process.derived');
    const { id } = await kiln.post({ ...image(newPrompt()), ...hook('/lost-claim') });
    await held.reached;
    await claimExpires(kiln.database, id);
    await until('another ended it', async () => {
      await reconcile(kiln);
      return (await jobRow(kiln.database, id)).status === 'succeeded';
    });
    held.open();
    await settled(kiln, id);
    await until('the end came', () => ends('/lost-claim').length > 0);
    expect(await written(id)).toEqual([{ event: 'job.succeeded', run: 1 }]);
    expect(new Set(ends('/lost-claim').map((one) => one.id)).size).toBe(1);
  });

  it('where the worker dies right after the end: the message goes out all the same, under one id', async () => {
    const held = holdAt('end.committed');
    const { id } = await kiln.post({ ...image(newPrompt()), ...hook('/died') });
    await held.reached;
    held.open(new Error('the worker died'));
    await until('the end came', async () => {
      // Its message may have died with it: then it is overdue.
      await kiln.app.get(WebhookSender).overdue(100, 0);
      return ends('/died').length > 0;
    });
    await settled(kiln, id);
    expect(await written(id)).toEqual([{ event: 'job.succeeded', run: 1 }]);
    expect(new Set(ends('/died').map((one) => one.id)).size).toBe(1);
  });

  it('and another one for a replay, with a new id and a higher number', async () => {
    const { id } = await kiln.post({ ...image(`[[sandbox:never]] ${newPrompt()}`), ...hook('/replayed') });
    await until('it is generating', async () => (await jobRow(kiln.database, id)).stage === 'generating');
    await cancel(id);
    await settled(kiln, id);
    expect((await kiln.call('POST', `/v1/jobs/${id}/replay`, {})).status).toBe(202);
    await until('it generates again', async () => (await jobRow(kiln.database, id)).stage === 'generating');
    await cancel(id);
    await until('both ends came', () => ends('/replayed').length === 2);
    const [first, second] = ends('/replayed');
    expect([first, second]).toMatchObject([
      { type: 'job.canceled', run: 1 },
      { type: 'job.canceled', run: 2 },
    ]);
    expect(second?.id).not.toBe(first?.id);
    expect(await written(id)).toEqual([
      { event: 'job.canceled', run: 1 },
      { event: 'job.canceled', run: 2 },
    ]);
    const all = messagesAt('/replayed');
    expect(all.map(({ run }) => run)).toEqual(all.map(({ run }) => run).toSorted((a, b) => a - b));
  });
});
