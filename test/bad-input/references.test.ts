import type { UploadView } from '../../src/assets/upload-view.js';
import { execute, queryRows, sql } from '../../src/database/database.js';
import { faultPoints } from '../../src/jobs/store/fault-points.js';
import type { JobView } from '../../src/jobs/view/job-view.js';
import { until } from '../jobs/engine-harness.js';
import { type Kiln, startKiln } from '../support/kiln.js';
import { tinyMp4, tinyPng } from '../support/media.js';
import { BAD_MEDIA } from './bad-media.js';
import { dataUri, type Envelope, leftBehind, objectsOf, upload } from './harness.js';

const MAX_BYTES = 3_000_000;

let kiln: Kiln;
beforeAll(async () => {
  kiln = await startKiln({ env: { KILN_MAX_UPLOAD_BYTES: String(MAX_BYTES) } });
});
afterEach(() => {
  faultPoints.reach = null;
});
afterAll(async () => kiln.drop());

const wan = (image: unknown): Record<string, unknown> => ({
  model: 'wan-2.2',
  input: { prompt: 'it moves', image, duration_seconds: 1 },
});
const create = (body: Record<string, unknown>) => kiln.call<Envelope>('POST', '/v1/jobs', body);
const pinsOf = (jobId: string): Promise<unknown[]> =>
  queryRows(kiln.database, sql`SELECT 1 FROM asset_pin WHERE job_id = ${jobId}`);

test.each(BAD_MEDIA)(
  '$what in a data URI fails the job, naming the field',
  async ({ make, contentType, code, says }) => {
    const { id } = await kiln.post(wan(dataUri(await make(), contentType)));
    const job = await kiln.finished(id);
    expect(job).toMatchObject({
      status: 'failed',
      error: { code, param: 'input.image', retryable: false },
      attempts: [],
      cost: { charged_micro_usd: 0 },
    });
    expect(job.error?.message).toMatch(says);
    expect(await pinsOf(id)).toEqual([]);
    expect(await leftBehind(kiln)).toEqual([]);
  },
);

test('the provider saw none of these', async () => {
  expect(await kiln.sandbox.requests('comfyui')).toEqual([]);
});

test('a video where a picture belongs is told apart once it is decoded', async () => {
  const { id } = await kiln.post(wan(dataUri(await tinyMp4(), 'image/png')));
  const job = await kiln.finished(id);
  expect(job.error).toMatchObject({
    code: 'wrong_kind',
    param: 'input.image',
    message: 'It must be an image, not a video.',
  });
});

test.each([
  ['no content', 'data:image/png;base64,', 400],
  ['no base64', 'data:image/png;base64,%%%%', 400],
  ['no encoding', 'data:image/png,abc', 400],
  ['too many bytes', dataUri(Buffer.alloc(MAX_BYTES + 1), 'image/png'), 413],
])('a data URI with %s is refused at once', async (_what, image, status) => {
  expect(await create(wan(image))).toMatchObject({ status, body: { error: { param: 'input.image' } } });
  expect(await leftBehind(kiln)).toEqual([]);
});

test('a request that is refused for its second reference keeps nothing of the first', async () => {
  const before = await objectsOf(kiln);
  const uploads = async (): Promise<number> =>
    (await kiln.call<{ data: unknown[] }>('GET', '/v1/uploads?limit=100')).body.data.length;
  const listed = await uploads();
  const answer = await create({
    model: 'veo-3.1',
    input: {
      prompt: 'x',
      image: dataUri(await tinyPng(), 'image/png'),
      last_image: 'http://169.254.169.254/latest/meta-data',
    },
  });
  expect(answer).toMatchObject({ status: 400, body: { error: { param: 'input.last_image' } } });
  expect(await uploads()).toBe(listed);
  // A worker that was deciding on the first when it was removed takes its copy away itself.
  await until('nothing is left', async () => (await objectsOf(kiln)).every((key) => before.includes(key)));
});

