import { createServer, type Server } from 'node:http';
import type { JobView } from '../../src/jobs/view/job-view.js';
import { startKiln, type Kiln } from '../support/kiln.js';
import { tinyPng } from '../support/media.js';
import { as, CLIP, eventually, expectError } from './harness.js';

let kiln: Kiln;
let receiver: Server;
let stranger: string;
/** What the owner has; `urls` are those of the job. */
let theirs: {
  job: string;
  video: string;
  upload: string;
  presigned: string;
  delivery: string;
  token: string;
  entry: string;
  endpoint: string;
};

beforeAll(async () => {
  receiver = createServer((request, response) => request.resume().on('end', () => response.writeHead(200).end()));
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const { port } = receiver.address() as { port: number };
  kiln = await startKiln({ env: { KILN_EGRESS_ALLOW: `127.0.0.1:${port}` } });
  const form = new FormData();
  form.append('file', new Blob([new Uint8Array(await tinyPng())], { type: 'image/png' }), 'cat.png');
  const upload = await kiln.call<{ id: string }>('POST', '/v1/uploads', form);
  const presigned = await kiln.call<{ upload: { id: string } }>('POST', '/v1/uploads/presign', {
    content_type: 'image/png',
    bytes: 9,
  });
  const job = await kiln.post({
    model: 'flux-dev',
    input: { prompt: 'a fox', size: '256x256' },
    webhook: { url: `http://127.0.0.1:${port}/` },
  });
  await kiln.finished(job.id);
  const done = await eventually(async () => {
    const one = await kiln.get(job.id);
    return one.webhook?.deliveries[0] && one;
  });
  const clip = await kiln.post(CLIP);
  const endpoint = await kiln.call<{ id: string }>('POST', '/v1/webhook_endpoints', {
    url: `http://127.0.0.1:${port}/`,
  });
  theirs = {
    job: job.id,
    video: clip.id.replace('job_', 'video_'),
    upload: upload.body.id,
    presigned: presigned.body.upload.id,
    delivery: done.webhook?.deliveries[0]?.id ?? '',
    endpoint: endpoint.body.id,
    token: new URL(job.urls.events).searchParams.get('token') ?? '',
    entry: '',
  };
  const entries = await kiln.call<{ data: { id: string }[] }>('GET', '/v1/budget/entries');
  theirs.entry = entries.body.data[0]?.id ?? '';
  stranger = (await kiln.newKey()).secret;
});
afterAll(async () => {
  await kiln.drop();
  receiver.close();
});

const call = (method: string, path: string, body?: unknown) => kiln.call(method, path, body, as(stranger));

/** Every route of the API that takes an id, as the document names it, with whose id it is. */
const ROUTES: Record<string, () => string> = {
  'GET /v1/jobs/{id}': () => theirs.job,
  'DELETE /v1/jobs/{id}': () => theirs.job,
  'POST /v1/jobs/{id}/cancel': () => theirs.job,
  'POST /v1/jobs/{id}/replay': () => theirs.job,
  'GET /v1/jobs/{id}/events': () => theirs.job,
  'GET /v1/jobs/{id}/outputs/{n}/content': () => theirs.job,
  'GET /v1/videos/{id}': () => theirs.video,
  'DELETE /v1/videos/{id}': () => theirs.video,
  'GET /v1/videos/{id}/content': () => theirs.video,
  'POST /v1/videos/{id}/remix': () => theirs.video,
  'GET /v1/requests/{id}': () => theirs.job,
  'GET /v1/uploads/{id}': () => theirs.upload,
  'DELETE /v1/uploads/{id}': () => theirs.upload,
  'POST /v1/uploads/{id}/complete': () => theirs.presigned,
  'GET /v1/webhook_deliveries/{id}': () => theirs.delivery,
  'POST /v1/webhook_deliveries/{id}/redeliver': () => theirs.delivery,
  'GET /v1/webhook_endpoints/{id}': () => theirs.endpoint,
  'PATCH /v1/webhook_endpoints/{id}': () => theirs.endpoint,
  'DELETE /v1/webhook_endpoints/{id}': () => theirs.endpoint,
  'GET /v1/webhook_endpoints/{id}/secret': () => theirs.endpoint,
  'POST /v1/webhook_endpoints/{id}/rotate_secret': () => theirs.endpoint,
  'POST /v1/webhook_endpoints/{id}/test': () => theirs.endpoint,
};

