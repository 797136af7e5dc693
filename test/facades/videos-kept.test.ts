import { readFile } from 'node:fs/promises';
import OpenAI, { toFile } from 'openai';
import type { JobView } from '../../src/jobs/view/job-view.js';
import { as, expectError } from '../api/harness.js';
import { startKiln, type Kiln } from '../support/kiln.js';
import { clipFile } from '../support/media.js';
import { clientOf, completedOn, createBy, jobOf, refusalOf, type Video } from './videos-client.js';

let kiln: Kiln;
let client: OpenAI;
beforeAll(async () => {
  kiln = await startKiln();
  client = clientOf(kiln, kiln.secret);
});
afterAll(async () => kiln.drop());

const create = (body: Record<string, unknown>, by = client): Promise<Video> => createBy(by, body);
const completed = (video: Video): Promise<Video> => completedOn(kiln, video);
let fox: Promise<Video> | null = null;
/** One finished video for all who only look. */
const finishedFox = (): Promise<Video> => (fox ??= create({ prompt: 'a fox' }).then(completed));

describe('before, and instead of, a result', () => {
  test('content of an unfinished video is 400 video_not_ready; to delete it, cancel it', async () => {
    const video = await create({ model: 'kling-3.0', prompt: '[[sandbox:never]]' });
    const early = await refusalOf(client.videos.downloadContent(video.id));
    expect([early.status, early.code, early.message]).toEqual([
      400,
      'video_not_ready',
      expect.stringContaining(video.id),
    ]);
    const living = await refusalOf(client.videos.delete(video.id));
    expect([living.status, living.headers?.get('x-should-retry')]).toEqual([409, 'false']);
    expect(living.message).toContain(`/v1/jobs/${jobOf(video)}/cancel`);

    await kiln.call('POST', `/v1/jobs/${jobOf(video)}/cancel`);
    const canceled = await client.videos.retrieve(video.id);
    expect(canceled).toMatchObject({ status: 'failed', completed_at: null });
    expect(canceled.error).toEqual({ code: 'canceled', message: expect.any(String) });
    const late = await refusalOf(client.videos.downloadContent(video.id));
    expect([late.status, late.message]).toEqual([404, expect.stringContaining('was canceled')]);
  });

  test('a refusal by policy is failed, with OpenAI’s word for it', async () => {
    const video = await create({ model: 'wan-2.2', prompt: '[[sandbox:policy]]' });
    await kiln.finished(jobOf(video));
    const failed = await client.videos.retrieve(video.id);
    expect(failed).toMatchObject({ status: 'failed', error: { code: 'moderation_blocked' } });
    expect((await refusalOf(client.videos.downloadContent(video.id))).message).toContain('it failed');
  });

  test('an unknown variant is 400, an expired video 410', async () => {
    const video = await finishedFox();
    const wrong = await kiln.call('GET', `/v1/videos/${video.id}/content?variant=gif`);
    expectError(wrong, 'invalid_request_error', { param: 'variant', says: ['spritesheet'] });
    const where = { jobId: jobOf(video) };
    const { expiresAt } = await kiln.database.output.findFirstOrThrow({ where });
    await kiln.database.output.updateMany({ where, data: { expiresAt: new Date(0) } });
    expectError(await kiln.call('GET', `/v1/videos/${video.id}/content`), 'output_expired');
    await kiln.database.output.updateMany({ where, data: { expiresAt } });
    expect((await client.videos.downloadContent(video.id)).status).toBe(200);
  });
});

describe('a list', () => {
  test('has the videos of this key only, and pages by the official client', async () => {
    const owner = await kiln.newKey();
    const own = clientOf(kiln, owner.secret);
    const ids: string[] = [];
    for (const prompt of ['one', 'two', 'three'])
      ids.push((await create({ model: 'kling-3.0', prompt: `${prompt} [[sandbox:never]]` }, own)).id);
    await kiln.call('POST', '/v1/jobs', { model: 'flux-dev', input: { prompt: 'x' } }, as(owner.secret));
    const job = { model: 'wan-2.2', input: { prompt: '[[sandbox:never]]' } };
    const posted = await kiln.call<JobView>('POST', '/v1/jobs', job, as(owner.secret));
    ids.push(posted.body.id.replace('job_', 'video_'));

    const all: string[] = [];
    for await (const video of own.videos.list({ limit: 2 })) all.push(video.id);
    expect(all).toEqual(ids.toReversed());
    const up: string[] = [];
    for await (const video of own.videos.list({ limit: 3, order: 'asc', after: ids[0] ?? '' })) up.push(video.id);
    expect(up).toEqual(ids.slice(1));
    const page = (query: string) => kiln.call('GET', `/v1/videos${query}`, undefined, as(owner.secret));
    expect((await page('?limit=1')).body).toMatchObject({
      object: 'list',
      has_more: true,
      first_id: ids[3],
      last_id: ids[3],
    });
    expect((await page('?limit=0')).body).toEqual({
      object: 'list',
      data: [],
      has_more: true,
      first_id: null,
      last_id: null,
    });
    expectError(await page('?limit=101'), 'invalid_request_error', { param: 'limit' });
    expectError(await page(`?after=${posted.body.id}`), 'invalid_request_error', { param: 'after' });
    expectError(await page('?status=queued'), 'invalid_request_error', { param: 'status', code: 'unknown_parameter' });
  });
});

