import { Callbacks } from '../callbacks.js';
import type { SandboxContext } from '../context.js';
import { Generations } from '../generations.js';
import type { SandboxWire } from '../wire.js';
import { OPEN_MODELS } from './models.js';
import { arkRoutes } from './routes.js';
import { ArkTasks, LIFETIME_MS, type ArkRequest } from './tasks.js';

/** Seedance on BytePlus ModelArk and Volcengine Ark. */
export async function openArk(context: SandboxContext): Promise<SandboxWire> {
  const tasks = new ArkTasks(context, await Generations.open<ArkRequest>(context, 'ark', LIFETIME_MS));
  const callbacks = new Callbacks(context);
  return {
    prefix: '/ark',
    routes: arkRoutes(context, tasks, callbacks),
    emulates: {
      ark: { base: '/ark/api/v3', auth: 'Authorization: Bearer', models: Object.keys(OPEN_MODELS) },
    },
    close: () => callbacks.close(),
  };
}
