import { createHmac, randomInt } from 'node:crypto';
import type { SandboxContext } from '../context.js';
import type { TaskFaults } from '../faults.js';
import type { Generation, Generations, Output } from '../generations.js';
import { OFF_ORIGIN } from '../media.js';
import type { Picture } from '../render/recipes.js';
import { FPS, framesOf, sizeOf, tokensOf } from './models.js';
import type { CreateTask } from './validate.js';

/** How long the provider remembers a task. */
export const LIFETIME_MS = 7 * 86_400_000;
const CANCELLED_LIFETIME_MS = 86_400_000;
/** A link to a result. */
const LINK_SECONDS = 86_400;
const QUEUE_MS = 3000;
const REALISTIC_MS = { '480p': 20_000, '720p': 30_000, '1080p': 45_000, '4k': 60_000 } as const;

/** What is kept of a request: pictures are in the outputs. */
export interface ArkRequest extends Omit<CreateTask, 'content'> {
  videoSeconds: number;
  width: number;
  height: number;
}
export type ArkTask = Generation<ArkRequest>;
export type Status = 'queued' | 'running' | 'succeeded' | 'failed' | 'expired' | 'cancelled';

function outputsOf(task: CreateTask): Output[] {
  const [width, height] = sizeOf(task.resolution, task.ratio);
  const { content, seed } = task;
  const frame = (over: Picture[]): Picture => ({
    kind: 'drawn',
    width,
    height,
    title: `sandbox · ${task.model}${task.watermark ? ' · AI generated' : ''}`,
    prompt: content.prompt,
    seed,
    over,
  });
  const first = frame(content.first === null ? content.references : [content.first]);
  const last = content.last === null ? null : frame([content.last]);
  const clip = {
    width,
    height,
    fps: FPS,
    frames: framesOf(task.duration),
    seed,
    first,
    last,
    sound: task.generateAudio,
  };
  return [
    { kind: 'clip', clip },
    ...(task.returnLastFrame ? [{ kind: 'picture' as const, picture: last ?? first, format: 'jpeg' as const }] : []),
  ];
}

/** `cgt-20260902164158-rqwgv`. */
function newId(now: number): string {
  const stamp = new Date(now).toISOString().replaceAll(/[-:T]/g, '').slice(0, 14);
  const letters = Array.from({ length: 8 }, () => 'abcdefghijklmnopqrstuvwxyz0123456789'[randomInt(36)]).join('');
  return `cgt-${stamp}-${letters}`;
}

/** The tasks of one account, with the provider's words for their states. */
export class ArkTasks {
  constructor(
    private readonly context: SandboxContext,
    readonly generations: Generations<ArkRequest>,
  ) {}

  accept(task: CreateTask, prompt: string, faults: TaskFaults): Promise<ArkTask> {
    const { content, ...request } = task;
    const [width, height] = sizeOf(task.resolution, task.ratio);
    return this.generations.accept({
      id: newId(this.context.clock.now()),
      prompt,
      faults,
      request: { ...request, videoSeconds: content.videoSeconds, width, height },
      outputs: outputsOf(task),
      realisticMs: REALISTIC_MS[task.resolution],
      realisticQueueMs: QUEUE_MS,
    });
  }

  /** Null when it never was, or is no longer known. */
  find(id: string): ArkTask | null {
    const task = this.generations.find(id);
    if (task === null || this.generations.stateOf(task) === 'missing') return null;
    const { canceledAtMs } = task;
    const forgotten = canceledAtMs !== null && this.context.clock.now() > canceledAtMs + CANCELLED_LIFETIME_MS;
    return forgotten ? null : task;
  }

  /** Newest first. */
  list(): ArkTask[] {
    return this.generations.list().filter(({ id }) => this.find(id) !== null);
  }

