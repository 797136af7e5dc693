import { Injectable } from '@nestjs/common';
import type { ProviderError } from '../../providers/contract.js';
import type { Decision } from '../../routing/error-policy.js';
import { RouteTrouble, type TroubleSite } from '../../upstreams/route-trouble.js';
import type { AttemptRow } from '../store/rows.js';

const siteOf = ({ route, endpoint, credential, jobId, id }: AttemptRow): TroubleSite => ({
  route,
  endpoint,
  credential,
  work: { job_id: jobId, attempt_id: id },
});

/** Tells ops of attempts that went wrong. */
@Injectable()
export class AttemptTrouble {
  constructor(private readonly routes: RouteTrouble) {}

  async note(attempt: AttemptRow, error: ProviderError, decision: Decision): Promise<void> {
    await this.routes.note(siteOf(attempt), error, decision);
  }

  async unknown(attempt: AttemptRow, error: ProviderError): Promise<void> {
    const message = `A submit may have been bought and can't be looked up: ${error.message.slice(0, 200)}`;
    await this.routes.tell('warning', 'attempt.unknown', message, siteOf(attempt));
  }

  async lost(attempt: AttemptRow, why: string): Promise<void> {
    await this.routes.tell('warning', 'attempt.lost', `An attempt was given up: ${why}.`, siteOf(attempt));
  }
}
