import { pick, type WaitingKey } from './fair-queue.js';

export interface LaneSnapshot {
  capacity: number;
  virtualClock: number;
  slotsInUse: number;
  /** Seconds until slots in use are free again, as far as one can tell: the soonest, at least as many as jobs wait. */
  busySeconds: readonly number[];
  keys: readonly WaitingKey[];
}

export interface Forecast {
  /** 0 is next. */
  position: number;
  startsInSeconds: number;
}

/**
 * Runs the lane forward with the same rules as admission: who starts when, if every job takes what it is expected to. Jobs of
 * a key at its limit come after everything else, because what frees them is not known here.
 */
export function forecast(lane: LaneSnapshot): Map<string, Forecast> {
  const result = new Map<string, Forecast>();
  let idle = lane.capacity - lane.slotsInUse;
  // A lane that was made smaller frees slots that it no longer has.
  const surplus = Math.max(-idle, 0);
  const slots = lane.busySeconds.toSorted((a, b) => a - b).slice(surplus);
  const expected = new Map(lane.keys.flatMap((key) => key.jobs.map((job) => [job.id, job.expectedSeconds] as const)));
  const total = expected.size;
  const order = pick(total, lane.virtualClock, lane.keys).jobs;
  const picked = new Set(order.map((job) => job.id));
  const held = lane.keys.flatMap((key) =>
    key.jobs.filter((job) => !picked.has(job.id)).map((job) => ({ id: job.id, keyId: key.keyId })),
  );

  for (const { id } of [...order, ...held]) {
    const freeAt = idle > 0 ? 0 : (slots.shift() ?? 0);
    idle -= 1;
    result.set(id, { position: result.size, startsInSeconds: freeAt });
    insertSorted(slots, freeAt + (expected.get(id) ?? 0));
  }
  return result;
}

function insertSorted(sorted: number[], value: number): void {
  const at = sorted.findIndex((one) => one > value);
  if (at === -1) sorted.push(value);
  else sorted.splice(at, 0, value);
}
