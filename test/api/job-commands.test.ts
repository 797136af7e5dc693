import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execute, queryRows, sql } from '../../src/database/database.js';
import { PriceTokens } from '../../src/jobs/api/price-token.js';
import { WebhookSender } from '../../src/webhooks/sender.js';
import type { JobView } from '../../src/jobs/view/job-view.js';
import { dropGround, newGround, startKiln, type Ground, type Kiln } from '../support/kiln.js';
import { as, CLIP, eventually, expectError } from './harness.js';

// ComfyUI can be told to stop: the attempt of a canceled job closes soon.
const NEVER = { model: 'flux-dev', input: { prompt: '[[sandbox:never]] a tortoise', size: '256x256' } };
const PICTURE = { model: 'flux-dev', input: { prompt: 'a fox', size: '256x256' } };

let kiln: Kiln;
let ground: Ground;
let receiver: Server;
let hook: string;
const received: string[] = [];
let answerWith = 200;

beforeAll(async () => {
  receiver = createServer((request, response) => {
    received.push(String(request.headers['webhook-id']));
    request.resume();
    response.writeHead(answerWith).end();
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const { port } = receiver.address() as { port: number };
  hook = `http://127.0.0.1:${port}/hook`;
  ground = await newGround();
  kiln = await startKiln({ ground, env: { KILN_EGRESS_ALLOW: `127.0.0.1:${port}` } });
});
afterAll(async () => {
  await kiln.close();
  await dropGround(ground);
  receiver.close();
});

const command = (id: string, name: string, body?: unknown) =>
  kiln.call<JobView>('POST', `/v1/jobs/${id}/${name}`, body);
const closed = (id: string) =>
  eventually(async () => {
    const job = await kiln.get(id);
    return job.cost.charged_micro_usd !== null && job;
  });

describe('cancel', () => {
  test('cancel-job.200 at once, and again', async () => {
    const { id } = await kiln.post(NEVER);
    const first = await command(id, 'cancel');
    expect(first).toMatchObject({ status: 200, body: { status: 'canceled', error: null } });
    expect(await command(id, 'cancel')).toMatchObject({ status: 200, body: { status: 'canceled', run: 1 } });
    expect((await closed(id)).cost.charged_micro_usd).toBe(0);
  });

  test('cancel-job.409 names the outcome, and an SDK need not try again', async () => {
    const { id } = await kiln.post(PICTURE);
    await kiln.finished(id);
    const answer = await command(id, 'cancel');
    expectError(answer, 'job_finished', { says: ['succeeded'] });
    expect(answer.headers.get('x-should-retry')).toBe('false');
  });

  test('cancel-job.400 for a body that means something', async () => {
    const { id } = await kiln.post(NEVER);
    expectError(await command(id, 'cancel', { reason: 'x' }), 'invalid_request_error', {
      code: 'unknown_parameter',
      param: 'reason',
    });
    await command(id, 'cancel');
  });
});

describe('replay', () => {
  test('replay-job.202 runs a canceled job again under its id', async () => {
    const { id } = await kiln.post({ ...PICTURE, webhook: undefined });
    await command(id, 'cancel');
    await closed(id);
    const answer = await command(id, 'replay');
    expect(answer).toMatchObject({ status: 202, body: { id, run: 2, status: 'queued', error: null } });
    expect(await kiln.finished(id)).toMatchObject({ run: 2, status: 'succeeded' });
  });

  test('replay-job.409 of a job that succeeded or runs', async () => {
    const done = await kiln.post(PICTURE);
    await kiln.finished(done.id);
    expectError(await command(done.id, 'replay'), 'job_not_replayable', { says: ['succeeded'] });
    const live = await kiln.post(NEVER);
    expectError(await command(live.id, 'replay'), 'job_not_replayable');
    await command(live.id, 'cancel');
  });

  test('replay-job.400 for a route the model does not have, naming those it has', async () => {
    const { id } = await kiln.post(NEVER);
    await command(id, 'cancel');
    await closed(id);
    expectError(await command(id, 'replay', { route: 'nowhere' }), 'invalid_request_error', {
      param: 'route',
      says: ['flux-dev/comfyui', 'nowhere'],
    });
  });

  test('replay-job.422 when the input is gone', async () => {
    const { id } = await kiln.post(NEVER);
    await command(id, 'cancel');
    await closed(id);
    await execute(kiln.database, sql`UPDATE job SET input = 'null'::jsonb WHERE id = ${id}`);
    expectError(await command(id, 'replay'), 'input_expired', { param: 'input' });
  });
});

describe('delete', () => {
  test('delete-job.409 of a live job', async () => {
    const { id } = await kiln.post(NEVER);
    const answer = await kiln.call('DELETE', `/v1/jobs/${id}`);
    expectError(answer, 'job_not_finished', { says: ['cancel it'] });
    await command(id, 'cancel');
  });

  test('delete-job.200: the job, its files and its messages are gone, its money stays', async () => {
    answerWith = 500;
    const { id } = await kiln.post({ ...PICTURE, webhook: { url: hook } });
    const done = await kiln.finished(id);
    const url = done.outputs[0]?.url ?? '';
    expect((await fetch(url)).status).toBe(200);
    const delivery = await eventually(async () =>
      (await kiln.get(id)).webhook?.deliveries.find((one) => one.attempts > 0),
    );
    expect(delivery.status).toBe('pending');

    expect(await kiln.call('DELETE', `/v1/jobs/${id}`)).toMatchObject({
      status: 200,
      body: { id, object: 'job.deleted', deleted: true },
    });
    for (const [method, path] of [
      ['GET', ''],
      ['GET', '/events'],
      ['POST', '/cancel'],
      ['POST', '/replay'],
      ['DELETE', ''],
      ['GET', '/outputs/0/content'],
    ] as const)
      expectError(await kiln.call(method, `/v1/jobs/${id}${path}`), 'not_found');
    expect((await fetch(url)).status).toBeGreaterThanOrEqual(400);
    expectError(await kiln.call('GET', `/v1/webhook_deliveries/${delivery.id}`), 'not_found');
    expect(await queryRows(kiln.database, sql`SELECT 1 FROM webhook_delivery WHERE job_id = ${id}`)).toHaveLength(0);
    // What the queue still holds for it finds nothing to send.
    const before = received.length;
    expect(await kiln.app.get(WebhookSender).deliver(delivery.id, 0)).toBeNull();
    expect(received).toHaveLength(before);
    expect(await queryRows(kiln.database, sql`SELECT 1 FROM ledger_entry WHERE work_id = ${id}`)).toHaveLength(2);
    answerWith = 200;
  });
});

describe('output content', () => {
  test('output-content.302 to each variant', async () => {
    const { id } = await kiln.post(PICTURE);
    const done = await kiln.finished(id);
    const content = (query = '') => kiln.call('GET', `/v1/jobs/${id}/outputs/0/content${query}`);
    for (const variant of ['content', ...Object.keys(done.outputs[0]?.variants ?? {})]) {
      const answer = await content(`?variant=${variant}`);
      expect(answer.status).toBe(302);
      expect(answer.headers.get('cache-control')).toBe('no-store');
      const file = await fetch(answer.headers.get('location') ?? '');
      expect([file.status, file.headers.get('content-type')]).toEqual([200, expect.stringMatching(/^image\//)]);
    }
    expect((await content()).status).toBe(302);
    expect((await kiln.call('HEAD', `/v1/jobs/${id}/outputs/0/content`)).status).toBe(302);
    expectError(await content('?variant=huge'), 'invalid_request_error', {
      param: 'variant',
      says: ['"poster"', 'huge'],
    });
    expectError(await kiln.call('GET', `/v1/jobs/${id}/outputs/7/content`), 'not_found');
    expectError(await kiln.call('GET', `/v1/jobs/${id}/outputs/x/content`), 'not_found');
  });

  test('output-content.409 before the end, .404 of a job that failed, .410 after its time', async () => {
    const live = await kiln.post(NEVER);
    const early = await kiln.call('GET', `/v1/jobs/${live.id}/outputs/0/content`);
    expectError(early, 'job_not_finished');
    expect(early.headers.get('retry-after')).not.toBeNull();
    await command(live.id, 'cancel');
    expectError(await kiln.call('GET', `/v1/jobs/${live.id}/outputs/0/content`), 'not_found');

    const { id } = await kiln.post(PICTURE);
    await kiln.finished(id);
    await execute(kiln.database, sql`UPDATE output SET expires_at = now() - interval '1 second' WHERE job_id = ${id}`);
    expectError(await kiln.call('GET', `/v1/jobs/${id}/outputs/0/content`), 'output_expired');
    expect((await kiln.get(id)).outputs[0]).toMatchObject({ expired: true, url: null, variants: {} });
  });
});

describe('quote', () => {
  type Quote = { price_micro_usd: number; quote_id: string; route: { id: string }; expires_at: string };
  const quote = (body: unknown = CLIP, headers = {}) => kiln.call<Quote>('POST', '/v1/jobs/quote', body, headers);

  test('quote.200 says what it costs, where it runs and until when that holds', async () => {
    const { status, body } = await quote();
    expect(status).toBe(200);
    expect(body).toMatchObject({
      object: 'quote',
      model: 'veo-3.1',
      route: { id: 'veo-3.1/vertex' },
      eta_seconds: expect.any(Number),
    });
    expect(new Date(body.expires_at).getTime()).toBeGreaterThan(Date.now());
    const job = await kiln.post({ ...CLIP, quote_id: body.quote_id });
    expect(job.cost.held_micro_usd).toBe(body.price_micro_usd);
    await command(job.id, 'cancel');
  });

  test('quote.400: no quote of a quote', async () => {
    const { body } = await quote();
    expectError(await quote({ ...CLIP, quote_id: body.quote_id }), 'invalid_request_error', {
      code: 'unknown_parameter',
      param: 'quote_id',
    });
  });

  test('create-job.400 with a quote for other input, another model or key, a tampered or an old one', async () => {
    const { quote_id } = (await quote()).body;
    const other = await kiln.newKey();
    const refused: [Record<string, unknown>, Record<string, string>, string][] = [
      [{ ...CLIP, input: { ...CLIP.input, duration_seconds: 8 }, quote_id }, {}, 'another model or input'],
      [{ ...CLIP, model: 'veo-3.1-fast', quote_id }, {}, 'another model or input'],
      [{ ...CLIP, quote_id }, as(other.secret), 'another model or input'],
      [{ ...CLIP, quote_id: `${quote_id}x` }, {}, 'not a quote'],
      [{ ...CLIP, quote_id: quote_id.replace('quote_', 'quote_A') }, {}, 'not a quote'],
    ];
    for (const [body, headers, says] of refused) {
      const answer = await kiln.call('POST', '/v1/jobs', body, headers);
      expectError(answer, 'invalid_request_error', { param: 'quote_id', says: [says, '/v1/jobs/quote'] });
    }
    const [payload = ''] = quote_id.slice('quote_'.length).split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { k: string; p: never };
    const job = await kiln.post(CLIP);
    const old = kiln.app.get(PriceTokens).sign({
      keyId: claims.k,
      model: CLIP.model,
      input: job.input,
      price: claims.p,
      expiresAt: new Date(Date.now() - 1000),
    });
    expectError(await kiln.call('POST', '/v1/jobs', { ...CLIP, quote_id: old }), 'invalid_request_error', {
      param: 'quote_id',
      says: ['expired at'],
    });
    await command(job.id, 'cancel');
  });

  test('a price that changes between quote and job does not change the job', async () => {
    const { quote_id, price_micro_usd: quoted } = (await quote({ ...CLIP, input: { ...CLIP.input, prompt: 'draft' } }))
      .body;
    const dir = await mkdtemp(join(tmpdir(), 'kiln-overlay-'));
    const file = join(dir, 'catalog.yaml');
    await writeFile(file, 'platform_multiplier: 5\n');
    const { secret } = kiln;
    await kiln.close();
    kiln = await startKiln({ ground, env: { KILN_CATALOG: file } });
    const fresh = await kiln.call<JobView>('POST', '/v1/jobs', CLIP, as(secret));
    const pinned = await kiln.call<JobView>('POST', '/v1/jobs', { ...CLIP, quote_id }, as(secret));
    expect(pinned.body.cost.held_micro_usd).toBe(quoted);
    expect(fresh.body.cost.held_micro_usd).toBe(quoted * 2.5);
    await rm(dir, { recursive: true });
  });
});
