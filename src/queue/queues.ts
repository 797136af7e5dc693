import { z } from 'zod';

const ID = z.string().regex(/^[a-z]+_[0-9a-z]{26}$/);
const jobTick = z.strictObject({ jobId: ID, n: z.int().nonnegative() });

/**
 * Every queue, as data. Payloads are ids and the number of the tick; the rows they name are the truth.
 * `tick`: short provider calls. `transfer`: synchronous submits and stores. `media`: decoding, of jobs and of uploads.
 */
export const QUEUES = {
  tick: { payload: jobTick },
  transfer: { payload: jobTick },
  media: { payload: z.union([jobTick, z.strictObject({ uploadId: ID, n: z.int().nonnegative() })]) },
  webhook: { payload: z.strictObject({ deliveryId: ID, n: z.int().nonnegative() }) },
  maintenance: { payload: z.strictObject({ task: z.string().regex(/^[a-z_]{1,40}$/), n: z.int().nonnegative() }) },
} as const;

export type QueueName = keyof typeof QUEUES;
export type Payload<Q extends QueueName> = z.output<(typeof QUEUES)[Q]['payload']>;

export const QUEUE_NAMES = Object.keys(QUEUES) as QueueName[];

/** A message is a ring, not a record: nothing of it is kept, and the rows decide about retries. */
export const MESSAGE_OPTIONS = { removeOnComplete: true, removeOnFail: true, attempts: 1 } as const;

/**
 * A worker renews its lock at half of this; a dead one's message goes to another after it. Stalls add up over a long
 * job's ticks, and BullMQ would fail the message unrun at its limit: so the limit is out of reach.
 */
export const WORKER_OPTIONS = { lockDuration: 60_000, maxStalledCount: 1_000_000_000, autorun: false } as const;