  statusOf(task: ArkTask): Status {
    const state = this.generations.stateOf(task);
    switch (state) {
      case 'queued':
      case 'running':
      case 'missing':
        return this.context.clock.now() >= this.expiresAtMs(task) ? 'expired' : state === 'queued' ? state : 'running';
      case 'canceled':
        return 'cancelled';
      case 'failed':
      case 'filtered':
        return 'failed';
      case 'empty':
      case 'done':
        return 'succeeded';
    }
  }

  /** The answer to GET, and the body of callbacks. `origin` is this server's, for links. */
  view(task: ArkTask, origin: string): object {
    const { id, createdAtMs, request } = task;
    const status = this.statusOf(task);
    return {
      id,
      model: request.model,
      status,
      ...(status === 'succeeded' ? this.result(task, origin) : {}),
      ...(status === 'failed' ? { error: this.errorOf(task) } : {}),
      created_at: seconds(createdAtMs),
      updated_at: seconds(this.updatedAtMs(task, status)),
      service_tier: 'default',
      execution_expires_after: request.expiresAfterSeconds,
      generate_audio: request.generateAudio,
      draft: false,
      priority: request.priority,
      ...(request.safetyIdentifier === null ? {} : { safety_identifier: request.safetyIdentifier }),
    };
  }

  /** Whether a link's signature is one of ours and its day is not over. */
  isSigned(id: string, file: string, query: Record<string, string | undefined>): boolean {
    const date = Number(query['X-Tos-Date']);
    const now = seconds(this.context.clock.now());
    return query['X-Tos-Signature'] === this.sign(id, file, date) && now <= date + LINK_SECONDS;
  }

  private result(task: ArkTask, origin: string): object {
    const { id, request, outputs, faults } = task;
    const { width, height, duration, videoSeconds, resolution, ratio, seed } = request;
    const tokens = tokensOf(width, height, duration, videoSeconds);
    const link = (file: string): string => {
      if ('off-origin' in faults) return OFF_ORIGIN;
      const date = seconds(task.readyAtMs ?? task.createdAtMs);
      const query = new URLSearchParams({
        'X-Tos-Date': String(date),
        'X-Tos-Expires': String(LINK_SECONDS),
        'X-Tos-Signature': this.sign(id, file, date),
      });
      return `${origin}/ark/tos/${id}/${file}?${query.toString()}`;
    };
    const isEmpty = 'empty' in faults;
    return {
      content: {
        ...(isEmpty ? {} : { video_url: link('0.mp4') }),
        ...(outputs.length > 1 && !isEmpty ? { last_frame_url: link('1.jpeg') } : {}),
      },
      usage: { completion_tokens: tokens, total_tokens: tokens },
      seed,
      resolution,
      ratio,
      duration,
      framespersecond: FPS,
    };
  }

  private errorOf(task: ArkTask): { code: string; message: string } {
    return this.generations.stateOf(task) === 'filtered'
      ? {
          code: 'OutputVideoSensitiveContentDetected',
          message: 'The request failed because the output video may contain sensitive information.',
        }
      : { code: 'InternalServiceError', message: 'The service encountered an unexpected internal error.' };
  }

  private expiresAtMs({ createdAtMs, request }: ArkTask): number {
    return createdAtMs + request.expiresAfterSeconds * 1000;
  }

  private updatedAtMs(task: ArkTask, status: Status): number {
    switch (status) {
      case 'queued':
        return task.createdAtMs;
      case 'running':
        return task.startsAtMs;
      case 'expired':
        return this.expiresAtMs(task);
      case 'cancelled':
        return task.canceledAtMs ?? task.createdAtMs;
      case 'succeeded':
      case 'failed':
        return task.readyAtMs ?? task.createdAtMs;
    }
  }

  private sign(id: string, file: string, date: number): string {
    return createHmac('sha256', this.context.key).update(`${id}/${file}\n${date}`).digest('hex');
  }
}

const seconds = (ms: number): number => Math.floor(ms / 1000);
