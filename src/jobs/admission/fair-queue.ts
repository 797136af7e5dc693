/**
 * Start-time fair queueing over the keys of one lane (Goyal, Vin, Cheng 1996): each key carries a tag in virtual seconds; the
 * key with the least start tag goes next and its tag grows by the expected seconds of its job over its weight. A key that
 * was idle starts at the virtual clock, so it neither saves up time nor owes any.
 */
export interface WaitingJob {
  id: string;
  expectedSeconds: number;
  /** 0 low, 1 normal, 2 high; orders one key's own jobs, and `low` waits for idle slots. */
  priority: number;
  /** Failed over from another route: goes ahead of new work. */
  failover: boolean;
}

export interface WaitingKey {
  keyId: string;
  tag: number;
  weight: number;
  /** Open attempts of this key in all lanes. */
  open: number;
  /** Most open attempts it may have; null is no limit. */
  maxOpen: number | null;
  /** In the order in which this key wants them. */
  jobs: readonly WaitingJob[];
}

export interface Picked {
  jobs: { id: string; keyId: string }[];
  /** New tags of the keys that were served. */
  tags: ReadonlyMap<string, number>;
  virtualClock: number;
}

/**
 * Which jobs take `free` slots, in order; the caller holds the lane's row lock. `place` says whether a job has an instance to
 * run on, and takes it: a job without one is passed over, and its key owes nothing for it.
 */
export function pick(
  free: number,
  virtualClock: number,
  keys: readonly WaitingKey[],
  place: (jobId: string) => boolean = () => true,
): Picked {
  const state = keys.map((key) => ({ ...key, next: 0, served: false }));
  const jobs: Picked['jobs'] = [];
  let clock = virtualClock;

  while (jobs.length < free) {
    const ready = state.filter((key) => key.next < key.jobs.length && (key.maxOpen === null || key.open < key.maxOpen));
    const rank = Math.max(...ready.map((key) => rankOf(key.jobs[key.next])), -1);
    const candidates = ready.filter((key) => rankOf(key.jobs[key.next]) === rank);
    const [chosen] = candidates.toSorted(
      (a, b) => startTag(a, clock) - startTag(b, clock) || (a.keyId < b.keyId ? -1 : 1),
    );
    const job = chosen?.jobs[chosen.next];
    if (!chosen || !job) break;
    chosen.next += 1;
    if (!place(job.id)) continue;
    const start = startTag(chosen, clock);
    clock = start;
    chosen.tag = start + job.expectedSeconds / Math.max(chosen.weight, 1);
    chosen.open += 1;
    chosen.served = true;
    jobs.push({ id: job.id, keyId: chosen.keyId });
  }
  return {
    jobs,
    tags: new Map(state.filter((key) => key.served).map((key) => [key.keyId, key.tag])),
    virtualClock: clock,
  };
}

const startTag = (key: { tag: number }, clock: number): number => Math.max(key.tag, clock);

/** Failovers before everything, low-priority work only into slots that nobody else wants. */
function rankOf(job: WaitingJob | undefined): number {
  if (!job) return -1;
  if (job.failover) return 2;
  return job.priority === 0 ? 0 : 1;
}
