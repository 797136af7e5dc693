import { execute, queryRow, sql } from '../../src/database/database.js';
import { JobHub } from '../../src/jobs/events/hub.js';
import type { JobView } from '../../src/jobs/view/job-view.js';
import { startKiln, type Kiln } from '../support/kiln.js';
import { as, CLIP, eventually, expectError, JSON_TYPE, open, raw } from './harness.js';

const MAX_BODY_BYTES = 2 * 1024 * 1024;

let kiln: Kiln;
beforeAll(async () => {
  kiln = await startKiln({ env: { KILN_MAX_BODY_BYTES: String(MAX_BODY_BYTES) } });
});
afterAll(async () => kiln.drop());

const create = (body: unknown, headers?: Record<string, string>) =>
  kiln.call<JobView>('POST', '/v1/jobs', body, headers);
/** Jobs that end only when asked to. */
const SLOW = { model: 'veo-3.1', input: { prompt: '[[sandbox:never]] a tortoise', duration_seconds: 4 } };

describe('create-job.202', () => {
  test('answers with the job, where it is and what to ask next', async () => {
    const answer = await create({ ...CLIP, metadata: { order: '7' }, priority: 'high', retention_seconds: 3600 });
    expect(answer.status).toBe(202);
    const { id } = answer.body;
    expect(answer.body).toMatchObject({
      object: 'job',
      status: 'queued',
      model: 'veo-3.1',
      run: 1,
      input: { prompt: 'a lighthouse at dusk', duration_seconds: 4, resolution: '720p' },
      metadata: { order: '7' },
      error: null,
      outputs: [],
      urls: { self: `${kiln.url}/v1/jobs/${id}`, cancel: `${kiln.url}/v1/jobs/${id}/cancel` },
    });
    expect(answer.body.cost.held_micro_usd).toBeGreaterThan(0);
    expect(answer.headers.get('location')).toBe(answer.body.urls.self);
    expect(answer.headers.get('x-kiln-job-id')).toBe(id);
  });

  test('a job that is not done within `Prefer: wait` is answered with as it is', async () => {
    const answer = await create(SLOW, { prefer: 'wait=1' });
    expect(answer.status).toBe(202);
    expect(answer.headers.get('preference-applied')).toBe('wait=1');
    await kiln.call('POST', `/v1/jobs/${answer.body.id}/cancel`);
  });

  test('a client that hangs up while it waits loses nothing', async () => {
    const marker = { ...SLOW, metadata: { who: 'left' } };
    const { hangUp } = open(kiln, 'POST', '/v1/jobs', { body: marker, headers: { prefer: 'wait=60' } });
    const find = async () => (await kiln.call<{ data: JobView[] }>('GET', '/v1/jobs?metadata[who]=left')).body.data[0];
    const job = await eventually(find);
    expect(kiln.app.get(JobHub).watchers).toBe(1);
    hangUp();
    await eventually(async () => kiln.app.get(JobHub).watchers === 0);
    expect((await kiln.get(job.id)).status).toMatch(/queued|running/);
    await kiln.call('POST', `/v1/jobs/${job.id}/cancel`);
  });
});

describe('create-job.200', () => {
  test('`Prefer: wait` answers with the finished job', async () => {
    const answer = await create(
      { model: 'flux-dev', input: { prompt: 'a fox', size: '256x256' } },
      { prefer: 'respond-async, wait=60' },
    );
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ status: 'succeeded', outputs: [{ type: 'image' }] });
    expect(answer.headers.get('x-kiln-cost-micro-usd')).toBe(String(answer.body.cost.charged_micro_usd));
    expect(answer.headers.get('x-kiln-route')).toBe('flux-dev/comfyui');
  });
});

