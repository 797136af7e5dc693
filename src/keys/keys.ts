import { KilnError, notFound } from '../common/errors.js';
import { newId, newSecret, sha256 } from '../common/ids.js';
import type { Clock } from '../common/time.js';
import { isAddressAllowed } from '../common/address-ranges.js';
import { assertModelAllowed, type AuthKey } from './auth-key.js';
import type { CreateKey } from './key-bodies.js';
import type { FoundKey, KeysRepository } from './keys.repository.js';
import { type KeyClocks, SYSTEM_CLOCKS } from './key-clocks.js';
import { LastUses } from './last-uses.js';
import type { PurposeKeys } from '../config/secret.js';
import { ShortCache } from './short-cache.js';
import {
  liveSecrets,
  newWebhookSecret,
  openWebhookSecret,
  rotated,
  stateOfSecrets,
  type StoredWebhookSecret,
  type WebhookSecretState,
} from './webhook-secrets.js';

/** Changes are obeyed within two seconds everywhere; what a request does with its key after it was found is in the rest. */
const CACHE_MS = 1500;
const CACHE_ENTRIES = 10_000;
const SECRET_PREFIX = 'sk-';
const PREVIEW_CHARS = 4;

/** A secret, and what is stored of it. */
export interface NewSecret {
  secret: string;
  hash: Uint8Array;
  preview: string;
}

export const newKeySecret = (secret = `${SECRET_PREFIX}${newSecret()}`): NewSecret => ({
  secret,
  hash: sha256(secret),
  preview: `${SECRET_PREFIX}…${secret.slice(-PREVIEW_CHARS)}`,
});

/** API keys: who may call, and the secrets their webhooks are signed with. */
export class Keys {
  private readonly bySecret: ShortCache<FoundKey>;
  private readonly byId: ShortCache<AuthKey>;
  private readonly uses: LastUses;
  private readonly now: Clock;

  constructor(
    private readonly repository: KeysRepository,
    private readonly sealingKeys: PurposeKeys,
    clocks: KeyClocks = SYSTEM_CLOCKS,
  ) {
    this.now = clocks.now;
    this.bySecret = new ShortCache(CACHE_MS, CACHE_ENTRIES, clocks.elapsedMs);
    this.byId = new ShortCache(CACHE_MS, CACHE_ENTRIES, clocks.elapsedMs);
    this.uses = new LastUses((hashes, at) => repository.touch(hashes, at), clocks);
  }

  /**
   * The key of this secret, or null where there is none. Throws 401 for one that is disabled or has expired, and 403 for an
   * address it may not be used from. What changes is obeyed within two seconds everywhere, an end at once.
   */
  async authenticate(secret: string, address: string): Promise<AuthKey | null> {
    if (!secret.startsWith(SECRET_PREFIX) || secret.length > 200) return null;
    const hash = sha256(secret);
    const found = await this.bySecret.get(hash.toString('base64'), () => this.repository.findBySecretHash(hash));
    const now = this.now();
    if (found === null || (found.secretExpiresAt !== null && found.secretExpiresAt <= now)) return null;
    const { key, disabled } = found;
    if (disabled) throw invalidKey('The API key is disabled.');
    if (key.expiresAt !== null && key.expiresAt <= now)
      throw invalidKey(`The API key expired at ${key.expiresAt.toISOString()}.`);
    if (!isAddressAllowed(key.allowedIps, address))
      throw new KilnError(403, 'ip_not_allowed', `This key may not be used from ${address.slice(0, 64)}.`);
    this.uses.note(hash);
    return key;
  }

  /** Also a disabled one. */
  async get(id: string): Promise<AuthKey | null> {
    return this.byId.get(id, () => this.repository.find(id));
  }

  /** The secret is in the answer and nowhere else. */
  async create(input: CreateKey): Promise<{ key: AuthKey; secret: string }> {
    const secret = newKeySecret();
    const key = await this.insert(input, secret);
    if (key === null) throw new Error('a new secret is known already');
    return { key, secret: secret.secret };
  }

  /** Makes sure that a key with this very secret exists; used for the developer key only. */
  async ensure(input: CreateKey, secret: string): Promise<AuthKey> {
    const made = newKeySecret(secret);
    const known = async (): Promise<AuthKey | null> => (await this.repository.findBySecretHash(made.hash))?.key ?? null;
    const found = (await known()) ?? (await this.insert(input, made)) ?? (await known());
    if (found === null) throw new Error(`the key '${input.name}' was taken out of use`);
    return found;
  }

  /** After a change in this process, which obeys it at once. */
  forget(): void {
    this.bySecret.clear();
    this.byId.clear();
  }

  /** Writes down the last uses that are still to be written. */
  async stop(): Promise<void> {
    await this.uses.flush();
  }

  assertModelAllowed(key: AuthKey, model: string): void {
    assertModelAllowed(key, model);
  }

  /** Live signing secrets, newest first: one, or two for a day after a rotation. */
  async webhookSecrets(keyId: string): Promise<Buffer[]> {
    const stored = (await this.repository.webhookSecrets(keyId)) ?? [];
    return liveSecrets(stored, this.now()).map((one) => openWebhookSecret(one, keyId, this.sealingKeys));
  }

  async webhookSecretState(keyId: string): Promise<WebhookSecretState> {
    return this.toState(keyId, await this.repository.webhookSecrets(keyId));
  }

  async rotateWebhookSecret(keyId: string): Promise<WebhookSecretState> {
    const now = this.now();
    const changed = await this.repository.changeWebhookSecrets(keyId, (stored) =>
      rotated(stored, keyId, this.sealingKeys, now),
    );
    return this.toState(keyId, changed);
  }

  private toState(keyId: string, stored: StoredWebhookSecret[] | null): WebhookSecretState {
    const state = stateOfSecrets(stored ?? [], keyId, this.sealingKeys, this.now());
    if (state === null) throw notFound('webhook secret of key', keyId);
    return state;
  }

  private async insert(input: CreateKey, { hash, preview }: NewSecret): Promise<AuthKey | null> {
    const key: AuthKey = {
      id: newId('key'),
      name: input.name,
      role: input.role,
      allowedModels: input.allowed_models,
      maxConcurrentJobs: input.max_concurrent_jobs,
      maxQueuedJobs: input.max_queued_jobs,
      weight: input.weight,
      dailyBudgetMicroUsd: input.daily_budget_micro_usd,
      requestsPerMinute: input.requests_per_minute,
      allowedIps: input.allowed_ips,
      expiresAt: input.expires_at === null ? null : new Date(input.expires_at),
    };
    const inserted = await this.repository.insert({ ...key, description: input.description }, { hash, preview }, [
      newWebhookSecret(key.id, this.sealingKeys, this.now()),
    ]);
    return inserted ? key : null;
  }
}

/** 401 with OpenAI's code. */
export const invalidKey = (message: string): KilnError =>
  new KilnError(401, 'authentication_error', message, {
    code: 'invalid_api_key',
    headers: { 'www-authenticate': 'Bearer' },
  });
