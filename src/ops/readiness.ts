import { Injectable } from '@nestjs/common';
import { Catalog } from '../catalog/catalog.service.js';
import { messageOf } from '../common/errors.js';
import { delay } from '../common/time.js';
import { KilnConfig } from '../config/config.js';
import { expectedMigrations } from '../database/migrations.js';
import { ReadinessRepository } from './readiness.repository.js';
import { StorageProbe } from './storage-probe.js';

const DATABASE_TIMEOUT_MS = 3000;

export interface ReadinessView {
  status: 'ready' | 'not_ready' | 'draining';
  role: string;
  catalog_hash: string;
  checks: {
    database: 'ok' | 'unreachable';
    migrations: 'ok' | 'missing' | 'not_checked';
    /** Does not make the process unready: jobs are accepted and wait. */
    storage: 'ok' | 'failing';
  };
}

/** Whether this process should be sent requests. */
@Injectable()
export class Readiness {
  private draining = false;

  constructor(
    private readonly rows: ReadinessRepository,
    private readonly storage: StorageProbe,
    private readonly catalog: Catalog,
    private readonly config: KilnConfig,
  ) {}

  /** From now on the process is not ready; called first at a stop, so that balancers turn away before anything closes. */
  drain(): void {
    this.draining = true;
  }

  async look(): Promise<ReadinessView> {
    this.storage.refresh();
    const checks: ReadinessView['checks'] = {
      ...(await this.database()),
      storage: this.storage.healthy() ? 'ok' : 'failing',
    };
    const ready = checks.database === 'ok' && checks.migrations === 'ok';
    const status = this.draining ? 'draining' : ready ? 'ready' : 'not_ready';
    return { status, role: this.config.role, catalog_hash: this.catalog.hash, checks };
  }

  private async database(): Promise<Pick<ReadinessView['checks'], 'database' | 'migrations'>> {
    const timeout = new AbortController();
    try {
      const applied = await Promise.race([this.rows.appliedMigrations(), late(timeout.signal)]);
      // A newer version may have added some: those are made so that this one still works.
      const migrated = (await expectedMigrations()).every((name) => applied.includes(name));
      return { database: 'ok', migrations: migrated ? 'ok' : 'missing' };
    } catch (error) {
      // A database without the table was never migrated.
      if (/_prisma_migrations/.test(messageOf(error))) return { database: 'ok', migrations: 'missing' };
      return { database: 'unreachable', migrations: 'not_checked' };
    } finally {
      timeout.abort(new Error('answered'));
    }
  }
}

async function late(signal: AbortSignal): Promise<never> {
  await delay(DATABASE_TIMEOUT_MS, signal);
  throw new Error(`the database did not answer in ${DATABASE_TIMEOUT_MS} ms`);
}
