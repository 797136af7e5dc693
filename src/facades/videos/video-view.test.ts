import type { OutputView } from '../../assets/output-view.js';
import type { JobView } from '../../jobs/view/job-view.js';
import { jobIdOf, videoIdOf } from './video-id.js';
import { pollAfterMs, videoView } from './video-view.js';

const SUFFIX = '01h455vb4pex5vsknk084sn02q';

function job(more: Partial<JobView> = {}): JobView {
  return {
    id: `job_${SUFFIX}`,
    object: 'job',
    status: 'queued',
    stage: 'waiting',
    model: 'kling-3.0',
    run: 1,
    progress: null,
    queue_position: 1,
    eta_seconds: 30,
    created_at: '2026-11-26T10:00:00.900Z',
    started_at: null,
    finished_at: null,
    expires_at: null,
    deadline_at: '2026-11-26T11:00:00.000Z',
    operation: 'text_to_video',
    input: { prompt: 'a fox', duration_seconds: 5, resolution: '720p' },
    outputs: [],
    error: null,
    cost: { held_micro_usd: 1, charged_micro_usd: null },
    warnings: [],
    attempts: [],
    route: null,
    webhook: null,
    metadata: {},
    sandbox: true,
    urls: { self: '', events: '', cancel: '' },
    ...more,
  };
}

const output = { width: 1284, height: 716, duration_seconds: 5.042 } as OutputView;
const ended = { finished_at: '2026-11-26T10:02:00.000Z', expires_at: '2026-12-26T10:02:00.000Z', stage: null };

describe('videoView', () => {
  it('shows a new job as OpenAI shows a new video', () => {
    expect(videoView(job())).toEqual({
      id: `video_${SUFFIX}`,
      object: 'video',
      model: 'kling-3.0',
      status: 'queued',
      progress: 0,
      created_at: 1_795_687_200,
      completed_at: null,
      expires_at: null,
      prompt: 'a fox',
      size: '1280x720',
      seconds: '5',
      remixed_from_video_id: null,
      error: null,
    });
  });

  it('shows a finished one with the size that came out', () => {
    expect(videoView(job({ status: 'succeeded', progress: 1, outputs: [output], ...ended }))).toMatchObject({
      status: 'completed',
      progress: 100,
      completed_at: 1_795_687_320,
      expires_at: 1_798_279_320,
      size: '1284x716',
      seconds: '5',
    });
  });

  it.each([
    ['queued', null, 'queued', 0],
    ['running', null, 'in_progress', 0],
    ['running', 0.437, 'in_progress', 43],
    // 100 is for what can be fetched.
    ['running', 1, 'in_progress', 99],
    ['succeeded', null, 'completed', 100],
    ['failed', 0.5, 'failed', 50],
    ['canceled', 0.2, 'failed', 20],
  ] as const)('%s at %s is %s at %d percent', (status, progress, shown, percent) => {
    expect(videoView(job({ status, progress }))).toMatchObject({ status: shown, progress: percent });
  });

  it.each([
    ['failed', { code: 'timeout', message: 'Too late.', param: null, retryable: true }, 'timeout'],
    [
      'failed',
      { code: 'content_policy', message: 'No.', param: 'input.prompt', retryable: false },
      'moderation_blocked',
    ],
    ['canceled', null, 'canceled'],
  ] as const)('%s by %j has the code %s', (status, error, code) => {
    const video = videoView(job({ status, error, ...ended }));
    expect(video.error).toEqual({ code, message: error?.message ?? 'The video was canceled.' });
    expect([video.completed_at, video.expires_at]).toEqual([null, null]);
  });

  it('knows no size before the end where the clip takes the shape of a picture', () => {
    expect(videoView(job({ input: { image: { upload_id: 'u' }, resolution: '720p' } })).size).toBeNull();
    expect(videoView(job({ input: { prompt: 'x' } })).size).toBeNull();
  });

  it('tells the source of an edit and of an extension, and the whole length of the latter', () => {
    const source = { job_id: `job_${SUFFIX}`, output: 0 };
    const edited = videoView(job({ input: { reference_videos: [source], duration_seconds: 5 }, outputs: [output] }));
    expect([edited.remixed_from_video_id, edited.seconds]).toEqual([`video_${SUFFIX}`, '5']);
    const longer = { ...output, duration_seconds: 9.04 };
    const extended = videoView(job({ input: { video: source, duration_seconds: 4 }, outputs: [longer] }));
    expect([extended.remixed_from_video_id, extended.seconds]).toEqual([`video_${SUFFIX}`, '9']);
    expect(videoView(job({ input: { video: { upload_id: 'u' } } })).remixed_from_video_id).toBeNull();
  });

  it('shows a job whose text was deleted', () => {
    expect(videoView(job({ input: {}, outputs: [output] }))).toMatchObject({ prompt: null, seconds: '5' });
  });
});

test.each([
  [null, 2000],
  [0, 1000],
  [3, 3000],
  [900, 10_000],
])('with %s seconds to go, the next poll is in %d ms', (eta, ms) => {
  expect(pollAfterMs({ eta_seconds: eta })).toBe(ms);
});

test('a video and its job have the same suffix', () => {
  expect(videoIdOf(`job_${SUFFIX}`)).toBe(`video_${SUFFIX}`);
  expect(jobIdOf(`video_${SUFFIX}`)).toBe(`job_${SUFFIX}`);
  for (const id of [`job_${SUFFIX}`, SUFFIX, 'video_', 'video_x', `video_${SUFFIX}0`, `out_${SUFFIX}`])
    expect(jobIdOf(id)).toBeNull();
});
