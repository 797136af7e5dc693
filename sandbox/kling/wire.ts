import type { SandboxContext } from '../context.js';
import type { SandboxWire } from '../wire.js';
import { Bell, CALLBACK_SECRET } from './bell.js';
import { CURRENT_MODELS } from './current.js';
import { LEGACY_MODELS } from './legacy.js';
import { klingRoutes } from './routes.js';
import { KlingTasks } from './tasks.js';

const PREFIX = '/kling';

/** Kling's own API: the current generation and the legacy one share an account, its tasks and their ids. */
export async function openKling(context: SandboxContext): Promise<SandboxWire> {
  const tasks = await KlingTasks.open(context);
  const bell = new Bell(context, tasks);
  return {
    prefix: PREFIX,
    routes: klingRoutes(context, tasks, bell, PREFIX),
    emulates: {
      kling: {
        base: PREFIX,
        auth: 'Authorization: Bearer KEY; on the legacy wire also a JWT signed by KEY as access and secret key',
        models: { current: CURRENT_MODELS, legacy: LEGACY_MODELS },
        callbackSecret: CALLBACK_SECRET,
      },
    },
    close: () => bell.close(),
  };
}
