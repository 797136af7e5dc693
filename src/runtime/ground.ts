import { join } from 'node:path';
import type { KilnConfig } from '../config/config.js';
import { claimDataFolder, type DataFolder } from '../database/embedded/data-folder.js';
import { startEmbeddedPostgres } from '../database/embedded/postgres.js';
import { startSandboxProcess, type SandboxProcess } from './sandbox-process.js';

/** What stands before the application and falls after it: the data folder's lock, the database server, the sandbox. */
export interface Ground {
  databaseUrl: string;
  sandboxUrl: string | null;
  folder: DataFolder | null;
  sandbox: SandboxProcess | null;
  /** The database server last. */
  leave(): Promise<void>;
}

/** In embedded mode starts what production has as servers; there it only names them. */
export async function prepareGround(config: KilnConfig, sandboxEntry: string): Promise<Ground> {
  const undo: (() => Promise<void>)[] = [];
  const leave = async (): Promise<void> => {
    for (const step of undo.toReversed()) await step();
  };
  try {
    // Production processes share servers, not folders.
    const folder = config.embedded ? await claimDataFolder(config.dataDir) : null;
    if (folder) undo.push(() => folder.release());
    const { url } = config.database;
    const postgres = url === null ? await startEmbeddedPostgres({ dir: join(config.dataDir, 'postgres') }) : null;
    if (postgres) undo.push(() => postgres.stop());
    const sandbox = config.sandbox.enabled
      ? await startSandboxProcess({ entry: sandboxEntry, dataDir: config.dataDir, speed: config.sandbox.speed })
      : null;
    if (sandbox) undo.push(() => sandbox.stop());
    return { databaseUrl: url ?? postgres?.url ?? '', sandboxUrl: sandbox?.url ?? null, folder, sandbox, leave };
  } catch (error) {
    await leave();
    throw error;
  }
}
