import type { GenerationState } from '../generations.js';
import type { KlingGeneration, KlingTask } from './tasks.js';

type Status = 'submitted' | 'processing' | 'succeeded' | 'failed';

/** List price a second in thousandths of a dollar: silent, with sound. */
const PRICE: Readonly<Record<KlingTask['resolution'], readonly [number, number]>> = {
  '720p': [84, 126],
  '1080p': [112, 168],
  '4k': [420, 420],
};
/** Thousandths of a dollar of a prepaid unit. */
const UNIT_PRICE = 140;

const thousandths = ({ resolution, seconds, sound }: KlingTask): number => PRICE[resolution][sound ? 1 : 0] * seconds;
const decimal = (value: number): string => String(Number(value.toFixed(3)));

function statusOf(state: GenerationState): Status {
  switch (state) {
    case 'queued':
      return 'submitted';
    case 'running':
      return 'processing';
    case 'done':
    case 'empty':
      return 'succeeded';
    case 'failed':
    case 'filtered':
    case 'canceled':
    case 'missing':
      return 'failed';
  }
}

const reasonOf = (state: GenerationState): string =>
  state === 'filtered'
    ? 'Failure to pass the risk control system'
    : state === 'failed'
      ? 'Service internal error, please try again later'
      : '';

const updatedAt = (generation: KlingGeneration, status: Status): number =>
  status === 'submitted'
    ? generation.createdAtMs
    : status === 'processing'
      ? generation.startsAtMs
      : (generation.readyAtMs ?? generation.createdAtMs);

/** A task of the current generation: entry of GET /tasks and body of a callback. `link` gives the address of an output. */
export function currentView(generation: KlingGeneration, state: GenerationState, link: () => string): object {
  const status = statusOf(state);
  const { id, request, createdAtMs } = generation;
  return {
    ...currentHead(generation, status),
    message: reasonOf(state),
    create_time: createdAtMs,
    update_time: updatedAt(generation, status),
    ...(status === 'succeeded' && {
      outputs: state === 'empty' ? [] : [{ type: 'video', id: `${id}1`, url: link(), duration: `${request.seconds}` }],
      billing: [
        {
          charge_type: 'cash',
          cash_type: 'balance',
          amount: decimal(thousandths(request) / 1000),
          currency: 'USD',
          list_price: decimal(thousandths(request) / 1000),
        },
      ],
    }),
  };
}

/** The answer to a create of the current generation. */
export const currentCreated = (generation: KlingGeneration): object => ({
  ...currentHead(generation, 'submitted'),
  create_time: generation.createdAtMs,
  update_time: generation.createdAtMs,
});

const currentHead = ({ id, request }: KlingGeneration, status: Status): object => ({
  id,
  status,
  ...(request.externalId !== null && { external_id: request.externalId }),
});

/** A task of the legacy generation: `data` of its query and body of a callback. */
export function legacyView(generation: KlingGeneration, state: GenerationState, link: () => string): object {
  const status = statusOf(state);
  const { id, request } = generation;
  return {
    ...legacyHead(generation, status),
    task_status_msg: reasonOf(state),
    watermark_info: { enabled: false },
    updated_at: updatedAt(generation, status),
    ...(status === 'succeeded' && {
      final_unit_deduction: decimal(thousandths(request) / UNIT_PRICE),
      task_result: {
        videos: state === 'empty' ? [] : [{ id: `${id}1`, url: link(), duration: `${request.seconds}` }],
      },
    }),
  };
}

export const legacyCreated = (generation: KlingGeneration): object => ({
  ...legacyHead(generation, 'submitted'),
  updated_at: generation.createdAtMs,
});

const legacyHead = ({ id, request, createdAtMs }: KlingGeneration, status: Status): object => ({
  task_id: id,
  task_status: status === 'succeeded' ? 'succeed' : status,
  task_info: request.externalId === null ? {} : { external_task_id: request.externalId },
  created_at: createdAtMs,
});
