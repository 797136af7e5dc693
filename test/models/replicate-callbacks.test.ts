import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Sandbox, startSandbox } from '../../sandbox/server.js';
import { until } from '../../sandbox/test-client.js';
import { createEgress } from '../../src/egress/create-egress.js';
import type { Egress } from '../../src/egress/egress.js';
import type { CallbackRequest, MediaTask, ProviderContext } from '../../src/providers/contract.js';
import { makeReplicate } from '../../src/providers/replicate/index.js';
import { TOKEN } from '../support/provider-wire.js';

/** The adapter's check against the emulator's signature: two readings of the documentation, over real sockets. */
const TASK: MediaTask = {
  jobId: 'job_1',
  modality: 'image',
  operation: 'text_to_image',
  model: 'black-forest-labs/flux-dev',
  input: { prompt: 'ring' },
  references: [],
  options: {},
  settings: { family: 'flux-dev' },
};

let sandbox: Sandbox;
let egress: Egress;
let receiver: Server;
let ctx: ProviderContext;
const rings: CallbackRequest[] = [];

beforeAll(async () => {
  sandbox = await startSandbox({ speed: 0.01 });
  const { origin, host } = new URL(sandbox.url);
  egress = createEgress({ configuredOrigins: () => [origin], allow: [host] });
  receiver = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      rings.push({ headers: request.headers as CallbackRequest['headers'], body: Buffer.concat(chunks) });
      response.end();
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  ctx = {
    endpoint: `${sandbox.url}/replicate/v1`,
    credential: { kind: 'api_key', key: 'sandbox' },
    token: TOKEN,
    fetch: (url, options) => egress.configured(url, options),
    fetchForeign: (url, options) => egress.foreign(url, options),
    now: () => Date.now(),
    signal: AbortSignal.timeout(60_000),
    callbackUrl: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/callbacks/replicate/t`,
    keep: async () => {
      throw new Error('this wire is not synchronous');
    },
  };
});
afterAll(async () => {
  receiver.close();
  await egress.close();
  await sandbox.close();
});

test('a webhook passes with the secret fetched from the account, a changed or late one does not', async () => {
  const replicate = makeReplicate();
  const { taskId } = await replicate.submit(TASK, ctx);
  const ring = await until(async () => rings[0]);
  expect(JSON.parse(ring.body.toString())).toMatchObject({ id: (taskId as { id: string }).id, status: 'succeeded' });
  expect(await replicate.verifyCallback?.(ring, ctx)).toBeNull();
  const forged = { ...ring, body: Buffer.concat([ring.body, Buffer.from(' ')]) };
  expect(await replicate.verifyCallback?.(forged, ctx)).toMatch(/no signature fits/);
  const late = { ...ctx, now: () => Date.now() + 400_000 };
  expect(await replicate.verifyCallback?.(ring, late)).toMatch(/too far from now/);
});

test('without the credential nothing is believed', async () => {
  const ring = await until(async () => rings[0]);
  await expect(makeReplicate().verifyCallback?.(ring, { ...ctx, credential: null })).rejects.toMatchObject({
    kind: 'auth',
  });
});
