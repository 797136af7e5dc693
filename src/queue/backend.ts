import { type QueueOptions, createPostgresBackend, setDefaultBackendFactory } from 'bullmq';

export interface QueueServer {
  /** Null: the queues live in PostgreSQL. */
  redisUrl: string | null;
  databaseUrl: string;
  /** Names of the queues' keys on a shared Redis; on PostgreSQL the database itself separates them. */
  prefix: string;
}

/** Connections of each queue and each worker on PostgreSQL; idle ones close after 10 s. */
const POOL_SIZE = 8;

/**
 * Chooses BullMQ's server for this process. Must run before any Queue or Worker is made: BullMQ keeps the choice in a
 * process-wide default.
 */
export function queueOptions({ redisUrl, databaseUrl, prefix }: QueueServer): QueueOptions {
  if (redisUrl === null) {
    setDefaultBackendFactory(createPostgresBackend);
    const connection = {
      connectionString: databaseUrl,
      max: POOL_SIZE,
      keepAlive: true,
      application_name: 'kiln queue',
    };
    return { connection, prefix };
  }
  setDefaultBackendFactory();
  // BullMQ's workers need requests that wait for a lost Redis instead of failing.
  return { connection: { url: redisUrl, maxRetriesPerRequest: null }, prefix };
}