test('the table has every route that takes an id of a key', async () => {
  const { paths } = (await kiln.call<{ paths: Record<string, Record<string, unknown>> }>('GET', '/openapi.json')).body;
  const taking = Object.entries(paths)
    .filter(([path]) => path.startsWith('/v1/') && path.includes('{') && !path.startsWith('/v1/models/'))
    .flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`));
  expect(taking.toSorted()).toEqual(Object.keys(ROUTES).toSorted());
});

test.each(Object.keys(ROUTES))('%s', async (route) => {
  const [method = '', template = ''] = route.split(' ');
  const id = ROUTES[route]?.() ?? '';
  const path = template.replace('{id}', id).replace('{n}', '0');
  expectError(await call(method, path, method === 'PATCH' ? {} : undefined), 'not_found', { says: [id] });
});

const references: [string, () => unknown][] = [
  ['an upload id', () => theirs.upload],
  ['{upload_id}', () => ({ upload_id: theirs.upload })],
  ['{job_id, output}', () => ({ job_id: theirs.job, output: 0 })],
];
describe.each(references)('a reference to %s', (_what, reference) => {
  test('as a first frame', async () => {
    const body = { ...CLIP, input: { ...CLIP.input, image: reference() } };
    expectError(await call('POST', '/v1/jobs', body), 'not_found', { param: 'input.image' });
  });

  test('in a list', async () => {
    const body = { ...CLIP, input: { prompt: 'x', duration_seconds: 8, reference_images: [reference()] } };
    expectError(await call('POST', '/v1/jobs', body), 'not_found', { param: 'input.reference_images[0]' });
  });
});

test.each([
  ['/v1/jobs?after=', () => theirs.job],
  ['/v1/jobs?before=', () => theirs.job],
  ['/v1/videos?after=', () => theirs.video],
  ['/v1/uploads?after=', () => theirs.upload],
  ['/v1/uploads?before=', () => theirs.upload],
  ['/v1/budget/entries?after=', () => theirs.entry],
  ['/v1/webhook_deliveries?after=', () => theirs.delivery],
  ['/v1/webhook_deliveries?before=', () => theirs.delivery],
  ['/v1/webhook_deliveries?job_id=', () => theirs.job],
  ['/v1/webhook_deliveries?endpoint_id=', () => theirs.endpoint],
  ['/v1/webhook_endpoints?after=', () => theirs.endpoint],
  ['/v1/webhook_endpoints?before=', () => theirs.endpoint],
] as [string, () => string][])('cursor or filter %s', async (path, id) => {
  expectError(await call('GET', `${path}${id()}`), 'not_found', { says: [id()] });
});

test('an endpoint whose messages are to be sent again', async () => {
  const body = { since: '2026-01-01T00:00:00Z', endpoint_id: theirs.endpoint };
  expectError(await call('POST', '/v1/webhook_deliveries/redeliver', body), 'not_found', { says: [theirs.endpoint] });
});

test("a stream's token with another job of the stranger's, and the stranger's with this job", async () => {
  const own = await kiln.call<JobView>('POST', '/v1/jobs', CLIP, as(stranger));
  expectError(await call('GET', `/v1/jobs/${own.body.id}/events?token=${theirs.token}`), 'not_found');
  const token = new URL(own.body.urls.events).searchParams.get('token');
  expectError(await call('GET', `/v1/jobs/${theirs.job}/events?token=${token}`), 'not_found');
});

test('none of it changed anything', async () => {
  expect(await kiln.get(theirs.job)).toMatchObject({ status: 'succeeded', run: 1 });
  expect((await kiln.call('GET', `/v1/uploads/${theirs.upload}`)).status).toBe(200);
  expect((await kiln.call('GET', `/v1/uploads/${theirs.presigned}`)).status).toBe(200);
  const endpoint = await kiln.call('GET', `/v1/webhook_endpoints/${theirs.endpoint}`);
  expect(endpoint.body).toMatchObject({ disabled: false, updated_at: expect.any(String) });
});
