import { createHmac } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { call, until } from '../test-client.js';
import { AUTH, FLUX, TestWire } from './test-wire.js';

let wire: TestWire;

beforeAll(async () => {
  wire = await TestWire.open();
});
afterAll(() => wire.sandbox.close());

describe('webhooks', () => {
  let receiver: Server;
  let url: string;
  let failures = 0;
  const received: { headers: Record<string, unknown>; body: string }[] = [];

  beforeAll(async () => {
    receiver = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        received.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
        response.statusCode = failures-- > 0 ? 503 : 204;
        response.end();
      });
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
  });
  beforeEach(() => {
    received.length = 0;
    failures = 0;
  });
  afterAll(() => receiver.close());

  const ring = (prompt: string, events: string[] = ['completed']) =>
    wire.started(FLUX, { prompt }, { webhook: url, webhook_events_filter: events });

  it("carry the prediction, signed with the account's secret", async () => {
    const id = await ring('x');
    await until(async () => received.length > 0);
    const [{ headers, body } = { headers: {}, body: '' }] = received;
    expect(JSON.parse(body)).toMatchObject({ id, status: 'succeeded', output: [expect.any(String)] });
    const { key } = (await call<{ key: string }>(`${wire.api}/webhooks/default/secret`, { headers: AUTH })).body;
    expect(key).toMatch(/^whsec_/);
    const signature = createHmac('sha256', Buffer.from(key.slice(6), 'base64'))
      .update(`${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`)
      .digest('base64');
    expect(headers['webhook-signature']).toBe(`v1,${signature}`);
  });

  it('come again where the receiver fails, with the same id', async () => {
    failures = 1;
    await ring('x');
    await until(async () => received.length === 2);
    expect(new Set(received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
  });

  it('come three times, or not at all, where a fault says so', async () => {
    await ring('x [[sandbox:duplicate-callbacks]]');
    await until(async () => received.length === 3);
    await ring('x [[sandbox:no-callback]]');
    await ring('x', ['start']);
    await ring('last');
    await until(async () => received.length === 4);
    expect(received[3]?.body).toContain('"last"');
  });
});
