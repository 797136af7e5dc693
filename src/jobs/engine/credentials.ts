import { Injectable } from '@nestjs/common';
import { SANDBOX_CREDENTIAL } from '../../catalog/routes.js';
import { KilnConfig } from '../../config/config.js';
import type { Credential } from '../../providers/contract.js';
import type { AttemptRow } from '../store/rows.js';

/** What the sandbox takes for a key. */
export const SANDBOX_KEY = 'sandbox';

/** Credentials by the name that a route and its attempts keep: a task is visible only to the account that bought it. */
@Injectable()
export class Credentials {
  constructor(private readonly config: KilnConfig) {}

  of(attempt: Pick<AttemptRow, 'credential' | 'route'>): Credential | null {
    if (attempt.credential === null) return null;
    if (attempt.credential === SANDBOX_CREDENTIAL && attempt.route.sandbox)
      return { kind: 'api_key', key: SANDBOX_KEY };
    return this.config.credentials[attempt.credential] ?? null;
  }
}
