import { Injectable } from '@nestjs/common';
import type { ProviderError } from '../../providers/contract.js';
import type { Decision } from '../../routing/error-policy.js';
import { OpsEvents } from '../../telemetry/ops-events.js';
import type { AttemptRow } from '../store/rows.js';
import { RouteHealthRepository } from './route-health.repository.js';

/** Writes down what a failure says of its route, and tells ops where a person must act. */
@Injectable()
export class RouteTrouble {
  constructor(
    private readonly health: RouteHealthRepository,
    private readonly ops: OpsEvents,
  ) {}

  async note(attempt: AttemptRow, error: ProviderError, decision: Decision): Promise<void> {
    const reason = `${error.kind}: ${error.message.slice(0, 200)}`;
    if (decision.disableCredential && attempt.credential !== null) {
      const routes = await this.health.disableCredential(attempt.credential, reason);
      await this.tell(
        'critical',
        'credential.refused',
        `The credential '${attempt.credential}' was refused; its routes are closed.`,
        attempt,
        { routes },
      );
    } else if (decision.coolDownMs !== null) {
      // One sick instance of several does not close the others.
      if (attempt.route.endpoints.length > 1)
        await this.health.coolDownEndpoint(attempt.endpoint, decision.coolDownMs, reason);
      else
        await this.health.coolDown(
          attempt.route.id,
          Math.max(decision.coolDownMs, error.detail.retryAfterMs ?? 0),
          reason,
        );
    }
    if (decision.tellOps && !decision.disableCredential) {
      await this.tell(
        'warning',
        `provider.${error.kind}`,
        `${attempt.provider} answered: ${error.message.slice(0, 500)}`,
        attempt,
        {},
      );
    }
  }

  async unknown(attempt: AttemptRow, error: ProviderError): Promise<void> {
    await this.tell(
      'warning',
      'attempt.unknown',
      `A submit may have been bought and can't be looked up: ${error.message.slice(0, 200)}`,
      attempt,
      {},
    );
  }

  async lost(attempt: AttemptRow, why: string): Promise<void> {
    await this.tell('warning', 'attempt.lost', `An attempt was given up: ${why}.`, attempt, {});
  }

  private async tell(
    severity: 'warning' | 'critical',
    type: string,
    message: string,
    attempt: AttemptRow,
    more: Record<string, string[]>,
  ): Promise<void> {
    await this.ops.tell({
      severity,
      type,
      message,
      data: {
        job_id: attempt.jobId,
        attempt_id: attempt.id,
        route: attempt.route.id,
        endpoint: attempt.endpoint,
        ...more,
      },
    });
  }
}
