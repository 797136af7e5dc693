import type { z } from 'zod';
import { ProviderError, type Artifact, type TaskState } from '../contract.js';
import { parseBody } from '../exchange.js';
import { mediaByName } from '../media-types.js';
import { pieces, type queried } from './wire.js';

type Entry = NonNullable<z.output<typeof queried>['data']>[number];

const QUEUED = 0;
const SUCCEEDED = 1;
const FAILED = 2;

/** `/v1/audio?path=%2Ftmp%2Fa.mp3` → its media type. */
function contentTypeOf(file: string): string | undefined {
  const path = new URL(file, 'http://localhost').searchParams.get('path') ?? file;
  return mediaByName(path)?.contentType;
}

/**
 * One entry of /query_result. An id the server never heard of, or forgot in a restart, answers status 0 with an empty
 * `result`: that is `missing`, and the engine decides when it is lost. `stem` names what an extraction made.
 */
export function fromWire(entry: Entry | undefined, stem?: string): TaskState {
  if (entry === undefined) return { state: 'missing' };
  const results = entry.result ? parseBody(pieces, entry.result, 'reads') : [];
  const [first] = results;
  if (entry.status === QUEUED) {
    if (first === undefined) return { state: 'missing' };
    const progress = typeof first.progress === 'number' ? Math.min(Math.max(first.progress, 0), 1) : undefined;
    return { state: 'pending', progress, started: (progress ?? 0) > 0 || (first.stage ?? 'queued') !== 'queued' };
  }
  if (entry.status === FAILED) {
    // The text is usually only in the server's log.
    const text = first?.error ?? entry.progress_text ?? first?.stage ?? 'failed';
    return {
      state: 'failed',
      error: new ProviderError(
        /out of memory/i.test(text) ? 'unavailable' : 'internal',
        'rejected',
        text.slice(0, 500),
      ),
    };
  }
  if (entry.status !== SUCCEEDED)
    return { state: 'failed', error: new ProviderError('internal', 'unknown', `unknown status ${entry.status}`) };
  const artifacts = results.flatMap((piece): Artifact[] =>
    piece.file
      ? [
          {
            type: 'audio',
            ...(stem !== undefined && { name: stem }),
            contentType: contentTypeOf(piece.file),
            source: { file: piece.file },
          },
        ]
      : [],
  );
  return artifacts.length > 0
    ? { state: 'succeeded', artifacts }
    : { state: 'failed', error: new ProviderError('internal', 'rejected', 'the task ended without a file') };
}

/** Several tasks as one: as bad as the worst of them, as far as all of them. Of a part that is lost the whole is made again. */
export function together(states: readonly TaskState[]): TaskState {
  const failed = states.find((state) => state.state === 'failed');
  if (failed) return failed;
  if (states.some((state) => state.state === 'missing')) return { state: 'missing' };
  const artifacts = states.flatMap((state) => (state.state === 'succeeded' ? state.artifacts : []));
  const pending = states.flatMap((state) => (state.state === 'pending' ? [state] : []));
  if (pending.length === 0) return { state: 'succeeded', artifacts };
  const done = states.length - pending.length;
  return {
    state: 'pending',
    progress: (done + pending.reduce((sum, { progress = 0 }) => sum + progress, 0)) / states.length,
    started: done > 0 || pending.some(({ started }) => started === true),
  };
}