describe('create-job.400', () => {
  const wrong: [string, Record<string, unknown>, string, string[]][] = [
    ['model missing', { input: {} }, 'model', ['required', 'string']],
    ['model of another type', { ...CLIP, model: 7 }, 'model', ['expected string', 'got 7']],
    ['input missing', { model: 'veo-3.1' }, 'input', ['required']],
    ['a value outside of its list', { ...CLIP, priority: 'urgent' }, 'priority', ['"low"|"normal"|"high"', 'urgent']],
    ['a number outside of its range', { ...CLIP, deadline_seconds: 0 }, 'deadline_seconds', ['>=1', 'got 0']],
    ['metadata that is no text', { ...CLIP, metadata: { a: 1 } }, 'metadata.a', ['expected string', 'got 1']],
    ['half of a character', { ...CLIP, metadata: { a: '\ud800' } }, 'metadata.a', ['surrogate']],
    ['a NUL', { ...CLIP, routing: { only: ['a\0b'] } }, 'routing.only[0]', ['NUL']],
    [
      'an event that does not exist',
      { ...CLIP, webhook: { url: 'https://a.example', events: ['x'] } },
      'webhook.events[0]',
      ['job.succeeded'],
    ],
    ['no such route', { ...CLIP, routing: { only: ['nowhere'] } }, 'routing.only', ['veo-3.1']],
    [
      'an input out of range',
      { ...CLIP, input: { prompt: 'x', duration_seconds: 5 } },
      'input.duration_seconds',
      ['4, 6', '5'],
    ],
    [
      'a field the model refuses',
      { ...CLIP, input: { prompt: 'x', steps: 4 } },
      'input.steps',
      ['no such control', 'Allowed'],
    ],
    ['a reference that is none', { ...CLIP, input: { prompt: 'x', image: 'cat.png' } }, 'input.image', ['upload']],
    ['a quote that is none', { ...CLIP, quote_id: `quote_x.${'é'.repeat(43)}` }, 'quote_id', ['not a quote']],
  ];
  test.each(wrong)('%s', async (_what, body, param, says) => {
    expectError(await create(body), 'invalid_request_error', { param, says });
  });

  const unknown: [string, Record<string, unknown>, string, string][] = [
    ['at the top', { ...CLIP, modle: 'x' }, 'modle', 'Allowed: model, input'],
    ['in routing', { ...CLIP, routing: { cheapest: true } }, 'routing.cheapest', 'allow_substitution'],
    [
      'in webhook',
      { ...CLIP, webhook: { url: 'https://a.example', secret: 'x' } },
      'webhook.secret',
      'Allowed: url, events',
    ],
    ['in the input', { ...CLIP, input: { prompt: 'x', promt: 'y' } }, 'input.promt', 'Allowed: prompt'],
    ['in provider_options', { ...CLIP, provider_options: { openai: {} } }, 'provider_options.openai', 'google'],
  ];
  test.each(unknown)('an unknown parameter %s', async (_where, body, param, says) => {
    expectError(await create(body), 'invalid_request_error', { code: 'unknown_parameter', param, says: [says] });
  });

  test.each([
    ['http://169.254.169.254/latest/meta-data', '169.254.169.254'],
    ['https://169.254.169.254/', '169.254.169.254'],
    ['https://127.0.0.1/hook', '127.0.0.1'],
    ['https://[::ffff:127.0.0.1]/hook', '127.0.0.1'],
    ['http://hooks.example.com/', 'https'],
    ['https://user:secret@hooks.example.com/', 'https'],
    ['ftp://hooks.example.com/', 'https'],
    ['nonsense', 'nonsense'],
  ])('a webhook at %s', async (url, says) => {
    expectError(await create({ ...CLIP, webhook: { url } }), 'invalid_request_error', {
      param: 'webhook.url',
      says: ["'webhook.url'", says],
    });
  });

  test.each([
    ['broken JSON', '{"model": ', 'not valid JSON'],
    ['a prototype', '{"__proto__": {"model": "x"}}', 'not valid JSON'],
    ['nothing', '', 'needs a JSON body'],
    ['null', 'null', 'needs a JSON body'],
    ['a list', '[]', 'expected object'],
  ])('%s as the body', async (_what, body, says) => {
    expectError(await raw(kiln, 'POST', '/v1/jobs', body, JSON_TYPE), 'invalid_request_error', { says: [says] });
  });

  test('a prompt of a megabyte, without repeating it', async () => {
    const answer = await create({ model: 'veo-3.1', input: { prompt: 'x'.repeat(1024 * 1024) } });
    expectError(answer, 'invalid_request_error', { param: 'input.prompt', says: ['1048576', '4000'] });
    expect(JSON.stringify(answer.body).length).toBeLessThan(500);
  });

  test.each([
    ['wait=61', 'Prefer', '60'],
    ['wait=99999999999999999999', 'Prefer', '60'],
  ])('Prefer: %s', async (prefer, param, says) => {
    expectError(await create(CLIP, { prefer }), 'invalid_request_error', { param, says: [says] });
  });

  test('an Idempotency-Key of more than 255 characters', async () => {
    const answer = await create(CLIP, { 'idempotency-key': 'k'.repeat(256) });
    expectError(answer, 'invalid_request_error', { param: 'Idempotency-Key', says: ['255', '256'] });
  });
});

