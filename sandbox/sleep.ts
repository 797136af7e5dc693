import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { SandboxContext } from './context.js';

/** How the proxy in front of a sleeping server answers: at once with a status, or not before the server is up. */
const MODES = ['hold', '502', '503', '504'] as const;
type Mode = (typeof MODES)[number];

interface Sleeper {
  mode: Mode;
  wakeMs: number;
  /** Null: nobody has called yet. */
  wokenAtMs: number | null;
  calls: number;
}

/** Servers that have scaled to zero: the first call wakes one, and it takes its time. */
export class Sleepers {
  private readonly byPrefix = new Map<string, Sleeper>();

  constructor(private readonly context: SandboxContext) {}

  sleep(prefix: string, mode: Mode, wakeMs: number): void {
    this.byPrefix.set(prefix, { mode, wakeMs, wokenAtMs: null, calls: 0 });
  }

  list(): object[] {
    return [...this.byPrefix].map(([prefix, { mode, calls, wokenAtMs }]) => ({
      prefix,
      mode,
      calls,
      woken: wokenAtMs !== null,
    }));
  }

  /** Answers in place of a server that sleeps; null where it is up. */
  async answer(url: string): Promise<number | null> {
    const sleeper = [...this.byPrefix].find(([prefix]) => url === prefix || url.startsWith(`${prefix}/`))?.[1];
    if (!sleeper) return null;
    sleeper.calls += 1;
    const now = this.context.clock.now();
    sleeper.wokenAtMs ??= now;
    const leftMs = sleeper.wokenAtMs + sleeper.wakeMs - now;
    if (leftMs <= 0) return null;
    if (sleeper.mode !== 'hold') return Number(sleeper.mode);
    await new Promise((resolve) => setTimeout(resolve, leftMs));
    return null;
  }
}

/** `POST /_sandbox/sleep {prefix, mode?, wake_ms}`; `GET` lists, with the calls that each has seen since. */
export function sleepRoutes(app: FastifyInstance, sleepers: Sleepers): void {
  app.addHook('onRequest', async (request: FastifyRequest, reply: FastifyReply) => {
    const status = await sleepers.answer(request.url.split('?')[0] ?? '');
    if (status !== null) return reply.code(status).type('text/plain').send('upstream is not ready');
    return undefined;
  });
  app.get('/_sandbox/sleep', async () => ({ sleepers: sleepers.list() }));
  app.post<{ Body: { prefix?: unknown; mode?: unknown; wake_ms?: unknown } | undefined }>(
    '/_sandbox/sleep',
    async (request, reply) => {
      const { prefix, mode = '503', wake_ms: wakeMs } = request.body ?? {};
      const known = MODES.find((one) => one === mode);
      if (typeof prefix !== 'string' || !/^\/[^_]/.test(prefix))
        return reply
          .code(400)
          .send({ error: `prefix must be a path such as /comfyui/0, got ${JSON.stringify(prefix)}` });
      if (known === undefined)
        return reply.code(400).send({ error: `mode must be one of ${MODES.join(', ')}, got ${JSON.stringify(mode)}` });
      if (typeof wakeMs !== 'number' || !Number.isSafeInteger(wakeMs) || wakeMs < 0)
        return reply.code(400).send({ error: `wake_ms must be a whole number, got ${JSON.stringify(wakeMs)}` });
      sleepers.sleep(prefix, known, wakeMs);
      return reply.code(201).send({ prefix, mode: known, wake_ms: wakeMs });
    },
  );
}
