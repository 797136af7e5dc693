import { Injectable } from '@nestjs/common';
import { DAY_MS } from '../common/time.js';
import { Database } from '../database/database.js';
import { OpsEvents } from '../telemetry/ops-events.js';
import { type DisabledReason, EndpointsRepository } from './endpoints.repository.js';
import type { Sent } from './send.js';
import { WebhooksRepository } from './webhooks.repository.js';

/** Ops are told of an endpoint to which nothing was delivered for so long, though it was tried. */
const WARN_MS = DAY_MS;
/** And after this it is disabled. */
const DISABLE_MS = 5 * DAY_MS;

const WHY: Record<DisabledReason, string> = {
  owner: 'the endpoint was disabled by its owner',
  gone: 'the endpoint was disabled: it answered 410',
  failing: `the endpoint was disabled: nothing could be delivered to it for ${DISABLE_MS / DAY_MS} days`,
};

/** What tries say about an endpoint: one that is gone, or fails for days, gets nothing more until its owner enables it. */
@Injectable()
export class EndpointHealth {
  constructor(
    private readonly db: Database,
    private readonly endpoints: EndpointsRepository,
    private readonly deliveries: WebhooksRepository,
    private readonly ops: OpsEvents,
  ) {}

  /** Takes note of a try; whether the message is to be tried again. To a disabled endpoint each goes once, when asked for. */
  async saw({ endpointId }: { endpointId: string | null }, sent: Sent): Promise<boolean> {
    if (endpointId === null || sent.isOurFault) return !sent.delivered && !sent.gone;
    if (sent.delivered) {
      await this.endpoints.succeeded(endpointId);
      return false;
    }
    if (sent.gone) {
      await this.disable(endpointId, 'gone');
      return false;
    }
    return this.failed(endpointId);
  }

  /** Nothing is written for it any more, and what waits is given up. False where it was disabled already. */
  async disable(endpointId: string, reason: DisabledReason): Promise<boolean> {
    const disabled = await this.db.transaction(async (tx) => {
      const endpoint = await this.endpoints.disable(tx, endpointId, reason);
      if (endpoint) await this.deliveries.stop(tx, endpointId, WHY[reason]);
      return endpoint;
    });
    if (disabled && reason !== 'owner') {
      await this.ops.tell({
        severity: reason === 'gone' ? 'info' : 'warning',
        type: 'webhook.disabled',
        message: `A webhook endpoint gets no more messages: ${WHY[reason]}.`,
        data: { endpoint_id: endpointId, key_id: disabled.keyId, reason },
      });
    }
    return disabled !== null;
  }

  private async failed(endpointId: string): Promise<boolean> {
    const failure = await this.endpoints.failed(endpointId);
    if (!failure?.isEnabled) return false;
    if (failure.failingMs >= DISABLE_MS) {
      await this.disable(endpointId, 'failing');
      return false;
    }
    if (failure.failingMs >= WARN_MS && !failure.isWarned && (await this.endpoints.warn(endpointId))) {
      const since = failure.failingSince.toISOString();
      await this.ops.tell({
        severity: 'warning',
        type: 'webhook.failing',
        message: `Nothing could be delivered to a webhook endpoint since ${since}; after ${DISABLE_MS / DAY_MS} days it is disabled.`,
        data: { endpoint_id: endpointId, key_id: failure.keyId, failing_since: since },
      });
    }
    return true;
  }
}