describe('create-job.401', () => {
  test.each([
    ['no key', {}, 'No API key'],
    ['a wrong key', { authorization: 'Bearer sk-wrong' }, 'not valid'],
    ['another scheme', { authorization: 'Basic c2std3Jvbmc6' }, 'No API key'],
    ['a wrong x-api-key', { 'x-api-key': 'sk-wrong' }, 'not valid'],
  ])('%s', async (_what, headers, says) => {
    const response = await fetch(`${kiln.url}/v1/jobs`, {
      method: 'POST',
      headers: { ...JSON_TYPE, ...(headers as Record<string, string>) },
      body: JSON.stringify(CLIP),
    });
    const body = (await response.json()) as Record<string, unknown>;
    expectError({ status: response.status, headers: response.headers, body }, 'authentication_error', {
      code: 'invalid_api_key',
      says: [says],
    });
    expect(response.headers.get('www-authenticate')).toBe('Bearer');
  });
});

test('create-job.403 names the model and what the key may call', async () => {
  const { secret } = await kiln.newKey({ allowed_models: ['flux-*', 'ace-step'] });
  expectError(await create(CLIP, as(secret)), 'key_model_access_denied', {
    param: 'model',
    says: ['veo-3.1', 'flux-*, ace-step'],
  });
});

test('create-job.404 for a model that does not exist', async () => {
  expectError(await create({ ...CLIP, model: 'veo-9' }), 'not_found', {
    code: 'model_not_found',
    param: 'model',
    says: ['veo-9', '/v1/models'],
  });
});

test('create-job.413 for a body above the limit', async () => {
  const answer = await create({ ...CLIP, metadata: { a: 'x'.repeat(MAX_BODY_BYTES) } });
  expectError(answer, 'payload_too_large', { says: [String(MAX_BODY_BYTES)] });
});

describe('create-job.415', () => {
  test.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/xml',
    'image/png',
    'multipart/form-data; boundary=x',
  ])('content type %s', async (type) => {
    const answer = await raw(kiln, 'POST', '/v1/jobs', JSON.stringify(CLIP), { 'content-type': type });
    expectError(answer, 'unsupported_media_type', {
      param: 'Content-Type',
      says: [type.slice(0, 20), 'application/json'],
    });
  });
});

test('create-job.422 for an upload that was rejected, naming the field', async () => {
  const form = new FormData();
  form.append('file', new Blob(['no picture'], { type: 'image/png' }), 'cat.png');
  expectError(await kiln.call('POST', '/v1/uploads', form), 'unusable_media', { param: 'file' });
  const { data } = (await kiln.call<{ data: { id: string }[] }>('GET', '/v1/uploads')).body;
  const answer = await create({ ...CLIP, input: { prompt: 'x', image: data[0]?.id } });
  expectError(answer, 'unusable_media', { param: 'input.image', says: [String(data[0]?.id)] });
});

describe('create-job.429', () => {
  test('as many jobs as the key may have waiting, however many come at once', async () => {
    const { id, secret } = await kiln.newKey({ max_queued_jobs: 3, max_concurrent_jobs: 1 });
    // Nothing is admitted, so what is accepted waits.
    await execute(kiln.database, sql`UPDATE lane SET state = 'paused' WHERE id = 'veo-vertex'`);
    const answers = await Promise.all(Array.from({ length: 12 }, () => create(CLIP, as(secret))));
    const refused = answers.filter(({ status }) => status !== 202);
    expect(refused).toHaveLength(9);
    for (const answer of refused) {
      expectError(answer, 'rate_limit_exceeded', { says: ['3'] });
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    }
    const held = await queryRow<{ n: bigint }>(
      kiln.database,
      sql`SELECT count(*) AS n FROM ledger_entry WHERE key_id = ${id} AND kind = 'hold'`,
    );
    expect(Number(held?.n)).toBe(3);
    await execute(kiln.database, sql`UPDATE lane SET state = 'open' WHERE id = 'veo-vertex'`);
  });
});

test('create-job.503 while no route of the model is open, with when to ask again', async () => {
  const { data } = (await kiln.call<{ data: { id: string }[] }>('GET', '/admin/routes')).body;
  const routes = data.filter(({ id }) => id.startsWith('ace-step/'));
  expect(routes.length).toBeGreaterThan(0);
  for (const { id } of routes) await kiln.call('POST', `/admin/routes/${id}/pause`);
  // The state of routes is read afresh at least once a second.
  const answer = await eventually(async () => {
    const one = await create({ model: 'ace-step', input: { prompt: 'jazz', duration_seconds: 10 } });
    return one.status === 503 && one;
  });
  expectError(answer, 'route_unavailable', { says: ['ace-step', 'paused'] });
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
});
