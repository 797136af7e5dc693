import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import sharp from 'sharp';
import { CALLBACK_SECRET } from '../../sandbox/kling/bell.js';
import { startSandbox, type Sandbox } from '../../sandbox/server.js';
import { probe, until } from '../../sandbox/test-client.js';
import type { JsonValue } from '../../src/common/json.js';
import { createEgress } from '../../src/egress/create-egress.js';
import type { Egress } from '../../src/egress/egress.js';
import type { CallbackRequest, MediaTask, ProviderContext } from '../../src/providers/contract.js';
import { kling } from '../../src/providers/kling/index.js';
import type { Wire } from '../../src/providers/kling/options.js';
import { readAll, reference } from '../support/provider-wire.js';

let sandbox: Sandbox;
let egress: Egress;
const rings: CallbackRequest[] = [];
const receiver = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    rings.push({ headers: request.headers as CallbackRequest['headers'], body: Buffer.concat(chunks) });
    response.end();
  });
});
let callbackUrl: string;

beforeAll(async () => {
  sandbox = await startSandbox({ speed: 0 });
  egress = createEgress({ configuredOrigins: () => [sandbox.url], allow: [new URL(sandbox.url).host] });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  callbackUrl = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/bell`;
});
beforeEach(() => {
  rings.length = 0;
});
afterAll(async () => {
  receiver.close();
  await egress.close();
  await sandbox.close();
});

const API_KEY = 'sandbox';
const PAIR = 'sandbox:sandbox';
const context = (key: string, more: Partial<ProviderContext> = {}): ProviderContext => ({
  endpoint: `${sandbox.url}/kling`,
  credential: { kind: 'api_key', key },
  token: randomUUID(),
  fetch: (url, options) => egress.configured(url, options),
  fetchForeign: (url, options) => egress.foreign(url, options),
  now: () => Date.now(),
  signal: AbortSignal.timeout(30_000),
  keep: async () => {
    throw new Error('this wire is not synchronous');
  },
  ...more,
});
const task = (wire: Wire, prompt: string, references: MediaTask['references'] = []): MediaTask => ({
  jobId: 'job_1',
  modality: 'video',
  operation: references.length > 0 ? 'image_to_video' : 'text_to_video',
  model: wire === 'current' ? 'kling-3.0' : 'kling-v3',
  input: { prompt, duration_seconds: 3 },
  references,
  options: {},
  settings: { wire },
});
const ended = async (taskId: JsonValue, ctx: ProviderContext) =>
  until(async () => {
    const state = await kling.poll(taskId, ctx);
    return state.state === 'pending' ? null : state;
  });

test.each([
  ['current', API_KEY],
  ['legacy', API_KEY],
  ['legacy', PAIR],
] as const)('%s with %s: from a picture to a clip of its shape', async (wire, key) => {
  const bytes = await sharp({ create: { width: 360, height: 640, channels: 3, background: '#3aa' } })
    .jpeg()
    .toBuffer();
  const picture = reference('image', 'image', bytes, { contentType: 'image/jpeg', width: 360, height: 640 });
  const ctx = context(key);
  const { taskId } = await kling.submit(task(wire, 'a kite', [picture]), ctx);
  const state = await ended(taskId, ctx);
  const artifact = state.state === 'succeeded' ? state.artifacts[0] : undefined;
  if (!artifact) throw new Error(`expected a clip, got ${JSON.stringify(state)}`);
  const file = await readAll((await kling.openArtifact(artifact, taskId, ctx, 0)).body);
  expect(probe(file, 'mp4').streams[0]).toMatchObject({ width: 720, height: 1280 });
});

test.each([
  ['current', API_KEY],
  ['legacy', API_KEY],
  ['legacy', PAIR],
] as const)('%s with %s: a lost answer is found by its token, sent again it leads to the same', async (wire, key) => {
  const ctx = context(key);
  const lost = task(wire, `[[sandbox:drop-after=1]] ${randomUUID()}`);
  await expect(kling.submit(lost, ctx)).rejects.toMatchObject({ outcome: 'unknown' });
  const found = await kling.findByToken?.(ctx.token, ctx);
  expect(found).toMatchObject({ wire });
  expect((await kling.submit(lost, ctx)).taskId).toEqual(found);
  expect(await ended(found ?? null, ctx)).toMatchObject({ state: 'succeeded' });
  expect(await kling.findByToken?.(randomUUID(), ctx)).toBeNull();
});

test('the current wire refuses a pair of keys, which closes the route and not the credential', async () => {
  await expect(kling.submit(task('current', 'x'), context(PAIR))).rejects.toMatchObject({
    kind: 'not_found',
    outcome: 'rejected',
  });
});

test.each(['current', 'legacy'] as const)('%s: callbacks are believed by their signature', async (wire) => {
  const ctx = context(API_KEY, { callbackUrl, callbackSecret: CALLBACK_SECRET });
  await kling.submit(task(wire, 'a kite'), ctx);
  const [ring] = await until(async () => (rings.length > 0 ? rings : null));
  if (!ring) throw new Error('nothing rang');
  expect(await kling.verifyCallback?.(ring, ctx)).toBeNull();
  const changed = { ...ring, body: Buffer.from(ring.body.toString().replace('succe', 'fa')) };
  expect(await kling.verifyCallback?.(changed, ctx)).toBe('no signature fits');
  const other = { ...ctx, callbackSecret: `whsec_${Buffer.from('another').toString('base64')}` };
  expect(await kling.verifyCallback?.(ring, other)).toBe('no signature fits');
});

test.each(['current', 'legacy'] as const)('%s: what can go wrong on the way', async (wire) => {
  const ctx = context(API_KEY);
  const submit = async (marker: string) =>
    kling.submit(task(wire, `[[sandbox:${marker}]] x`), { ...ctx, token: randomUUID() });
  await expect(submit('429')).rejects.toMatchObject({ kind: 'rate_limited', outcome: 'rejected' });
  await expect(submit('500')).rejects.toMatchObject({ kind: 'internal', outcome: 'unknown' });
  await expect(submit('503')).rejects.toMatchObject({ kind: 'unavailable', outcome: 'unknown' });
  await expect(submit('policy-submit')).rejects.toMatchObject({ kind: 'content_policy', outcome: 'rejected' });
  await expect(submit('malformed-submit')).rejects.toMatchObject({ kind: 'internal', outcome: 'unknown' });
  const endOf = async (marker: string) => ended((await submit(marker)).taskId, ctx);
  expect(await endOf('policy')).toMatchObject({ state: 'failed', error: { kind: 'content_policy' } });
  expect(await endOf('fail')).toMatchObject({ state: 'failed', error: { kind: 'internal' } });
  expect(await endOf('empty')).toMatchObject({ state: 'failed', error: { kind: 'internal' } });
  expect(await endOf('lost')).toEqual({ state: 'missing' });
});
