import { randomInt, randomUUID } from 'node:crypto';
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { SandboxContext } from '../context.js';
import type { TaskFaults } from '../faults.js';
import type { Clip, Picture } from '../render/recipes.js';
import type { GoogleWire, VeoRequest } from './validate.js';

export const VEO_MODELS = [
  'veo-3.1-generate-001',
  'veo-3.1-fast-generate-001',
  'veo-3.1-generate-preview',
  'veo-3.1-fast-generate-preview',
] as const;

const FPS = 24;
/** Results of the Gemini API live for two days. */
const LIFETIME_MS = 2 * 86_400_000;
const MAX_KEPT = 50_000;
const REALISTIC_MS = { full: 30_000, fast: 15_000 };
const LONG_SIDE = { '720p': 1280, '1080p': 1920, '4k': 3840 } as const;
const SHORT_SIDE = { '720p': 720, '1080p': 1080, '4k': 2160 } as const;

export interface VeoOperation {
  id: string;
  wire: GoogleWire;
  /** Full name as the provider answers it. */
  name: string;
  prompt: string;
  createdAtMs: number;
  /** Null: never. */
  readyAtMs: number | null;
  faults: TaskFaults;
  /** One per sample; file id on the Gemini API is `{id}-{index}`. */
  clips: Clip[];
}

export type VeoState = 'running' | 'missing' | 'failed' | 'filtered' | 'empty' | 'done';

/**
 * Accepted generations. No timer runs for any of them: the state follows from the clock when somebody asks. Operations outlive a
 * restart, as Google's do, through a journal in the data folder.
 */
export class VeoOperations {
  private readonly operations = new Map<string, VeoOperation>();
  private readonly journal: string;

  private constructor(private readonly context: SandboxContext) {
    this.journal = join(context.dataDir, 'google-operations.jsonl');
  }

  static async open(context: SandboxContext): Promise<VeoOperations> {
    const store = new VeoOperations(context);
    await mkdir(dirname(store.journal), { recursive: true });
    await store.load();
    return store;
  }

  async accept(
    wire: GoogleWire,
    modelPath: string,
    prompt: string,
    request: VeoRequest,
    faults: TaskFaults,
  ): Promise<VeoOperation> {
    const now = this.context.clock.now();
    const id = randomUUID();
    const realisticMs = modelPath.includes('-fast-') ? REALISTIC_MS.fast : REALISTIC_MS.full;
    const operation: VeoOperation = {
      id,
      wire,
      name: `${modelPath}/operations/${id}`,
      prompt,
      createdAtMs: now,
      readyAtMs: 'never' in faults ? null : now + (faults.latency ?? this.context.clock.scaled(realisticMs)),
      faults,
      clips: clipsOf(request, modelPath.split('/').at(-1) ?? modelPath),
    };
    this.operations.set(id, operation);
    if (this.operations.size > MAX_KEPT) this.operations.delete(this.operations.keys().next().value ?? '');
    await appendFile(this.journal, `${JSON.stringify(operation)}\n`);
    return operation;
  }

  /** By the operation's last path segment; null when unknown or older than two days. */
  find(id: string): VeoOperation | null {
    const operation = this.operations.get(id);
    return operation === undefined || operation.createdAtMs < this.context.clock.now() - LIFETIME_MS ? null : operation;
  }

  stateOf(operation: VeoOperation): VeoState {
    const now = this.context.clock.now();
    const { faults, createdAtMs, readyAtMs } = operation;
    if ('lost' in faults && now >= (createdAtMs + (readyAtMs ?? createdAtMs)) / 2) return 'missing';
    if (readyAtMs === null || now < readyAtMs) return 'running';
    if ('fail' in faults || 'oom' in faults) return 'failed';
    if ('policy' in faults) return 'filtered';
    if ('empty' in faults) return 'empty';
    return 'done';
  }

  private async load(): Promise<void> {
    const oldest = this.context.clock.now() - LIFETIME_MS;
    let text = '';
    try {
      text = await readFile(this.journal, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    for (const line of text.split('\n')) {
      const operation = parseLine(line);
      if (operation !== null && operation.createdAtMs >= oldest) this.operations.set(operation.id, operation);
    }
    await writeFile(
      this.journal,
      [...this.operations.values()].map((operation) => `${JSON.stringify(operation)}\n`).join(''),
    );
  }
}

function parseLine(line: string): VeoOperation | null {
  if (line === '') return null;
  try {
    return JSON.parse(line) as VeoOperation;
  } catch {
    // A process killed in the middle of an append leaves half a line.
    return null;
  }
}

function clipsOf(request: VeoRequest, model: string): Clip[] {
  const [long, short] = [LONG_SIDE[request.resolution], SHORT_SIDE[request.resolution]];
  const [width, height] = request.aspectRatio === '16:9' ? [long, short] : [short, long];
  const baseSeed = request.seed ?? randomInt(2 ** 32);
  return Array.from({ length: request.sampleCount }, (_, index) => {
    const seed = (baseSeed + index) >>> 0;
    const frame = (over: Picture[]): Picture => ({
      kind: 'drawn',
      width,
      height,
      title: `sandbox · ${model}`,
      prompt: request.prompt,
      seed,
      over,
    });
    return {
      width,
      height,
      fps: FPS,
      frames: request.durationSeconds * FPS,
      seed,
      first: frame(request.image === null ? request.references : [request.image]),
      last: request.lastFrame === null ? null : frame([request.lastFrame]),
      sound: request.audio,
    };
  });
}
