import type { JsonValue } from '../../common/json.js';
import type { JobStatus } from '../../jobs/domain/states.js';
import type { JobView } from '../../jobs/view/job-view.js';
import { sizeText } from './size.js';
import { videoIdOf } from './video-id.js';

/** OpenAI has these four: a client that knows no other waits while it is one of the first two. */
export const VIDEO_STATUSES = ['queued', 'in_progress', 'completed', 'failed'] as const;
export type VideoStatus = (typeof VIDEO_STATUSES)[number];

/** OpenAI's video object (`resources/videos` of the `openai` package 7). Times are Unix seconds. */
export interface Video {
  id: string;
  object: 'video';
  model: string;
  status: VideoStatus;
  /** Percent, whole; 100 only when completed. */
  progress: number;
  created_at: number;
  completed_at: number | null;
  /** When the files go. */
  expires_at: number | null;
  prompt: string | null;
  /** `1280x720`; null until the end where the clip takes the shape of an image. */
  size: string | null;
  /** A text on this wire. */
  seconds: string | null;
  /** The video that this one was made from by a remix, an edit or an extension. */
  remixed_from_video_id: string | null;
  error: { code: string; message: string } | null;
}

const STATUS: Readonly<Record<JobStatus, VideoStatus>> = {
  queued: 'queued',
  running: 'in_progress',
  succeeded: 'completed',
  failed: 'failed',
  canceled: 'failed',
};

const CANCELED = { code: 'canceled', message: 'The video was canceled.' };
/** For a model whose clips have the default shape where nothing is said. */
const DEFAULT_RATIO = '16:9';

const unixSeconds = (iso: string | null): number | null => (iso === null ? null : Math.floor(Date.parse(iso) / 1000));

/** A video job as OpenAI's API shows it. */
export function videoView(job: JobView): Video {
  const completed = job.status === 'succeeded';
  const { prompt } = job.input;
  return {
    id: videoIdOf(job.id),
    object: 'video',
    model: job.model,
    status: STATUS[job.status],
    progress: progressOf(job),
    created_at: unixSeconds(job.created_at) ?? 0,
    completed_at: completed ? unixSeconds(job.finished_at) : null,
    expires_at: completed ? unixSeconds(job.expires_at) : null,
    prompt: typeof prompt === 'string' ? prompt : null,
    size: sizeOf(job),
    seconds: secondsOf(job),
    remixed_from_video_id: sourceOf(job),
    error: errorOf(job),
  };
}

function progressOf({ status, progress }: JobView): number {
  if (status === 'succeeded') return 100;
  return Math.min(Math.floor((progress ?? 0) * 100), 99);
}

function sizeOf({ input, outputs: [made] }: JobView): string | null {
  if (made?.width && made.height) return `${made.width}x${made.height}`;
  const followsPicture = [input['image'], input['video']].some((value) => value !== undefined);
  return sizeText(input['resolution'], input['aspect_ratio'] ?? (followsPicture ? undefined : DEFAULT_RATIO));
}

/** As asked for; of an extended clip the whole, which only the result tells. */
function secondsOf({ input, outputs: [made] }: JobView): string | null {
  const { duration_seconds: asked } = input;
  const whole = made?.duration_seconds ?? null;
  if (whole !== null && (input['video'] !== undefined || typeof asked !== 'number'))
    return String(Math.round(whole * 10) / 10);
  return typeof asked === 'number' ? String(asked) : null;
}

function sourceOf({ input }: JobView): string | null {
  const clips = [input['video'], input['reference_videos']].flat();
  const source = clips.map(jobOf).find((id) => id !== null);
  return source ? videoIdOf(source) : null;
}

function jobOf(reference: JsonValue | undefined): string | null {
  const isOutput = reference !== null && typeof reference === 'object' && !Array.isArray(reference);
  return isOutput && typeof reference['job_id'] === 'string' ? reference['job_id'] : null;
}

function errorOf({ status, error }: JobView): Video['error'] {
  if (status === 'canceled') return CANCELED;
  if (!error) return null;
  // OpenAI has its own word for a refusal by policy.
  return { code: error.code === 'content_policy' ? 'moderation_blocked' : error.code, message: error.message };
}

const MIN_POLL_SECONDS = 1;
const MAX_POLL_SECONDS = 10;
const UNKNOWN_POLL_SECONDS = 2;

/** When to ask again, for `openai-poll-after-ms`: at the expected end, but at least every ten seconds. */
export const pollAfterMs = ({ eta_seconds: eta }: Pick<JobView, 'eta_seconds'>): number =>
  Math.min(Math.max(eta ?? UNKNOWN_POLL_SECONDS, MIN_POLL_SECONDS), MAX_POLL_SECONDS) * 1000;
