import { Injectable } from '@nestjs/common';
import type { RouteBase } from '../catalog/schema.js';
import type { ProviderError } from '../providers/contract.js';
import type { Decision } from '../routing/error-policy.js';
import { OpsEvents } from '../telemetry/ops-events.js';
import { RouteHealthRepository } from './route-health.repository.js';

/** A call to a route that failed. */
export interface TroubleSite {
  route: Pick<RouteBase, 'id' | 'provider' | 'endpoints'>;
  endpoint: string;
  credential: string | null;
  /** Ids of what the call was made for, as ops events carry them. */
  work: Record<string, string>;
}

/** Writes down what a failure says of its route, and tells ops where a person must act. */
@Injectable()
export class RouteTrouble {
  constructor(
    private readonly health: RouteHealthRepository,
    private readonly ops: OpsEvents,
  ) {}

  async note(site: TroubleSite, error: ProviderError, decision: Decision): Promise<void> {
    const reason = `${error.kind}: ${error.message.slice(0, 200)}`;
    if (decision.disableCredential && site.credential !== null) {
      const routes = await this.health.disableCredential(site.credential, reason);
      const message = `The credential '${site.credential}' was refused; its routes are closed.`;
      await this.tell('critical', 'credential.refused', message, site, { routes });
    } else if (decision.coolDownMs !== null) {
      // One sick instance of several does not close the others.
      if (site.route.endpoints.length > 1)
        await this.health.coolDownEndpoint(site.endpoint, decision.coolDownMs, reason);
      else
        await this.health.coolDown(
          site.route.id,
          Math.max(decision.coolDownMs, error.detail.retryAfterMs ?? 0),
          reason,
        );
    }
    if (decision.tellOps && !decision.disableCredential) {
      const message = `${site.route.provider} answered: ${error.message.slice(0, 500)}`;
      await this.tell('warning', `provider.${error.kind}`, message, site);
    }
  }

  async tell(
    severity: 'warning' | 'critical',
    type: string,
    message: string,
    site: TroubleSite,
    more: Record<string, string[]> = {},
  ): Promise<void> {
    const data = { ...site.work, route: site.route.id, endpoint: site.endpoint, ...more };
    await this.ops.tell({ severity, type, message, data });
  }
}
