import { randomInt } from 'node:crypto';
import type { SandboxContext } from '../context.js';
import type { TaskFaults } from '../faults.js';
import { type Generation, Generations } from '../generations.js';
import type { Clip, Picture } from '../render/recipes.js';
import { invalid } from './errors.js';
import type { LegacyKind } from './legacy.js';
import type { Resolution, VideoRequest } from './request.js';

/** Kling keeps tasks and their files for thirty days. */
const LIFETIME_MS = 30 * 86_400_000;
const REALISTIC_MS = 30_000;
const REALISTIC_QUEUE_MS = 2_000;
const FPS = 24;
const SHORT_SIDE: Readonly<Record<Resolution, number>> = { '720p': 720, '1080p': 1080, '4k': 2160 };
const RATIO = { '16:9': 16 / 9, '9:16': 9 / 16, '1:1': 1 } as const;

/** What the wire says of a task later. */
export interface KlingTask {
  /** The create path's last part on the legacy wire; null: the task is of the current generation. */
  legacy: LegacyKind | null;
  externalId: string | null;
  resolution: Resolution;
  seconds: number;
  sound: boolean;
}
export type KlingGeneration = Generation<KlingTask>;

/** Eighteen digits, as Kling's ids are. */
const newTaskId = (): string => `${randomInt(10 ** 9, 10 ** 10)}${randomInt(10 ** 7, 10 ** 8)}`;

const even = (value: number): number => 2 * Math.round(value / 2);

/** The short side has the asked lines; a clip from a picture has the picture's shape. */
function sizeOf({ resolution, aspectRatio, first }: VideoRequest): { width: number; height: number } {
  const { width, height } = first === null || !('width' in first) ? { width: RATIO[aspectRatio], height: 1 } : first;
  const short = SHORT_SIDE[resolution];
  return width >= height
    ? { width: even((short * width) / height), height: short }
    : { width: short, height: even((short * height) / width) };
}

function clipOf(request: VideoRequest, model: string): Clip {
  const { width, height } = sizeOf(request);
  const seed = randomInt(2 ** 32);
  const { prompt } = request;
  const frame = (over: Picture[]): Picture => ({
    kind: 'drawn',
    width,
    height,
    title: `sandbox · ${model}`,
    prompt,
    seed,
    over,
  });
  return {
    width,
    height,
    fps: FPS,
    frames: request.seconds * FPS,
    seed,
    first: frame(request.first === null ? [] : [request.first]),
    last: request.last === null ? null : frame([request.last]),
    sound: request.sound,
  };
}

/** The account's tasks of both generations; a client's own id is taken once. */
export class KlingTasks {
  private readonly byExternalId = new Map<string, string>();

  private constructor(readonly generations: Generations<KlingTask>) {
    for (const { id, request } of generations.list())
      if (request.externalId !== null) this.byExternalId.set(request.externalId, id);
  }

  static async open(context: SandboxContext): Promise<KlingTasks> {
    return new KlingTasks(await Generations.open<KlingTask>(context, 'kling', LIFETIME_MS));
  }

  /** Throws where the client's own id was used before. */
  checkExternalId(externalId: string | null): void {
    if (externalId !== null && this.findByExternalId(externalId) !== null)
      throw invalid(`External_task_id ${externalId} already exists`);
  }

  /** `prompt`: as it was sent, markers included. */
  async accept(
    made: { legacy: LegacyKind | null; model: string; prompt: string },
    request: VideoRequest,
    faults: TaskFaults,
  ): Promise<KlingGeneration> {
    const { resolution, seconds, sound, externalId } = request;
    const id = newTaskId();
    // Before the first wait: the same id at the same moment is a second one too.
    if (externalId !== null) this.byExternalId.set(externalId, id);
    return this.generations.accept({
      id,
      prompt: made.prompt,
      faults,
      request: { legacy: made.legacy, externalId, resolution, seconds, sound },
      outputs: [{ kind: 'clip', clip: clipOf(request, made.model) }],
      realisticMs: REALISTIC_MS,
      realisticQueueMs: REALISTIC_QUEUE_MS,
    });
  }

  /** Null when unknown, forgotten, or lost by a fault. */
  find(id: string): KlingGeneration | null {
    const found = this.generations.find(id);
    return found === null || this.generations.stateOf(found) === 'missing' ? null : found;
  }

  findByExternalId(externalId: string): KlingGeneration | null {
    const id = this.byExternalId.get(externalId);
    return id === undefined ? null : this.find(id);
  }
}
