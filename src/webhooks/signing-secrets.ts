import { Injectable } from '@nestjs/common';
import { systemClock } from '../common/time.js';
import { Keyring, type PurposeKeys } from '../config/secret.js';
import { Keys } from '../keys/keys.js';
import { liveSecrets, openWebhookSecret } from '../keys/webhook-secrets.js';
import { EndpointsRepository } from './endpoints.repository.js';

/** What messages are signed with: an endpoint's own secrets, or the key's for a job's own URL. */
@Injectable()
export class SigningSecrets {
  private readonly sealingKeys: PurposeKeys;

  constructor(
    private readonly keys: Keys,
    private readonly endpoints: EndpointsRepository,
    keyring: Keyring,
  ) {
    this.sealingKeys = keyring.keys('webhook-secrets');
  }

  /** Newest first: one, or two while one is being rotated; null where the endpoint was deleted. */
  async of({ keyId, endpointId }: { keyId: string; endpointId: string | null }): Promise<Buffer[] | null> {
    if (endpointId === null) return this.keys.webhookSecrets(keyId);
    const stored = await this.endpoints.secrets(endpointId);
    return (
      stored && liveSecrets(stored, systemClock()).map((one) => openWebhookSecret(one, endpointId, this.sealingKeys))
    );
  }
}
