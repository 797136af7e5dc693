import { Injectable } from '@nestjs/common';
import { newId } from '../common/ids.js';
import type { JsonObject } from '../common/json.js';
import { Logger } from './logger.js';
import { Metrics } from './metrics.js';
import { OpsEventsRepository } from './ops-events.repository.js';
import { scrub, scrubText } from './redaction.js';

export type OpsSeverity = 'info' | 'warning' | 'critical';

export interface OpsEventInput {
  severity: OpsSeverity;
  /** A dotted word of the catalog of alarms, e.g. `storage.failing`; a label of the counter, so never with ids in it. */
  type: string;
  message: string;
  /** Ids and numbers. */
  data?: JsonObject;
}

/** "Ops are told": one ops_event row, one log line, one counter. Never throws: the row is missing where the database is away. */
@Injectable()
export class OpsEvents {
  private readonly told: ReturnType<Metrics['counter']>;

  constructor(
    private readonly repository: OpsEventsRepository,
    private readonly logger: Logger,
    metrics: Metrics,
  ) {
    this.told = metrics.counter('kiln_ops_events_total', 'What ops were told', ['severity', 'type']);
  }

  async tell(event: OpsEventInput): Promise<void> {
    const { severity, type } = event;
    const data = scrub(event.data ?? {}) as JsonObject;
    const message = scrubText(event.message);
    this.told.inc({ severity, type });
    const fields = { ops_event: type, severity, ...data };
    if (severity === 'critical') this.logger.error(fields, message);
    else if (severity === 'warning') this.logger.warn(fields, message);
    else this.logger.info(fields, message);
    try {
      await this.repository.insert({ id: newId('ops'), severity, type, message, data });
    } catch (error) {
      this.logger.error({ err: error, ops_event: type }, 'an ops event could not be stored');
    }
  }
}
