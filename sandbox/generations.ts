import { randomUUID } from 'node:crypto';
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SandboxContext } from './context.js';
import type { Provider, TaskFaults } from './faults.js';
import type { Clip, Picture, PictureFormat, Piece } from './render/recipes.js';

/** One file of a result, rendered when somebody first reads it. */
export type Output =
  | { kind: 'clip'; clip: Clip; name?: string }
  | { kind: 'picture'; picture: Picture; format: PictureFormat; name?: string }
  | { kind: 'piece'; piece: Piece; name?: string };

/** An accepted generation: plain data, so that it can be written down. `Request` is what the wire says of it later. */
export interface Generation<Request = unknown> {
  id: string;
  provider: Provider;
  /** As it was sent, markers included: faults are matched against it. */
  prompt: string;
  faults: TaskFaults;
  request: Request;
  createdAtMs: number;
  /** When it leaves the queue. */
  startsAtMs: number;
  /** Null: never. */
  readyAtMs: number | null;
  canceledAtMs: number | null;
  outputs: Output[];
}

export type GenerationState = 'queued' | 'running' | 'missing' | 'canceled' | 'failed' | 'filtered' | 'empty' | 'done';

export interface NewGeneration<Request> {
  prompt: string;
  faults: TaskFaults;
  request: Request;
  outputs: Output[];
  /** How long such a thing takes at the provider; the sandbox's speed scales it. */
  realisticMs: number;
  /** How long it stands in the provider's queue before. */
  realisticQueueMs?: number;
  /** Default: a UUID. */
  id?: string;
}

const MAX_KEPT = 50_000;

/**
 * The accepted generations of one provider. No timer runs for any of them: the state follows from the clock when somebody asks.
 * They outlive a restart, as the provider's do, through a journal in the data folder.
 */
export class Generations<Request = unknown> {
  private readonly byId = new Map<string, Generation<Request>>();

  private constructor(
    private readonly context: SandboxContext,
    private readonly provider: Provider,
    private readonly journal: string,
    private readonly lifetimeMs: number,
  ) {}

  /** `lifetimeMs`: how long the provider remembers a generation. */
  static async open<Request>(
    context: SandboxContext,
    provider: Provider,
    lifetimeMs: number,
  ): Promise<Generations<Request>> {
    await mkdir(context.dataDir, { recursive: true });
    const journal = join(context.dataDir, `${provider}-generations.jsonl`);
    const store = new Generations<Request>(context, provider, journal, lifetimeMs);
    await store.load();
    return store;
  }

  async accept(wanted: NewGeneration<Request>): Promise<Generation<Request>> {
    const { clock } = this.context;
    const now = clock.now();
    const { faults, realisticMs, realisticQueueMs = 0, id = randomUUID(), ...rest } = wanted;
    const startsAtMs = now + (faults.latency === undefined ? clock.scaled(realisticQueueMs) : 0);
    const generation: Generation<Request> = {
      ...rest,
      id,
      faults,
      provider: this.provider,
      createdAtMs: now,
      startsAtMs,
      readyAtMs: 'never' in faults ? null : startsAtMs + (faults.latency ?? clock.scaled(realisticMs)),
      canceledAtMs: null,
    };
    this.remember(generation);
    await this.write(generation);
    return generation;
  }

  /** Null when unknown or forgotten. */
  find(id: string): Generation<Request> | null {
    const found = this.byId.get(id);
    return found === undefined || found.createdAtMs < this.context.clock.now() - this.lifetimeMs ? null : found;
  }

  /** Newest first. */
  list(): Generation<Request>[] {
    return [...this.byId.values()].toReversed().filter(({ id }) => this.find(id) !== null);
  }

  stateOf(generation: Generation<Request>): GenerationState {
    const now = this.context.clock.now();
    const { faults, createdAtMs, startsAtMs, readyAtMs, canceledAtMs } = generation;
    if ('lost' in faults && now >= (createdAtMs + (readyAtMs ?? createdAtMs)) / 2) return 'missing';
    if (canceledAtMs !== null) return 'canceled';
    if (now < startsAtMs) return 'queued';
    if (readyAtMs === null || now < readyAtMs) return 'running';
    if ('fail' in faults || 'oom' in faults) return 'failed';
    if ('policy' in faults) return 'filtered';
    return 'empty' in faults ? 'empty' : 'done';
  }

  /** 0 to 1. */
  progressOf({ startsAtMs, readyAtMs }: Generation<Request>): number {
    const now = this.context.clock.now();
    if (now < startsAtMs) return 0;
    if (readyAtMs === null) return 0.5;
    return Math.min(1, (now - startsAtMs) / Math.max(1, readyAtMs - startsAtMs));
  }

  /** How many of the provider's accepted generations stand before this one. */
  positionOf(generation: Generation<Request>): number {
    const queued = [...this.byId.values()].filter((one) => this.stateOf(one) === 'queued');
    return Math.max(0, queued.indexOf(generation));
  }

  async cancel(generation: Generation<Request>): Promise<void> {
    generation.canceledAtMs = this.context.clock.now();
    await this.write(generation);
  }

  async forget(generation: Generation<Request>): Promise<void> {
    this.byId.delete(generation.id);
    await this.write({ ...generation, createdAtMs: 0 });
  }

  /** As after a crash of a server that keeps its work in memory. */
  async loseAll(): Promise<void> {
    this.byId.clear();
    await writeFile(this.journal, '');
  }

  private remember(generation: Generation<Request>): void {
    this.byId.set(generation.id, generation);
    if (this.byId.size > MAX_KEPT) this.byId.delete(this.byId.keys().next().value ?? '');
  }

  private async write(generation: Generation<Request>): Promise<void> {
    await appendFile(this.journal, `${JSON.stringify(generation)}\n`);
  }

  private async load(): Promise<void> {
    const text = await readFile(this.journal, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw error;
    });
    for (const line of text.split('\n')) {
      const generation = parseLine<Request>(line);
      if (generation !== null) this.remember(generation);
    }
    const kept = [...this.byId.values()].filter(({ id }) => this.find(id) !== null);
    await writeFile(this.journal, kept.map((one) => `${JSON.stringify(one)}\n`).join(''));
  }
}

function parseLine<Request>(line: string): Generation<Request> | null {
  if (line === '') return null;
  try {
    return JSON.parse(line) as Generation<Request>;
  } catch {
    // A process killed in the middle of an append leaves half a line.
    return null;
  }
}
