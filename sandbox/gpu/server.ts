import { createHash, randomUUID } from 'node:crypto';
import type { SandboxContext } from '../context.js';
import type { TaskFaults } from '../faults.js';
import type { Generation, Generations } from '../generations.js';
import { ContractError, type Problem } from './errors.js';
import type { Wanted } from './skyreels.js';

/** What a wire says of a job later, beside its state. */
export interface GpuRequest {
  dialect: 'kiln' | 'runpod';
  warnings: string[];
  /** RunPod takes any input; its worker refuses it. */
  refused: Problem | null;
  /** When RunPod deletes it. */
  deletedAtMs: number | null;
}

export type GpuJob = Generation<GpuRequest>;
export type GpuJobs = Generations<GpuRequest>;

/** A minute to load the weights, and so long for a clip however long it is. */
const LOAD_MS = 60_000;
export const RUN_MS = 15_000;
const QUEUE_MAX = 16;

type Power = { state: 'ready' } | { state: 'asleep'; loadMs: number } | { state: 'loading'; readyAtMs: number };

/** JSON with its keys sorted, and without the links of references: those are signed anew at each call. */
function fingerprint(input: unknown): string {
  const plain = JSON.stringify(input, (key, value: unknown) => {
    if (key === 'url') return undefined;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).toSorted(([left], [right]) => (left < right ? -1 : 1)));
  });
  return createHash('sha256').update(plain).digest('base64url');
}

/** One server of the contract: one job at a time, all of it in memory, and a switch that sends it to sleep. */
export class GpuServer {
  bootId = randomUUID();
  private power: Power = { state: 'ready' };
  private readonly byKey = new Map<string, { id: string; fingerprint: string }>();

  constructor(
    private readonly context: SandboxContext,
    private readonly jobs: GpuJobs,
  ) {}

  /** Null when it is ready; else how many seconds are left. A server that sleeps begins to load. */
  wake(): { etaS: number } | null {
    const now = this.context.clock.now();
    if (this.power.state === 'asleep') {
      this.power = { state: 'loading', readyAtMs: now + this.power.loadMs };
      this.context.recorder.count('gpu', 'wakes');
    }
    if (this.power.state === 'loading' && now >= this.power.readyAtMs) this.power = { state: 'ready' };
    if (this.power.state !== 'loading') return null;
    return { etaS: Math.max(1, Math.ceil((this.power.readyAtMs - now) / 1000)) };
  }

  /** Scaled to zero: what it knew is gone. `loadMs`: how long it takes to come back. */
  async sleep(loadMs: number | null): Promise<void> {
    await this.restart();
    this.power = { state: 'asleep', loadMs: loadMs ?? this.context.clock.scaled(LOAD_MS) };
  }

  /** Another process: it knows none of the jobs. */
  async restart(): Promise<void> {
    this.bootId = randomUUID();
    this.byKey.clear();
    this.power = { state: 'ready' };
    for (const job of this.all()) await this.jobs.forget(job);
  }

  /** The job of this key; throws where it came with another input. */
  existing(key: string, input: unknown): GpuJob | null {
    const known = this.byKey.get(key);
    if (known === undefined) return null;
    if (known.fingerprint !== fingerprint(input))
      throw new ContractError({ code: 'CONFLICT', message: 'this key came with another input', retryable: false });
    return this.find(known.id);
  }

  async accept(
    wanted: Wanted,
    request: { key: string; input: unknown; prompt: string; faults: TaskFaults },
  ): Promise<GpuJob> {
    const { key, input, prompt, faults } = request;
    if (this.unfinished().length >= QUEUE_MAX)
      throw new ContractError({ code: 'BUSY', message: 'the queue is full', retryable: true }, { 'retry-after': '10' });
    const job = await this.jobs.accept({
      id: key,
      prompt,
      faults,
      request: { dialect: 'kiln', warnings: wanted.warnings, refused: null, deletedAtMs: null },
      outputs: [{ kind: 'clip', clip: wanted.clip, name: 'out.mp4' }],
      realisticMs: RUN_MS,
    });
    this.byKey.set(key, { id: job.id, fingerprint: fingerprint(input) });
    this.lineUp(job);
    return job;
  }

  find(id: string): GpuJob | null {
    const job = this.jobs.find(id);
    return job?.request.dialect === 'kiln' ? job : null;
  }

  async cancel(job: GpuJob): Promise<void> {
    await this.jobs.cancel(job);
    this.lineUp();
  }

  counts(): { queued: number; running: number } {
    const states = this.all().map((job) => this.jobs.stateOf(job));
    const count = (state: string): number => states.filter((one) => one === state).length;
    return { queued: count('queued'), running: count('running') };
  }

  /** How many stand before it, the running one included. */
  positionOf(job: GpuJob): number {
    return Math.max(0, this.unfinished().indexOf(job));
  }

  /** Oldest first. */
  private all(): GpuJob[] {
    return this.jobs
      .list()
      .filter(({ request }) => request.dialect === 'kiln')
      .toReversed();
  }

  private unfinished(): GpuJob[] {
    return this.all().filter((job) => ['queued', 'running'].includes(this.jobs.stateOf(job)));
  }

  /** One at a time: each starts when the one before it ends. One that never ends blocks nobody: a test asks for just that. */
  private lineUp(fresh: GpuJob | null = null): void {
    const now = this.context.clock.now();
    let freeAtMs = 0;
    const earlier = this.unfinished().filter((job) => job !== fresh);
    for (const job of fresh === null ? earlier : [...earlier, fresh]) {
      const hasBegun = this.jobs.stateOf(job) !== 'queued' && job.startsAtMs >= freeAtMs;
      if (!hasBegun) {
        const workMs = job.readyAtMs === null ? null : job.readyAtMs - job.startsAtMs;
        job.startsAtMs = Math.max(now, freeAtMs);
        job.readyAtMs = workMs === null ? null : job.startsAtMs + workMs;
      }
      if (job.readyAtMs !== null) freeAtMs = job.readyAtMs;
    }
  }
}
