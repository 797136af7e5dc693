import { createHmac, randomUUID } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { Callbacks } from '../callbacks.js';
import type { SandboxContext } from '../context.js';
import { linkTo } from '../media.js';
import type { KlingGeneration, KlingTasks } from './tasks.js';
import { currentView, legacyView } from './views.js';

/** What the sandbox signs callbacks with; in a real account it is made in the console. */
export const CALLBACK_SECRET = `whsec_${Buffer.from('sandbox-callback-secret-0001').toString('base64')}`;
const KEY = Buffer.from(CALLBACK_SECRET.slice('whsec_'.length), 'base64');

/** Headers of Standard Webhooks over the bytes that are sent. */
export function sign(body: Buffer, nowMs: number): Record<string, string> {
  const [id, timestamp] = [randomUUID(), String(Math.floor(nowMs / 1000))];
  const signature = createHmac('sha256', KEY).update(`${id}.${timestamp}.`).update(body).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
}

export const linkOf = (request: FastifyRequest, prefix: string, generation: KlingGeneration): string =>
  linkTo(request, `${prefix}/files/${generation.id}-0.mp4`, generation);

/** Rings when a task begins to run and when it ends; the body is the bare task. */
export class Bell {
  private readonly callbacks: Callbacks;

  constructor(
    private readonly context: SandboxContext,
    private readonly tasks: KlingTasks,
  ) {
    this.callbacks = new Callbacks(context);
  }

  ring(generation: KlingGeneration, url: string, link: () => string): void {
    const view = generation.request.legacy === null ? currentView : legacyView;
    const signed = (body: Buffer) => sign(body, this.context.clock.now());
    const { startsAtMs, readyAtMs } = generation;
    const { 'duplicate-callbacks': _once, ...faults } = generation.faults;
    if (readyAtMs === null || startsAtMs < readyAtMs)
      this.callbacks.whenDone(
        { ...generation, readyAtMs: startsAtMs, faults },
        url,
        () => view(generation, 'running', link),
        signed,
      );
    this.callbacks.whenDone(
      generation,
      url,
      () => view(generation, this.tasks.generations.stateOf(generation), link),
      signed,
    );
  }

  close(): void {
    this.callbacks.close();
  }
}
