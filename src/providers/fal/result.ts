import { ProviderError, type Artifact, type MediaKind, type TaskState } from '../contract.js';
import type { FalFile, Output, QueueStatus } from './wire.js';

const artifactOf = (type: MediaKind, file: FalFile): Artifact => ({
  type,
  ...(file.content_type ? { contentType: file.content_type } : {}),
  source: { url: file.url },
});

/** What a status says; `ended`: the result, or the error in its place, is to be asked for. */
export function fromStatus(status: QueueStatus): TaskState | 'ended' {
  switch (status.status.toUpperCase()) {
    case 'IN_QUEUE':
    case 'QUEUED':
    case 'PENDING':
      return {
        state: 'pending',
        started: false,
        ...(typeof status.queue_position === 'number' && { position: status.queue_position }),
      };
    case 'IN_PROGRESS':
    case 'PROCESSING':
      return { state: 'pending', started: true };
    // fal knows COMPLETED only; the other ends are read in case a compatible queue says them.
    case 'COMPLETED':
    case 'FAILED':
    case 'ERROR':
    case 'CANCELLED':
    case 'CANCELED':
    case 'EXPIRED':
      return 'ended';
    default:
      return { state: 'pending', started: true };
  }
}

/** Whether the status itself says that the run made nothing. */
export const hasFailed = ({ status, error, error_type: type }: QueueStatus): boolean =>
  Boolean(error) || Boolean(type) || status.toUpperCase() !== 'COMPLETED';

/** The model's output. Pictures that the safety checker blackened are no results. */
export function fromOutput(output: Output): TaskState {
  const pictures = [...(output.images ?? []), ...(output.image ? [output.image] : [])];
  const clean = pictures.filter((_file, index) => output.has_nsfw_concepts?.[index] !== true);
  const withheld = pictures.length - clean.length;
  const artifacts = [
    ...[output.video, ...(output.videos ?? [])].flatMap((file) => (file ? [artifactOf('video', file)] : [])),
    ...clean.map((file) => artifactOf('image', file)),
    ...(output.audio ? [artifactOf('audio', output.audio)] : []),
  ];
  if (artifacts.length > 0)
    return {
      state: 'succeeded',
      artifacts,
      ...(withheld > 0 && {
        warnings: [`${withheld} of ${pictures.length} pictures were withheld by the safety checker`],
      }),
    };
  const error =
    withheld > 0
      ? // They were made, so they are billed.
        new ProviderError('content_policy', 'unknown', "the provider's safety checker withheld the picture")
      : new ProviderError('internal', 'unknown', 'the run ended without a file');
  return { state: 'failed', error };
}
