import { ProviderError, type Artifact, type MediaKind, type TaskState } from '../contract.js';
import { mediaByName } from '../media-types.js';
import { runFailure, runpodFailure } from './error.js';
import { runpodOutput, runpodProgress, type KilnJob, type RunpodJob, type TaskId } from './wire.js';

interface File {
  url: string;
  name?: string | null;
  content_type?: string | null;
  kind?: MediaKind;
}

const clamp = (value: number): number => Math.min(Math.max(value, 0), 1);

const lastSegment = (url: string): string => (url.split(/[?#]/)[0] ?? '').split('/').at(-1) ?? '';

const KINDS: readonly MediaKind[] = ['video', 'image', 'audio'];

/** Results of a job: by type, by name, else what the job was to make. Other files, such as a log, are no results. */
function artifactsOf(files: File[], fallback: MediaKind): Artifact[] {
  const artifacts = files.flatMap((file): Artifact[] => {
    const byType = KINDS.find((kind) => file.content_type?.startsWith(`${kind}/`));
    const byName = mediaByName(file.name ?? lastSegment(file.url));
    const unnamed = !file.content_type && !(file.name ?? lastSegment(file.url)).includes('.');
    const type = byType ?? file.kind ?? byName?.kind ?? (unnamed ? fallback : undefined);
    if (type === undefined) return [];
    const contentType = byType ? (file.content_type ?? undefined) : byName?.contentType;
    const name = file.name?.replace(/\.[A-Za-z0-9]+$/, '');
    return [{ type, ...(name ? { name } : {}), ...(contentType ? { contentType } : {}), source: { url: file.url } }];
  });
  // One result needs no name to be told from others.
  if (artifacts.length === 1) delete artifacts[0]?.name;
  return artifacts;
}

function succeeded(files: File[], kind: MediaKind, warnings: string[] | null | undefined): TaskState {
  const artifacts = artifactsOf(files, kind);
  if (artifacts.length > 0)
    return { state: 'succeeded', artifacts, ...(warnings && warnings.length > 0 ? { warnings } : {}) };
  return { state: 'failed', error: new ProviderError('internal', 'unknown', 'the run ended without a result') };
}

const canceled = (): TaskState => ({
  state: 'failed',
  error: new ProviderError('unavailable', 'unknown', 'the run was canceled at the endpoint'),
});

/** A word that is in neither wire: the run may be well, so it is asked again until the route's limit. */
const unreadable = (status: string): ProviderError =>
  new ProviderError('internal', 'unknown', `unknown status ${status.slice(0, 40)}`);

/** Contract: a job. One that another process answers for while it is not over died with the process that took it. */
export function kilnState(job: KilnJob, task: Extract<TaskId, { dialect: 'kiln' }>): TaskState {
  const status = job.status.toLowerCase();
  if (status === 'queued' || status === 'running') {
    if (task.boot_id !== null && job.boot_id && job.boot_id !== task.boot_id) return { state: 'missing' };
    return {
      state: 'pending',
      started: status === 'running',
      ...(typeof job.progress === 'number' ? { progress: clamp(job.progress) } : {}),
      ...(typeof job.queue_position === 'number' && status === 'queued' ? { position: job.queue_position } : {}),
    };
  }
  if (status === 'succeeded') {
    const files = (job.artifacts ?? []).flatMap((file): File[] => {
      const url = file.url ?? (file.name ? artifactPath(job.id, file.name) : null);
      return url === null ? [] : [{ ...file, url }];
    });
    return succeeded(files, task.kind, job.warnings);
  }
  if (status === 'failed') return { state: 'failed', error: runFailure(job.error) };
  if (status === 'cancelled' || status === 'canceled') return canceled();
  throw unreadable(job.status);
}

const artifactPath = (id: string, name: string): string =>
  `/v1/jobs/${encodeURIComponent(id)}/artifacts/${encodeURIComponent(name)}`;

const URL_KEYS: Readonly<Record<string, MediaKind | undefined>> = {
  url: undefined,
  video_url: 'video',
  image_url: 'image',
  audio_url: 'audio',
  video: 'video',
  image: 'image',
  audio: 'audio',
};
const LIST_KEYS: Readonly<Record<string, MediaKind>> = { videos: 'video', images: 'image', audios: 'audio' };

const isLink = (value: unknown): value is string => typeof value === 'string' && /^https?:\/\//i.test(value);

/** Links in what workers usually return: a link, a list of links, `{video_url}`, `{images: [{url}]}`. */
function linksIn(output: unknown, kind?: MediaKind): File[] {
  if (isLink(output)) return [{ url: output, kind }];
  if (Array.isArray(output)) return output.flatMap((entry) => linksIn(entry, kind));
  if (typeof output !== 'object' || output === null) return [];
  return Object.entries(output).flatMap(([key, value]): File[] => {
    if (Object.hasOwn(URL_KEYS, key) && isLink(value)) return [{ url: value, kind: URL_KEYS[key] ?? kind }];
    return Object.hasOwn(LIST_KEYS, key) && Array.isArray(value) ? linksIn(value, LIST_KEYS[key]) : [];
  });
}

function runpodResult(output: unknown, kind: MediaKind): TaskState {
  const told = runpodOutput.safeParse(output).data;
  if (!told) {
    const links = linksIn(output);
    // A poster beside a clip is no result of a video job.
    const wanted = links.filter((link) => (link.kind ?? mediaByName(lastSegment(link.url))?.kind ?? kind) === kind);
    return succeeded(wanted.length > 0 ? wanted : links, kind, null);
  }
  const files = told.artifacts.flatMap((file): File[] => (file.url ? [{ ...file, url: file.url }] : []));
  return succeeded(files, kind, told.warnings);
}

/** RunPod: a job. */
export function runpodState(job: RunpodJob, task: Extract<TaskId, { dialect: 'runpod' }>): TaskState {
  switch (job.status.toUpperCase()) {
    case 'IN_QUEUE':
      return { state: 'pending', started: false };
    case 'IN_PROGRESS':
    case 'RUNNING': {
      const told = runpodProgress.safeParse(job.output).data;
      return { state: 'pending', started: true, ...(told ? { progress: clamp(told.progress) } : {}) };
    }
    case 'COMPLETED':
      return runpodResult(job.output, task.kind);
    case 'FAILED':
      return { state: 'failed', error: runpodFailure(job.error) };
    case 'CANCELLED':
    case 'CANCELED':
      return canceled();
    case 'TIMED_OUT':
    case 'EXPIRED':
      return {
        state: 'failed',
        error: new ProviderError('timeout', 'unknown', 'RunPod gave the run up: it waited or ran too long'),
      };
    default:
      throw unreadable(job.status);
  }
}
