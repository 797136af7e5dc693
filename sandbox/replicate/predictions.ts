import { randomInt } from 'node:crypto';
import type { SandboxContext } from '../context.js';
import type { Generation, Generations } from '../generations.js';
import { OFF_ORIGIN } from '../media.js';
import type { Input, SandboxModel } from './models.js';
import type { WebhookEvent } from './validate.js';

/** Input, output, logs and files are removed this long after the end; the rest of a prediction stays. */
export const DATA_LIFETIME_MS = 3_600_000;
/** How long the sandbox remembers the rest. */
export const LIFETIME_MS = 30 * 86_400_000;

/** What a prediction says of itself later; plain data. */
export interface PredictionRequest {
  model: string;
  /** `hidden` for an official model run by its own path. */
  version: string;
  /** Data URIs cut. */
  input: Input;
  output: SandboxModel['output'];
  withheld: string;
  /** Why the run fails, known already. */
  trouble: string | null;
  webhook: string | null;
  events: WebhookEvent[] | null;
  /** From `Cancel-After`. */
  deadlineAtMs: number | null;
}

export type Prediction = Generation<PredictionRequest>;
export type Predictions = Generations<PredictionRequest>;
export type Status = 'starting' | 'processing' | 'succeeded' | 'failed' | 'canceled' | 'aborted';

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';
const ID_LENGTH = 26;
export const newId = (): string =>
  Array.from({ length: ID_LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');

/** When it ends by itself or by its deadline; null: never. */
export function endsAtMs({ readyAtMs, request: { deadlineAtMs } }: Prediction): number | null {
  if (deadlineAtMs === null) return readyAtMs;
  return readyAtMs === null ? deadlineAtMs : Math.min(readyAtMs, deadlineAtMs);
}

/** Null: lost, as if it had never been. */
export function statusOf(context: SandboxContext, store: Predictions, prediction: Prediction): Status | null {
  const { startsAtMs, readyAtMs, request } = prediction;
  const state = store.stateOf(prediction);
  if (state === 'missing') return null;
  if (state === 'canceled') return 'canceled';
  const { deadlineAtMs } = request;
  const isLate = deadlineAtMs !== null && context.clock.now() >= deadlineAtMs;
  if (isLate && (readyAtMs === null || deadlineAtMs < readyAtMs))
    return deadlineAtMs < startsAtMs ? 'aborted' : 'canceled';
  if (state === 'queued') return 'starting';
  if (state === 'running') return 'processing';
  return state === 'failed' || state === 'filtered' || request.trouble !== null ? 'failed' : 'succeeded';
}

export const isOver = (status: Status): boolean => status !== 'starting' && status !== 'processing';

function completedAtMs(prediction: Prediction): number {
  return prediction.canceledAtMs ?? endsAtMs(prediction) ?? prediction.createdAtMs;
}

export const isRemoved = (context: SandboxContext, status: Status, prediction: Prediction): boolean =>
  isOver(status) && context.clock.now() >= completedAtMs(prediction) + DATA_LIFETIME_MS;

function errorOf({ faults, request }: Prediction): string {
  if ('policy' in faults) return request.withheld;
  if ('oom' in faults) return 'CUDA out of memory. Tried to allocate 2.00 GiB (code: E1001)';
  return request.trouble ?? 'Prediction failed for an unknown reason. Please try again. (code: E1000)';
}

const STEPS = 28;
const BAR_WIDTH = 10;

/** FLUX draws a tqdm bar; Kling runs elsewhere and says nothing of how far it is. */
function logsOf(store: Predictions, prediction: Prediction, status: Status): string {
  if (status === 'starting' || prediction.request.output === 'one') return '';
  const share = status === 'succeeded' ? 1 : store.progressOf(prediction);
  const done = Math.floor(share * BAR_WIDTH);
  const bar = `${'█'.repeat(done)}${' '.repeat(BAR_WIDTH - done)}`;
  const percent = String(Math.floor(share * 100)).padStart(3);
  return `Using seed: 42\n${percent}%|${bar}| ${Math.floor(share * STEPS)}/${STEPS} [00:02<00:02,  6.70it/s]`;
}

export const fileName = (prediction: Prediction, index: number): string =>
  prediction.outputs[index]?.name ?? `out-${index}`;

function outputOf(prediction: Prediction, origin: string): unknown {
  const links =
    'empty' in prediction.faults
      ? []
      : prediction.outputs.map((_output, index) =>
          'off-origin' in prediction.faults
            ? OFF_ORIGIN
            : `${origin}/replicate/delivery/${prediction.id}/${fileName(prediction, index)}`,
        );
  return prediction.request.output === 'list' ? links : (links[0] ?? null);
}

/** The prediction object, as a create, a poll, the list and a webhook show it. `status` is given where it was read. */
export function describePrediction(
  context: SandboxContext,
  store: Predictions,
  prediction: Prediction,
  status: Status,
  origin: string,
): object {
  const { request, startsAtMs, createdAtMs } = prediction;
  const iso = (ms: number) => new Date(ms).toISOString();
  const over = isOver(status);
  const removed = isRemoved(context, status, prediction);
  const endMs = completedAtMs(prediction);
  const began = status !== 'starting' && status !== 'aborted';
  const api = `${origin}/replicate/v1/predictions/${prediction.id}`;
  return {
    id: prediction.id,
    model: request.model,
    version: request.version,
    input: removed ? {} : request.input,
    logs: removed ? null : logsOf(store, prediction, status),
    output: status === 'succeeded' && !removed ? outputOf(prediction, origin) : null,
    data_removed: removed,
    error: status === 'failed' ? errorOf(prediction) : null,
    source: 'api',
    status,
    created_at: iso(createdAtMs),
    started_at: began ? iso(startsAtMs) : null,
    completed_at: over ? iso(endMs) : null,
    ...(over && {
      metrics: {
        ...(began && { predict_time: Math.max(0, endMs - startsAtMs) / 1000 }),
        total_time: Math.max(0, endMs - createdAtMs) / 1000,
      },
    }),
    ...(request.deadlineAtMs !== null && { deadline: iso(request.deadlineAtMs) }),
    ...(request.webhook !== null && {
      webhook: request.webhook,
      ...(request.events !== null && { webhook_events_filter: request.events }),
    }),
    urls: { cancel: `${api}/cancel`, get: api, web: `https://replicate.com/p/${prediction.id}` },
  };
}
