import type { FastifyInstance } from 'fastify';
import type { Provider } from './faults.js';

/** One provider's emulator as the server mounts it. */
export interface SandboxWire {
  /** Path below which the wire lives, e.g. `/fal`. */
  prefix: string;
  /** A Fastify plugin; paths are below `prefix`. */
  routes: (app: FastifyInstance) => Promise<void>;
  /** What the root page says: base path, auth, models, by name of the provider in faults and records. */
  emulates: Partial<Record<Provider, object>>;
  close?(): void;
}
