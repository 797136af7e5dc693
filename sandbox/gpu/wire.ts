import type { FastifyInstance, FastifyReply } from 'fastify';
import { Callbacks } from '../callbacks.js';
import type { SandboxContext } from '../context.js';
import { Generations } from '../generations.js';
import type { SandboxWire } from '../wire.js';
import { contractRoutes } from './contract.js';
import { bucketRoutes, runpodRoutes } from './runpod.js';
import { type GpuRequest, GpuServer } from './server.js';
import { MODEL } from './skyreels.js';

const LIFETIME_MS = 86_400_000;

/** `POST /gpu/_sleep {load_ms?}`: scaled to zero until a request wakes it; `POST /gpu/_restart`: another process. */
function switches(app: FastifyInstance, server: GpuServer): void {
  const refuse = (reply: FastifyReply, message: string) => reply.code(400).send({ error: message });
  app.post<{ Body: { load_ms?: unknown } | null | undefined }>('/_sleep', async (request, reply) => {
    const { load_ms: loadMs = null, ...rest } = request.body ?? {};
    const stray = Object.keys(rest)[0];
    if (stray !== undefined) return refuse(reply, `unknown field ${stray}; known is load_ms`);
    if (loadMs !== null && !(Number.isSafeInteger(loadMs) && Number(loadMs) >= 0))
      return refuse(reply, `load_ms must be a whole number, got ${JSON.stringify(loadMs)}`);
    await server.sleep(loadMs === null ? null : Number(loadMs));
    return { state: 'asleep' };
  });
  app.post('/_restart', async () => {
    await server.restart();
    return { boot_id: server.bootId };
  });
}

/** A SkyReels-V2 server of the GPU contract, and the same model as a RunPod worker. */
export async function openGpu(context: SandboxContext): Promise<SandboxWire> {
  const jobs = await Generations.open<GpuRequest>(context, 'gpu', LIFETIME_MS);
  const server = new GpuServer(context, jobs);
  // What a server in memory knew ended with its process; RunPod's jobs did not.
  await server.restart();
  const callbacks = new Callbacks(context);
  return {
    prefix: '/gpu',
    routes: async (app) => {
      switches(app, server);
      await app.register(contractRoutes(context, jobs, server, callbacks), { prefix: '/skyreels' });
      await app.register(runpodRoutes(context, jobs, callbacks), { prefix: '/runpod/v2' });
      await app.register(bucketRoutes(context, jobs), { prefix: '/bucket' });
    },
    emulates: {
      gpu: {
        bases: { kiln: '/gpu/skyreels', runpod: '/gpu/runpod/v2/skyreels' },
        auth: 'Authorization: Bearer',
        models: [MODEL],
        callbacks: 'kiln: by Standard Webhooks, the key is the credential; runpod: unsigned',
        switches: {
          'POST /gpu/_sleep': '{load_ms?}: 503 loading from the next request on, for so long; loses all jobs of kiln',
          'POST /gpu/_restart': 'another boot_id; loses all jobs of kiln',
        },
      },
    },
    close: () => callbacks.close(),
  };
}
