import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import { Webhook as SvixWebhook } from 'svix';
import type { JobView } from '../../src/jobs/view/job-view.js';
import type { EndpointView } from '../../src/webhooks/endpoint-view.js';
import { Webhooks } from '../../src/webhooks/webhooks.js';
import { eventually } from '../api/harness.js';
import { startKiln, type Kiln } from '../support/kiln.js';
import { type Received, type Receiver, startReceiver } from './receiver.js';

const PICTURE = { model: 'flux-dev', input: { prompt: 'a fox', size: '256x256' } };

interface Message {
  type: string;
  timestamp: string;
  data: JobView;
}

let kiln: Kiln;
let receiver: Receiver;
/** Never answers; counts what it holds. */
let hanging: Server;
const held = { now: 0, most: 0, received: 0 };
beforeAll(async () => {
  receiver = await startReceiver();
  hanging = createServer((request, response) => {
    held.received += 1;
    held.now += 1;
    held.most = Math.max(held.most, held.now);
    request.resume();
    response.on('close', () => (held.now -= 1));
  }).listen(0, '127.0.0.1');
  await once(hanging, 'listening');
  const { port } = hanging.address() as AddressInfo;
  kiln = await startKiln({
    env: { KILN_EGRESS_ALLOW: `${receiver.host},127.0.0.1:${port}`, KILN_CONCURRENCY_WEBHOOK: '4' },
  });
});
afterAll(async () => {
  hanging.closeAllConnections();
  await kiln.drop();
  hanging.close();
  await receiver.close();
});

const register = async (path: string, events?: string[]) =>
  (
    await kiln.call<EndpointView & { secret: string }>('POST', '/v1/webhook_endpoints', {
      url: `http://${receiver.host}${path}`,
      events,
    })
  ).body;
const arrived = (path: string, count = 1): Promise<Received[]> =>
  eventually(async () => receiver.at(path).length >= count && receiver.at(path), 20);
const read = (secret: string, { body, headers }: Received): Message => {
  const readable = headers as Record<string, string>;
  const message = new StandardWebhook(secret).verify(body, readable);
  expect(new SvixWebhook(secret).verify(body, readable)).toEqual(message);
  return message as Message;
};
/** Links change with each look, and the message knows nothing of its own delivery. */
const lasting = ({ outputs, webhook: _webhook, urls: _urls, ...job }: JobView) => ({
  ...job,
  outputs: outputs.map(({ id, sha256, bytes, content_type: type }) => ({ id, sha256, bytes, type })),
});

test("a job's end reaches its own URL and every endpoint, each signed with its own secret", async () => {
  const [first, second] = [await register('/first'), await register('/second', ['job.running', 'job.succeeded'])];
  const own = await kiln.call<{ secret: string }>('GET', '/v1/webhooks/secret');
  const webhook = { url: `http://${receiver.host}/first` };
  const { id } = await kiln.post({ ...PICTURE, webhook });
  const job = await kiln.finished(id);

  // The same address twice: once as the job's own, once as the endpoint's.
  const atFirst = await arrived('/first', 2);
  const isOf = (secret: string) => (one: Received) => {
    try {
      return Boolean(read(secret, one));
    } catch {
      return false;
    }
  };
  const toOwn = atFirst.find(isOf(own.body.secret));
  const toFirst = atFirst.find(isOf(first.secret));
  const atSecond = await arrived('/second', 2);
  expect(atFirst).toHaveLength(2);
  const ids = [...atFirst, ...atSecond].map(({ headers }) => headers['webhook-id']);
  expect(new Set(ids).size).toBe(4);
  expect(atSecond.map((one) => read(second.secret, one).type).toSorted()).toEqual(['job.running', 'job.succeeded']);

  const message = read(first.secret, toFirst!);
  expect(message.type).toBe('job.succeeded');
  expect(message.data).toMatchObject({ id, status: 'succeeded' });
  expect(lasting(message.data)).toEqual(lasting(job));
  expect(lasting(read(own.body.secret, toOwn!).data)).toEqual(lasting(job));

  const [output] = message.data.outputs;
  const sentAt = Number(toFirst?.headers['webhook-timestamp']) * 1000;
  const lasts = Date.parse(output?.url_expires_at ?? '') - sentAt;
  expect(Math.abs(lasts - 86_400_000)).toBeLessThan(1000);
  const bytes = await fetch(output?.url ?? '');
  expect([bytes.status, (await bytes.arrayBuffer()).byteLength]).toEqual([200, output?.bytes]);
});

test('a receiver that hangs delays nobody else', async () => {
  const { id: keyId } = await kiln.newKey();
  const webhooks = kiln.app.get(Webhooks);
  const { port } = hanging.address() as AddressInfo;
  const write = (url: string, count: number): Promise<string[]> =>
    kiln.database.transaction(async (tx) => {
      const ids: string[] = [];
      for (let i = 0; i < count; i += 1) {
        const body = { type: 'webhook.test', timestamp: new Date().toISOString(), data: { i } };
        const message = { keyId, jobId: null, run: 1, sequence: null, event: 'webhook.test', url, body };
        ids.push(await webhooks.write(tx, message));
      }
      return ids;
    });
  await webhooks.enqueueAll(await write(`http://127.0.0.1:${port}/`, 200));
  await eventually(async () => held.now > 0);
  await webhooks.enqueueAll(await write(`http://${receiver.host}/healthy`, 20));
  expect(new Set((await arrived('/healthy', 20)).map(({ headers }) => headers['webhook-id'])).size).toBe(20);
  // One of four slots: had the others been taken too, the healthy ones would still wait for them.
  expect(held.most).toBe(1);
  expect(held.received).toBeLessThan(20);
});
