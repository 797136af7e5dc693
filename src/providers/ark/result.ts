import { ProviderError, type TaskState } from '../contract.js';
import { cancelledError, expiredError, taskError } from './error.js';
import type { Task } from './wire.js';

const TOKENS_PER_PRICE = 1_000_000;

/** Whole micro-USD, rounded up. Both factors are whole and their product stays below 2^53 for any clip there is. */
export const costOf = (tokens: number, microUsdPerMillion: number): number =>
  Math.ceil((tokens * microUsdPerMillion) / TOKENS_PER_PRICE);

/** The one spelling of each status; what is not known here is work in progress, which the route's time limit bounds. */
export const statusOf = (task: Task): string => {
  const status = task.status.toLowerCase();
  return { canceled: 'cancelled', pending: 'queued', submitted: 'queued', processing: 'running' }[status] ?? status;
};

/** A task as GET tells it. There is no progress. */
export function fromWire(task: Task, microUsdPerMillion: number | null): TaskState {
  switch (statusOf(task)) {
    case 'succeeded': {
      const uri = task.content?.video_url;
      // It succeeded, so it was billed.
      if (!uri)
        return { state: 'failed', error: new ProviderError('internal', 'unknown', 'the task ended without a video') };
      const tokens = task.usage?.completion_tokens;
      return {
        state: 'succeeded',
        artifacts: [{ type: 'video', contentType: 'video/mp4', source: { uri } }],
        ...(typeof tokens === 'number' &&
          microUsdPerMillion !== null && { upstreamCostMicroUsd: costOf(tokens, microUsdPerMillion) }),
      };
    }
    case 'failed':
      return { state: 'failed', error: taskError(task.error) };
    case 'expired':
      return { state: 'failed', error: expiredError() };
    case 'cancelled':
      return { state: 'failed', error: cancelledError() };
    case 'queued':
      return { state: 'pending', started: false };
    default:
      return { state: 'pending', started: true };
  }
}
