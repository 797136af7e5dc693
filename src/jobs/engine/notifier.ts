import { Injectable } from '@nestjs/common';
import { Database, execute, sql } from '../../database/database.js';
import { Logger } from '../../telemetry/logger.js';

export const JOB_CHANNEL = 'kiln_job';
const GATHER_MS = 20;
/** PostgreSQL refuses payloads of 8000 bytes; an id with its comma has 31. */
const IDS_PER_MESSAGE = 250;

/**
 * Tells every process that jobs changed. After the commit and gathered, because a NOTIFY inside a transaction serialises
 * all commits; best effort, because watchers look by themselves once a second.
 */
@Injectable()
export class Notifier {
  private changedIds = new Set<string>();
  private timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly db: Database,
    private readonly logger: Logger,
  ) {}

  changed(jobId: string): void {
    this.changedIds.add(jobId);
    this.timer ??= setTimeout(() => void this.flush(), GATHER_MS);
  }

  private async flush(): Promise<void> {
    this.timer = null;
    const ids = [...this.changedIds];
    this.changedIds = new Set();
    try {
      for (let i = 0; i < ids.length; i += IDS_PER_MESSAGE) {
        await execute(this.db, sql`SELECT pg_notify(${JOB_CHANNEL}, ${ids.slice(i, i + IDS_PER_MESSAGE).join(',')})`);
      }
    } catch (error) {
      this.logger.debug({ err: error }, 'a job notification was not sent');
    }
  }
}
