import { Injectable } from '@nestjs/common';
import { clockOffsetMs, clockProblem } from '../src/database/clock.js';
import { Database } from '../src/database/database.js';
import { OpsEvents } from '../src/telemetry/ops-events.js';

/** Watches what a worker was started with: its clock must stay near the database's. */
@Injectable()
export class MachineWatch {
  constructor(
    private readonly db: Database,
    private readonly ops: OpsEvents,
  ) {}

  async checkClock(): Promise<void> {
    const offsetMs = await clockOffsetMs(this.db);
    const message = clockProblem(offsetMs);
    if (message !== null)
      await this.ops.tell({ severity: 'critical', type: 'clock.off', message, data: { offset_ms: offsetMs } });
  }
}
