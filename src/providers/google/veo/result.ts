import type { z } from 'zod';
import { ProviderError, type Artifact, type TaskState } from '../../contract.js';
import { filteredError, operationError } from '../error.js';
import type { geminiOperation, vertexOperation } from './wire.js';

/** Both wires end alike: videos, or a filter, or neither. */
function ended(artifacts: Artifact[], filteredCount: number, reasons: string[]): TaskState {
  if (artifacts.length > 0)
    return {
      state: 'succeeded',
      artifacts,
      ...(filteredCount > 0 && {
        warnings: [`${filteredCount} more video(s) were withheld by the provider's content filter`],
      }),
    };
  if (filteredCount > 0 || reasons.length > 0) return { state: 'failed', error: filteredError(reasons) };
  // Seen in the wild: done, with neither samples nor a filter count.
  return { state: 'failed', error: new ProviderError('internal', 'unknown', 'the operation ended without a video') };
}

export function fromGemini(operation: z.output<typeof geminiOperation>): TaskState {
  if (!operation.done) return { state: 'pending', started: true };
  if (operation.error) return { state: 'failed', error: operationError(operation.error) };
  const answer = operation.response?.generateVideoResponse;
  const artifacts = (answer?.generatedSamples ?? []).flatMap((sample): Artifact[] =>
    sample.video?.uri ? [{ type: 'video', contentType: 'video/mp4', source: { uri: sample.video.uri } }] : [],
  );
  return ended(artifacts, answer?.raiMediaFilteredCount ?? 0, answer?.raiMediaFilteredReasons ?? []);
}

/** A finished video stands in the answer itself. One is asked for, so its ordinal among the answer's values is 0. */
export const inlineVideo = (): TaskState =>
  ended([{ type: 'video', contentType: 'video/mp4', source: { inline: 0 } }], 0, []);

/** An answer without inline bytes: not done, failed, filtered, or put elsewhere. */
export function fromVertex(operation: z.output<typeof vertexOperation>): TaskState {
  if (!operation.done) return { state: 'pending', started: true };
  if (operation.error) return { state: 'failed', error: operationError(operation.error) };
  const { videos = [], raiMediaFilteredCount = 0, raiMediaFilteredReasons = [] } = operation.response ?? {};
  // Kiln sends no storageUri, so a bucket address can only come from a project-wide setting it has no access to.
  if (videos.some((video) => video.gcsUri))
    return {
      state: 'failed',
      error: new ProviderError('internal', 'unknown', 'the video was put into a bucket, not into the answer'),
    };
  return ended([], raiMediaFilteredCount, raiMediaFilteredReasons);
}
