import { Injectable } from '@nestjs/common';
import { Catalog } from '../../catalog/catalog.service.js';
import { OpsEvents } from '../../telemetry/ops-events.js';
import { RetirementsRepository } from './retirements.repository.js';

/** A route that a provider is about to end: ops hear of it once a day, from 30 days before, until the catalog says otherwise. */
@Injectable()
export class Retirements {
  constructor(
    private readonly catalog: Catalog,
    private readonly rows: RetirementsRepository,
    private readonly ops: OpsEvents,
  ) {}

  async tell(): Promise<void> {
    for (const { route, daysLeft, message } of this.catalog.retiring()) {
      const event =
        daysLeft > 0
          ? { severity: 'warning' as const, type: 'route.retiring' }
          : { severity: 'warning' as const, type: 'route.retired' };
      // A retired route is news for a month, then a line in the catalog.
      if (daysLeft < -30 || (await this.rows.toldLately(event.type, route.id))) continue;
      await this.ops.tell({ ...event, message, data: { route: route.id, retires_on: route.retiresOn } });
    }
  }
}
