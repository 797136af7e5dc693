import type { JsonValue } from '../../common/json.js';
import { ProviderError, type Artifact, type TaskState } from '../contract.js';
import { mediaByName } from '../media-types.js';
import { failure } from './error.js';
import type { Prediction, TaskId } from './wire.js';

/** tqdm's bar, as the `replicate` package reads it: `76%|████   | 7568/10000 [00:33<00:10, 229.00it/s]`. */
const BAR = /^\s*(\d+)%\s*\|.+?\|\s*\d+\/\d+/;

/** 0 to 1, from the last bar of a growing log; progress exists in no other form. */
export function progressOf(logs: string | null | undefined): number | undefined {
  const lines = (logs ?? '').split(/[\r\n]+/).toReversed();
  for (const line of lines) {
    const percent = BAR.exec(line)?.[1];
    if (percent !== undefined) return Math.min(Number(percent) / 100, 1);
  }
  return undefined;
}

interface Found {
  url: string;
  name?: string;
}

/** Links in an output of any shape: one text, a list, or an object of them; other texts are no files. */
function linksIn(output: JsonValue | null | undefined, name?: string): Found[] {
  if (typeof output === 'string')
    return /^https?:\/\//i.test(output) && URL.canParse(output)
      ? [{ url: output, ...(name !== undefined && { name }) }]
      : [];
  if (Array.isArray(output)) return output.flatMap((one) => linksIn(one, name));
  if (output === null || typeof output !== 'object') return [];
  return Object.entries(output).flatMap(([key, one]) => linksIn(one, key));
}

/** A file that its own name shows to be of another kind is a companion (a thumbnail beside a clip). */
function artifactsOf(output: JsonValue | null | undefined, kind: TaskId['kind']): Artifact[] {
  return linksIn(output).flatMap(({ url, name }): Artifact[] => {
    const media = mediaByName(new URL(url).pathname);
    if (media !== null && media.kind !== kind) return [];
    return [
      {
        type: kind,
        ...(name !== undefined && { name }),
        ...(media && { contentType: media.contentType }),
        source: { url },
      },
    ];
  });
}

function succeeded(prediction: Prediction, { kind, count }: TaskId): TaskState {
  const artifacts = artifactsOf(prediction.output, kind);
  if (artifacts.length === 0) {
    const error = prediction.data_removed
      ? new ProviderError('not_found', 'unknown', 'the provider has removed the result')
      : new ProviderError('internal', 'unknown', `the prediction ended without a ${kind}`);
    return { state: 'failed', error };
  }
  const missing = count - artifacts.length;
  // The models' filters leave out single pictures without a word but in the log.
  return missing > 0
    ? {
        state: 'succeeded',
        artifacts,
        warnings: [`${missing} of ${count} were withheld by the provider's content filter`],
      }
    : { state: 'succeeded', artifacts };
}

/**
 * One prediction. `starting` is queue and cold boot at once. `aborted`: its deadline came before it began, nothing was billed;
 * `canceled`: by somebody, or its deadline came while it ran, which is billed.
 */
export function fromWire(prediction: Prediction, task: TaskId): TaskState {
  switch (prediction.status.toLowerCase()) {
    case 'starting':
    case 'queued':
      return { state: 'pending', started: false };
    case 'processing':
    case 'running':
      return { state: 'pending', started: true, progress: progressOf(prediction.logs) };
    case 'succeeded':
    case 'successful':
      return succeeded(prediction, task);
    case 'failed':
      return { state: 'failed', error: failure(prediction.error) };
    case 'canceled':
    case 'cancelled':
    case 'expired':
      return {
        state: 'failed',
        error: new ProviderError('timeout', 'unknown', `the prediction was stopped (${prediction.status})`),
      };
    case 'aborted':
      return {
        state: 'failed',
        error: new ProviderError('timeout', 'rejected', 'the prediction did not begin before its deadline'),
      };
    default:
      // States were added before: one that has an end is an end.
      return prediction.completed_at
        ? { state: 'failed', error: new ProviderError('internal', 'unknown', `unknown status ${prediction.status}`) }
        : { state: 'pending' };
  }
}

/** What a cancel came to. A prediction that still runs has been told to stop. */
export const afterCancel = ({ status }: Prediction): 'canceled' | 'too_late' =>
  ['succeeded', 'successful', 'failed'].includes(status.toLowerCase()) ? 'too_late' : 'canceled';
