import { Injectable } from '@nestjs/common';
import { SANDBOX_CREDENTIAL } from '../../catalog/routes.js';
import { KilnConfig } from '../../config/config.js';
import type { Credential } from '../../providers/contract.js';
import type { AttemptRow } from '../store/rows.js';

/** What the sandbox takes for a key. */
export const SANDBOX_KEY = 'sandbox';

/** What the sandbox signs callbacks with where the operator and the provider agree on a secret; others name their own. */
const SANDBOX_CALLBACK_SECRETS: Readonly<Record<string, string>> = {
  kling: `whsec_${Buffer.from('sandbox-callback-secret-0001').toString('base64')}`,
};

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

  /** Undefined: the provider signs by itself, or not at all. */
  callbackSecretOf(attempt: Pick<AttemptRow, 'credential' | 'route' | 'provider'>): string | undefined {
    if (attempt.route.sandbox) return SANDBOX_CALLBACK_SECRETS[attempt.provider];
    // An endpoint that asks for no credential has none to name the secret by.
    return this.config.callbackSecrets[attempt.credential ?? attempt.provider];
  }
}
