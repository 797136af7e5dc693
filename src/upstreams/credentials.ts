import { Injectable } from '@nestjs/common';
import { SANDBOX_CREDENTIAL } from '../catalog/routes.js';
import { KilnConfig } from '../config/config.js';
import type { SyncCredential } from '../providers/sync/contract.js';
import type { RouteBase } from '../catalog/schema.js';

/** What the sandbox takes for a key. */
export const SANDBOX_KEY = 'sandbox';

/** What the sandbox signs callbacks with where the operator and the provider agree on a secret; others name their own. */
const SANDBOX_CALLBACK_SECRETS: Readonly<Record<string, string>> = {
  kling: `whsec_${Buffer.from('sandbox-callback-secret-0001').toString('base64')}`,
};

/** Who asks: the name that was kept, and the route it was kept for. */
export interface CredentialUse {
  credential: string | null;
  route: Pick<RouteBase, 'sandbox'>;
}

/** Credentials by the name that a route and its attempts keep: a task is visible only to the account that bought it. */
@Injectable()
export class Credentials {
  constructor(private readonly config: KilnConfig) {}

  of({ credential, route }: CredentialUse): SyncCredential | null {
    if (credential === null) return null;
    if (credential === SANDBOX_CREDENTIAL && route.sandbox) return { kind: 'api_key', key: SANDBOX_KEY };
    return this.config.credentials[credential] ?? null;
  }

  /** Undefined: the provider signs by itself, or not at all. */
  callbackSecretOf({ credential, route, provider }: CredentialUse & { provider: string }): string | undefined {
    if (route.sandbox) return SANDBOX_CALLBACK_SECRETS[provider];
    // An endpoint that asks for no credential has none to name the secret by.
    return this.config.callbackSecrets[credential ?? provider];
  }
}
