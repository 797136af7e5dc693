import { randomInt, randomUUID } from 'node:crypto';
import type { SandboxContext } from '../context.js';
import type { TaskFaults } from '../faults.js';
import type { Piece } from '../render/recipes.js';
import type { MusicRequest } from './validate.js';

const REALISTIC_MS_PER_SONG = 5_000;
const QUEUE_MAX = 200;
const MAX_KEPT = 20_000;
/** A task that lost its worker reads "running" until this long after its creation, then "failed". */
const TASK_TIMEOUT_MS = 3_600_000;

export interface MusicTask {
  id: string;
  request: MusicRequest;
  /** The prompt and lyrics as sent, markers included. */
  text: string;
  faults: TaskFaults;
  createdAtMs: number;
  startAtMs: number;
  /** Null: never. */
  endAtMs: number | null;
  /** When a restart killed it. */
  diedAtMs: number | null;
  files: { name: string; piece: Piece }[];
}

export type MusicState =
  | { state: 'unknown' }
  | { state: 'queued'; position: number }
  | { state: 'running'; progress: number }
  | { state: 'succeeded' }
  | { state: 'failed' };

/** The task store: one song at a time, on a schedule fixed when a task comes in, so that waiting tasks need no timers. */
export class AceStepServer {
  private readonly tasks = new Map<string, MusicTask>();
  private readonly files = new Map<string, { task: MusicTask; piece: Piece }>();
  private freeAtMs = 0;

  constructor(private readonly context: SandboxContext) {}

  get isFull(): boolean {
    return this.stats().queued >= QUEUE_MAX;
  }

  randomSeed(): number {
    return randomInt(2 ** 32);
  }

  accept(request: MusicRequest, text: string, faults: TaskFaults): MusicTask {
    const now = this.context.clock.now();
    const startAtMs = Math.max(now, this.freeAtMs);
    const workMs = faults.latency ?? this.context.clock.scaled(REALISTIC_MS_PER_SONG * request.batchSize);
    const isEndless = 'never' in faults;
    const task: MusicTask = {
      id: randomUUID(),
      request,
      text,
      faults,
      createdAtMs: now,
      startAtMs,
      endAtMs: isEndless ? null : startAtMs + workMs,
      diedAtMs: null,
      // Two parts of one recording never sound alike.
      files: request.seeds.map((seed) => ({
        name: `/tmp/acestep/api_audio/${randomUUID()}.${request.format}`,
        piece: { seconds: request.seconds, bpm: request.bpm, seed: seed + request.part, format: request.format },
      })),
    };
    // An endless task does not block the others: a test that asks for one wants just that.
    if (!isEndless) this.freeAtMs = startAtMs + workMs;
    this.tasks.set(task.id, task);
    for (const file of task.files) this.files.set(file.name, { task, piece: file.piece });
    if (this.tasks.size > MAX_KEPT) this.forgetOldest();
    return task;
  }

  find(id: string): MusicTask | null {
    return this.tasks.get(id) ?? null;
  }

  fileAt(path: string): { task: MusicTask; piece: Piece } | null {
    const file = this.files.get(path);
    return file === undefined || this.stateOf(file.task).state !== 'succeeded' ? null : file;
  }

  stateOf(task: MusicTask): MusicState {
    const now = Math.min(this.context.clock.now(), task.diedAtMs ?? Number.POSITIVE_INFINITY);
    const { startAtMs, endAtMs, faults } = task;
    const halfway = endAtMs === null ? startAtMs : (startAtMs + endAtMs) / 2;
    if ('lost' in faults && now >= halfway) return { state: 'unknown' };
    if (endAtMs !== null && now >= endAtMs) {
      return { state: ['fail', 'oom', 'policy'].some((name) => name in faults) ? 'failed' : 'succeeded' };
    }
    if (this.context.clock.now() - task.createdAtMs > TASK_TIMEOUT_MS) return { state: 'failed' };
    if (now < startAtMs) return { state: 'queued', position: this.positionOf(task) };
    return {
      state: 'running',
      progress: endAtMs === null ? 0.5 : (now - startAtMs) / Math.max(1, endAtMs - startAtMs),
    };
  }

  positionOf(task: MusicTask): number {
    const now = this.context.clock.now();
    return [...this.tasks.values()].filter((one) => one.startAtMs > now && one.startAtMs <= task.startAtMs).length;
  }

  stats(): { total: number; queued: number; running: number; succeeded: number; failed: number } {
    const now = this.context.clock.now();
    const counts = { total: 0, queued: 0, running: 0, succeeded: 0, failed: 0 };
    for (const task of this.tasks.values()) {
      counts.total += 1;
      if (task.diedAtMs === null && task.startAtMs > now) counts.queued += 1;
      else {
        const { state } = this.stateOf(task);
        if (state === 'running' || state === 'succeeded' || state === 'failed') counts[state] += 1;
      }
    }
    return counts;
  }

  /** Finished tasks stay (their results are cached on disk); waiting and running ones never end. */
  restart(): void {
    const now = this.context.clock.now();
    this.freeAtMs = 0;
    for (const task of this.tasks.values()) if (task.endAtMs === null || task.endAtMs > now) task.diedAtMs = now;
  }

  private forgetOldest(): void {
    const oldest = this.tasks.values().next().value;
    if (oldest === undefined) return;
    this.tasks.delete(oldest.id);
    for (const file of oldest.files) this.files.delete(file.name);
  }
}
