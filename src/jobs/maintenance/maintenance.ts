import { Injectable } from '@nestjs/common';
import { Outputs } from '../../assets/outputs.js';
import { Uploads } from '../../assets/uploads.js';
import { USAGE_MONTHS } from '../../billing/usage.js';
import { HOUR_MS, MINUTE_MS } from '../../common/time.js';
import { Database } from '../../database/database.js';
import { Logger } from '../../telemetry/logger.js';
import { Retirements } from './retirements.js';
import { RetentionRepository } from './retention.repository.js';

/** Advisory lock of maintenance: "kiln" and a number. */
const LOCK = [0x6b696c6e, 2] as const;
const ROWS_PER_BATCH = 1000;
const OBJECTS_PER_BATCH = 100;
const BATCHES_PER_TURN = 20;

const EVENT_DAYS = 30;
const DELIVERY_DAYS = 30;
const REQUEST_TEXT_DAYS = 30;
const OPS_EVENT_DAYS = 90;
const IDEMPOTENCY_HOURS = 24;
/** A worker that writes for a deleted job has lost its claim long before. */
const DELETED_JOB_HOURS = 24;

interface Task {
  name: string;
  limit: number;
  /** Does one batch; how many it found. Fewer than `limit`: nothing is left. */
  batch(limit: number): Promise<number>;
}

/** What is past its time goes, a bounded part at a time, by one worker at once. */
@Injectable()
export class Maintenance {
  private readonly tasks: readonly Task[];
  private readonly dueAt = new Map<string, number>();

  constructor(
    private readonly db: Database,
    private readonly rows: RetentionRepository,
    private readonly outputs: Outputs,
    uploads: Uploads,
    retirements: Retirements,
    private readonly logger: Logger,
  ) {
    const table = (name: string, batch: Task['batch']): Task => ({ name, limit: ROWS_PER_BATCH, batch });
    const objects = (name: string, batch: Task['batch']): Task => ({ name, limit: OBJECTS_PER_BATCH, batch });
    this.tasks = [
      table('idempotency', (limit) => rows.idempotency(IDEMPOTENCY_HOURS, limit)),
      table('job_events', (limit) => rows.jobEvents(EVENT_DAYS, limit)),
      table('webhook_deliveries', (limit) => rows.deliveries(DELIVERY_DAYS, limit)),
      table('webhook_endpoints', (limit) => rows.webhookEndpoints(DELIVERY_DAYS, limit)),
      table('request_text', (limit) => rows.requestText(REQUEST_TEXT_DAYS, limit)),
      table('usage_records', (limit) => rows.usageRecords(USAGE_MONTHS, limit)),
      table('response_items', (limit) => rows.responseItems(limit)),
      table('ops_events', (limit) => rows.opsEvents(OPS_EVENT_DAYS, limit)),
      objects('outputs', (limit) => outputs.sweep(limit)),
      objects('uploads', (limit) => uploads.sweep(limit)),
      table('staging', () => uploads.sweepStaging()),
      { name: 'retirements', limit: 1, batch: () => retirements.tell().then(() => 0) },
      objects('deleted_jobs', (limit) => this.deletedJobs(limit)),
    ];
  }

  /** Runs each task that was not run for an hour, sooner where it left something; nothing while another worker is at it. */
  async runDue(now = Date.now()): Promise<void> {
    const due = this.tasks.filter(({ name }) => (this.dueAt.get(name) ?? 0) <= now);
    if (due.length === 0) return;
    const connection = await this.db.dedicatedConnection('kiln-maintenance');
    try {
      const { rows } = await connection.query<{ held: boolean }>('SELECT pg_try_advisory_lock($1, $2) AS held', [
        ...LOCK,
      ]);
      for (const task of due) {
        const left = rows[0]?.held === true && (await this.run(task));
        this.dueAt.set(task.name, now + (left ? MINUTE_MS : HOUR_MS));
      }
    } finally {
      await connection.end();
    }
  }

  /** True when something is left for later. One task's failure does not stop the others. */
  private async run(task: Task): Promise<boolean> {
    let removed = 0;
    try {
      for (let batch = 0; batch < BATCHES_PER_TURN; batch += 1) {
        const found = await task.batch(task.limit);
        removed += found;
        if (found < task.limit) return false;
      }
      return true;
    } catch (error) {
      this.logger.warn({ task: task.name, err: error }, 'a maintenance task failed; it is tried again');
      return true;
    } finally {
      if (removed > 0) this.logger.info({ task: task.name, removed }, 'maintenance removed what was past its time');
    }
  }

  /** The second look at a deleted job: objects that a late worker wrote, then the rows. */
  private async deletedJobs(limit: number): Promise<number> {
    const ids = await this.rows.deletedJobs(DELETED_JOB_HOURS, limit);
    for (const id of ids) {
      await this.outputs.removeForJob(id);
      await this.rows.forget(id);
    }
    return ids.length;
  }
}
