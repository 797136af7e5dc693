import type { z } from 'zod';
import { ProviderError, type TaskState } from '../contract.js';
import { taskError } from './error.js';
import type { ImageSettings } from './options.js';
import type { Usage, video } from './wire.js';

/** OpenAI's own words are queued, in_progress, completed and failed; the rest is what gateways say. */
const PHASES: Readonly<Record<string, 'waiting' | 'running' | 'done' | 'failed' | 'ended'>> = {
  queued: 'waiting',
  pending: 'waiting',
  submitted: 'waiting',
  created: 'waiting',
  in_progress: 'running',
  processing: 'running',
  running: 'running',
  generating: 'running',
  completed: 'done',
  succeeded: 'done',
  success: 'done',
  failed: 'failed',
  error: 'failed',
  cancelled: 'ended',
  canceled: 'ended',
  expired: 'ended',
};

/** State of a video. A word nobody knows yet is not an end: the route's own limit ends it. */
export function fromVideo({ status, progress, error }: z.output<typeof video>, nowMs: number): TaskState {
  const phase = PHASES[status.toLowerCase()] ?? 'waiting';
  switch (phase) {
    case 'waiting':
      return { state: 'pending' };
    case 'running':
      return {
        state: 'pending',
        started: true,
        ...(typeof progress === 'number' && { progress: Math.min(1, Math.max(0, progress / 100)) }),
      };
    case 'done':
      return {
        state: 'succeeded',
        artifacts: [{ type: 'video', contentType: 'video/mp4', source: { variant: 'video' } }],
      };
    case 'failed':
      return { state: 'failed', error: taskError(error, nowMs) };
    case 'ended':
      return {
        state: 'failed',
        error: error
          ? taskError(error, nowMs)
          : new ProviderError('internal', 'unknown', `the provider says that the video is ${status}`),
      };
  }
}

/**
 * What an answer's tokens cost, in micro-USD; undefined where it can't be computed exactly: no prices, tokens that came
 * cheaper from a cache, or text that was written and is priced otherwise.
 */
export function costOf(usage: Usage | null | undefined, prices: ImageSettings['token_prices']): number | undefined {
  if (!usage || !prices) return undefined;
  const { text_tokens: text, image_tokens: image, cached_tokens: cached } = usage.input_tokens_details;
  if ((cached ?? 0) > 0 || (usage.output_tokens_details?.text_tokens ?? 0) > 0) return undefined;
  return Math.round(text * prices.text_in + image * prices.image_in + usage.output_tokens * prices.out);
}