describe('another key', () => {
  test('sees no video: 404 everywhere', async () => {
    const video = await finishedFox();
    const { secret } = await kiln.newKey();
    const other = clientOf(kiln, secret);
    const foreign = { id: video.id };
    const body = { prompt: 'x', seconds: '4' as const, video: foreign };
    for (const sent of [
      () => other.videos.retrieve(video.id),
      () => other.videos.downloadContent(video.id),
      () => other.videos.delete(video.id),
      () => other.videos.remix(video.id, { prompt: 'x' }),
      () => other.videos.edit(body),
      () => other.videos.extend(body),
      () => other.videos.list({ after: video.id }).then(() => undefined),
    ]) {
      const error = await refusalOf(sent());
      expect([error.status, error.message]).toEqual([404, expect.stringContaining(video.id)]);
    }
    expect((await client.videos.retrieve(video.id)).status).toBe('completed');
  });

  test('nor is a job of another kind a video, nor a job’s id the name of one', async () => {
    const { id } = await kiln.post({ model: 'flux-dev', input: { prompt: 'x' } });
    expect((await refusalOf(client.videos.retrieve(id.replace('job_', 'video_')))).status).toBe(404);
    const video = await create({ model: 'kling-3.0', prompt: 'x' });
    expect((await refusalOf(client.videos.retrieve(jobOf(video)))).status).toBe(404);
  });
});

test('delete takes the video, its files and its job', async () => {
  const video = await completed(await create({ model: 'wan-2.2', prompt: 'gone soon', seconds: '1' }));
  const { outputs } = await kiln.get(jobOf(video));
  expect(await client.videos.delete(video.id)).toEqual({ id: video.id, object: 'video.deleted', deleted: true });
  expect((await refusalOf(client.videos.retrieve(video.id))).status).toBe(404);
  expect((await kiln.call('GET', `/v1/jobs/${jobOf(video)}`)).status).toBe(404);
  expect((await fetch(outputs[0]?.url ?? '')).ok).toBe(false);
});

describe('a clip made from a clip', () => {
  test('edit and remix by a video, in its form; the new one names its source', async () => {
    const source = await completed(
      await create({ model: 'seedance-2', prompt: 'a fox', seconds: '4', size: '720x1280', generate_audio: false }),
    );
    const remixed = await client.videos.remix(source.id, { prompt: 'make it rain' });
    expect(remixed).toMatchObject({ model: 'seedance-2', remixed_from_video_id: source.id, prompt: 'make it rain' });
    const edited = await completed(await client.videos.edit({ prompt: 'make it snow', video: { id: source.id } }));
    expect(edited).toMatchObject({ model: 'seedance-2', size: source.size, remixed_from_video_id: source.id });
    expect(await kiln.get(jobOf(edited))).toMatchObject({
      operation: 'reference_to_video',
      input: {
        prompt: 'make it snow',
        duration_seconds: 4,
        generate_audio: false,
        reference_videos: [{ job_id: jobOf(source), output: 0 }],
      },
    });
    await completed(remixed);
  });

  test('extend by a video: the whole is longer', async () => {
    const source = await completed(await create({ model: 'skyreels-v2', prompt: 'a road', seconds: '2' }));
    const longer = await completed(
      await client.videos.extend({ prompt: 'and on', seconds: '4', video: { id: source.id } }),
    );
    expect(longer).toMatchObject({ model: 'skyreels-v2', remixed_from_video_id: source.id });
    expect(Number(longer.seconds)).toBeGreaterThan(4);
    expect((await kiln.get(jobOf(longer))).operation).toBe('video_to_video');
  });

  test('edit a file, by a model that is named', async () => {
    const clip = await readFile(await clipFile('mp4', { width: 1280, height: 720, seconds: 3, fps: 24 }));
    const body = { model: 'seedance-2', prompt: 'make it snow', video: await toFile(clip, 'a.mp4') };
    const edited = await completed(await client.videos.edit(body));
    expect(edited).toMatchObject({ model: 'seedance-2', remixed_from_video_id: null, prompt: 'make it snow' });
  });

  test('what can not be done says who can', async () => {
    const { id } = await finishedFox();
    const remix = await refusalOf(client.videos.remix(id, { prompt: 'x' }));
    expect([remix.status, remix.param]).toEqual([400, 'model']);
    expect(remix.message).toMatch(/sora-2 does not edit videos.*seedance-2/);
    const extension = await refusalOf(client.videos.extend({ prompt: 'x', seconds: '4', video: { id } }));
    expect(extension.message).toMatch(/sora-2 does not extend videos.*skyreels-v2/);
    const unready = await create({ model: 'seedance-2', prompt: '[[sandbox:never]]' });
    const early = await refusalOf(client.videos.remix(unready.id, { prompt: 'x' }));
    expect([early.status, early.code]).toEqual([400, 'video_not_ready']);
    const none = await refusalOf(client.videos.edit({ prompt: 'x' } as never));
    expect([none.status, none.param]).toEqual([400, 'video']);
    const twice = await kiln.call('POST', `/v1/videos/${id}/remix`, { prompt: 'x', video: { id } });
    expectError(twice, 'invalid_request_error', { param: 'video', code: 'unknown_parameter' });
  });
});
