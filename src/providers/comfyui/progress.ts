import { sha256Hex } from '../../common/ids.js';
import type { ProgressSocket } from '../contract.js';
import { parseMaybe, parseTaskId } from '../exchange.js';
import { frame, progressFrame, progressStateFrame, taskId as taskIdShape } from './wire.js';

type Step = { value: number; max: number };

const share = ({ value, max }: Step): number => (max > 0 ? Math.min(Math.max(value / max, 0), 1) : 0);

/**
 * Nodes that tick count by their number of ticks, so a sampler's 30 steps outweigh a loader's one. A node that has not
 * begun is not listed, so the figure may fall when it does; whoever shows it keeps the highest.
 */
function weighted(steps: Step[]): number {
  const ticking = steps.filter((step) => step.max > 1);
  const total = ticking.reduce((sum, step) => sum + step.max, 0);
  return total === 0 ? 0 : ticking.reduce((sum, step) => sum + share(step) * step.max, 0) / total;
}

/** The id under which an instance sends its events: one for each instance, the same for whoever submits and whoever listens. */
export const clientIdOf = (endpoint: string): string => `kiln-${sha256Hex(endpoint).slice(0, 16)}`;

/** Text frames of `/ws`; binary ones are previews and are not passed here. */
export const progress: ProgressSocket = {
  url: (endpoint, clientId) => `${endpoint.replace(/^http/, 'ws')}/ws?clientId=${encodeURIComponent(clientId)}`,
  clientId: clientIdOf,
  parse(text) {
    const parsed = parseMaybe(frame, text);
    if (parsed?.type === 'progress') {
      const step = progressFrame.safeParse(parsed.data).data;
      return step && step.max > 1 ? [{ taskKey: step.prompt_id, progress: share(step) }] : [];
    }
    if (parsed?.type === 'progress_state') {
      const state = progressStateFrame.safeParse(parsed.data).data;
      return state ? [{ taskKey: state.prompt_id, progress: weighted(Object.values(state.nodes)) }] : [];
    }
    const promptId = parsed?.data.prompt_id;
    return parsed?.type === 'execution_success' && typeof promptId === 'string'
      ? [{ taskKey: promptId, progress: 1 }]
      : [];
  },
  taskKeyOf: (taskId) => parseTaskId(taskIdShape, taskId).prompt_id,
};
