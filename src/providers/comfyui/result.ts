import type { z } from 'zod';
import { ProviderError, type Artifact, type TaskState } from '../contract.js';
import { mediaByName } from '../media-types.js';
import { executionError, interrupted } from './error.js';
import { executionMessage, file, type history, type job, type Outputs, type queue, type TaskId } from './wire.js';

/** Node packs invent keys, and a video is listed under `images`: every list is walked, and the name's extension decides. */
export function artifactsOf(outputs: Outputs, nodes: readonly string[] | undefined): Artifact[] {
  return Object.entries(outputs)
    .filter(([node]) => nodes === undefined || nodes.includes(node))
    .flatMap(([, keys]) => Object.values(keys))
    .flatMap((list) => (Array.isArray(list) ? (list as unknown[]) : []))
    .flatMap((item): Artifact[] => {
      const parsed = file.safeParse(item);
      if (!parsed.success || parsed.data.type === 'temp') return [];
      const media = mediaByName(parsed.data.filename);
      return media ? [{ type: media.kind, contentType: media.contentType, source: parsed.data }] : [];
    });
}

function finished(outputs: Outputs | null | undefined, task: TaskId): TaskState {
  const artifacts = artifactsOf(outputs ?? {}, task.output);
  if (artifacts.length > 0) return { state: 'succeeded', artifacts };
  const nodes = task.output?.join(', ') ?? 'any';
  return {
    state: 'failed',
    error: new ProviderError('internal', 'rejected', `the run ended without a file from node ${nodes}`),
  };
}

/** GET /api/jobs/{id}. */
export function fromJob(answer: z.output<typeof job>, task: TaskId): TaskState {
  switch (answer.status) {
    case 'pending':
      return { state: 'pending', started: false };
    case 'in_progress':
      return { state: 'pending', started: true };
    case 'completed':
      return finished(answer.outputs, task);
    case 'failed':
      return { state: 'failed', error: executionError(answer.execution_error) };
    case 'cancelled':
      return { state: 'failed', error: interrupted() };
    default:
      return {
        state: 'failed',
        error: new ProviderError('internal', 'unknown', `unknown job status ${answer.status}`),
      };
  }
}

/** GET /queue: running, waiting with its place from 1, or null when it is in neither. */
export function fromQueue(answer: z.output<typeof queue>, promptId: string): TaskState | null {
  if (answer.queue_running.some(([, id]) => id === promptId)) return { state: 'pending', started: true };
  const waiting = answer.queue_pending.toSorted(([a], [b]) => a - b);
  const place = waiting.findIndex(([, id]) => id === promptId);
  return place < 0 ? null : { state: 'pending', started: false, position: place + 1 };
}

/** GET /history/{id}: `{}` with 200 for whatever is not finished. */
export function fromHistory(answer: z.output<typeof history>, task: TaskId): TaskState {
  const entry = answer[task.prompt_id];
  if (!entry) return { state: 'missing' };
  const messages = entry.status?.messages ?? [];
  if (messages.some(([type]) => type === 'execution_interrupted')) return { state: 'failed', error: interrupted() };
  const raised = messages.find(([type]) => type === 'execution_error');
  if (raised || entry.status?.status_str === 'error')
    return { state: 'failed', error: executionError(executionMessage.safeParse(raised?.[1]).data) };
  return finished(entry.outputs, task);
}