describe('an upload', () => {
  it('that was rejected, is unknown, or belongs to another key', async () => {
    const presigned = await kiln.call<{ upload: { id: string } }>('POST', '/v1/uploads/presign', {
      content_type: 'image/png',
      bytes: 10,
    });
    const [other, good] = [await kiln.newKey(), await upload<UploadView>(kiln, await tinyPng(), 'a.png')];
    const at = { param: 'input.image' };
    expect(await create(wan(presigned.body.upload.id))).toMatchObject({ status: 422, body: { error: at } });
    expect(await create(wan('upload_01h455vb4pex5vsknk084sn02q'))).toMatchObject({ status: 404, body: { error: at } });
    const foreign = await kiln.call('POST', '/v1/jobs', wan(good.body.id), { authorization: `Bearer ${other.secret}` });
    expect(foreign).toMatchObject({ status: 404, body: { error: at } });
    expect(await create(wan({ upload_id: good.body.id, url: 'x' }))).toMatchObject({
      status: 400,
      body: { error: at },
    });
    await upload(kiln, Buffer.from('text'), 'a.png');
    const [rejected] = await queryRows<{ id: string }>(
      kiln.database,
      sql`SELECT id FROM upload WHERE status = 'rejected' ORDER BY id DESC LIMIT 1`,
    );
    const refused = await create(wan(rejected?.id));
    expect(refused).toMatchObject({ status: 422, body: { error: at } });
    expect(refused.body.error.message).toContain('none of JPEG');
  });

  it('of sound or film is no picture', async () => {
    const film = await upload<UploadView>(kiln, await tinyMp4(), 'a.mp4');
    const refused = await create(wan(film.body.id));
    expect(refused).toMatchObject({ status: 422, body: { error: { param: 'input.image' } } });
    expect(refused.body.error.message).toContain('must be an image, not a video');
  });

  it('can not be deleted while a live job reads it, and can be after it', async () => {
    const { body: picture } = await upload<UploadView>(kiln, await tinyPng(), 'a.png');
    let held: unknown;
    faultPoints.reach = async (point) => {
      if (point === 'submit.leased') held ??= await kiln.call('DELETE', `/v1/uploads/${picture.id}`);
    };
    const { id } = await kiln.post(wan(picture.id));
    expect(await kiln.finished(id)).toMatchObject({ status: 'succeeded' });
    expect(held).toMatchObject({ status: 409, body: { error: { type: 'upload_in_use' } } });
    expect(await kiln.call('DELETE', `/v1/uploads/${picture.id}`)).toMatchObject({ status: 200 });
    expect(await objectsOf(kiln, `uploads/${picture.id}/`)).toEqual([]);
    expect(await kiln.call('GET', `/v1/uploads/${picture.id}`)).toMatchObject({ status: 404 });
  });
});

describe("another job's output", () => {
  let song: JobView;
  let picture: JobView;
  beforeAll(async () => {
    const [a, b] = await Promise.all([
      kiln.post({ model: 'ace-step', input: { prompt: 'jazz', duration_seconds: 10 } }),
      kiln.post({ model: 'flux-dev', input: { prompt: 'a fox', size: '256x256' } }),
    ]);
    song = await kiln.finished(a.id);
    picture = await kiln.finished(b.id);
  });

  it('of the wrong kind, of no such number, of nobody, or of another key', async () => {
    const at = { param: 'input.image' };
    const other = await kiln.newKey();
    expect(await create(wan({ job_id: song.id }))).toMatchObject({ status: 422, body: { error: at } });
    expect(await create(wan({ job_id: picture.id, output: 7 }))).toMatchObject({ status: 404, body: { error: at } });
    expect(await create(wan({ job_id: 'job_01h455vb4pex5vsknk084sn02q' }))).toMatchObject({
      status: 404,
      body: { error: at },
    });
    const foreign = await kiln.call('POST', '/v1/jobs', wan({ job_id: picture.id }), {
      authorization: `Bearer ${other.secret}`,
    });
    expect(foreign).toMatchObject({ status: 404, body: { error: at } });
    expect(await create(wan({ job_id: picture.id, output: -1 }))).toMatchObject({
      status: 400,
      body: { error: { param: 'input.image.output' } },
    });
  });

  it('holds its job while a live job reads it; an expired one is 422', async () => {
    let held: unknown;
    faultPoints.reach = async (point) => {
      if (point === 'submit.leased') held ??= await kiln.call('DELETE', `/v1/jobs/${picture.id}`);
    };
    const { id } = await kiln.post(wan({ job_id: picture.id }));
    expect(await kiln.finished(id)).toMatchObject({ status: 'succeeded', outputs: [{ type: 'video' }] });
    expect(held).toMatchObject({ status: 409, body: { error: { type: 'output_in_use' } } });
    await execute(kiln.database, sql`UPDATE output SET expires_at = now() WHERE job_id = ${picture.id}`);
    const expired = await create(wan({ job_id: picture.id }));
    expect(expired).toMatchObject({ status: 422, body: { error: { param: 'input.image' } } });
    expect(expired.body.error.message).toContain('expired');
    expect(await kiln.call('DELETE', `/v1/jobs/${picture.id}`)).toMatchObject({ status: 200 });
    expect(await objectsOf(kiln, `outputs/${picture.id}/`)).toEqual([]);
    expect(await create(wan({ job_id: picture.id }))).toMatchObject({
      status: 404,
      body: { error: { param: 'input.image' } },
    });
  });
});

test('after all of it the worker goes on and nothing lies about', async () => {
  const { id } = await kiln.post(wan(dataUri(await tinyPng(), 'image/png')));
  expect(await kiln.finished(id)).toMatchObject({ status: 'succeeded' });
  expect(await leftBehind(kiln)).toEqual([]);
});
