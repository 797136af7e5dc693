import { notFound } from '../common/errors.js';
import { newId, newSecret, sha256 } from '../common/ids.js';
import type { Clock } from '../common/time.js';
import { systemClock } from '../common/time.js';
import { assertModelAllowed, type AuthKey, type CreateKey, type KeyRecord } from './auth-key.js';
import type { KeysRepository } from './keys.repository.js';
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

const CACHE_MS = 2000;
const CACHE_ENTRIES = 10_000;
const SECRET_PREFIX = 'sk-';
const PREVIEW_CHARS = 4;

/** API keys: who may call, and the secrets their webhooks are signed with. */
export class Keys {
  private readonly bySecret = new ShortCache<AuthKey>(CACHE_MS, CACHE_ENTRIES);
  private readonly byId = new ShortCache<AuthKey>(CACHE_MS, CACHE_ENTRIES);

  constructor(
    private readonly repository: KeysRepository,
    private readonly sealingKeys: PurposeKeys,
    private readonly now: Clock = systemClock,
  ) {}

  /** The key of this secret, or null. A key taken away is refused within two seconds everywhere. */
  async authenticate(secret: string): Promise<AuthKey | null> {
    if (!secret.startsWith(SECRET_PREFIX) || secret.length > 200) return null;
    const hash = sha256(secret);
    return this.bySecret.get(hash.toString('base64'), () => this.repository.findBySecretHash(hash));
  }

  async get(id: string): Promise<AuthKey | null> {
    return this.byId.get(id, () => this.repository.find(id));
  }

  /** The secret is in the answer and nowhere else. */
  async create(input: CreateKey): Promise<{ key: AuthKey; secret: string }> {
    const secret = `${SECRET_PREFIX}${newSecret()}`;
    const key = await this.insert(input, secret);
    if (key === null) throw new Error('a new secret is known already');
    return { key, secret };
  }

  /** Makes sure that a key with this very secret exists; used for the developer key only. */
  async ensure(input: CreateKey, secret: string): Promise<AuthKey> {
    const found =
      (await this.authenticate(secret)) ?? (await this.insert(input, secret)) ?? (await this.authenticate(secret));
    if (found === null) throw new Error(`the key '${input.name}' was taken out of use`);
    return found;
  }

  async list(): Promise<KeyRecord[]> {
    return this.repository.list();
  }

  /** Throws 404 when there is no such key. Jobs and money of the key stay. */
  async remove(id: string): Promise<void> {
    const removed = await this.repository.disable(id);
    this.bySecret.clear();
    this.byId.clear();
    if (!removed) throw notFound('key', id);
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

  private async insert(input: CreateKey, secret: string): Promise<AuthKey | null> {
    const key: AuthKey = {
      id: newId('key'),
      name: input.name,
      role: input.role,
      allowedModels: input.allowed_models,
      maxConcurrentJobs: input.max_concurrent_jobs,
      maxQueuedJobs: input.max_queued_jobs,
      weight: input.weight,
      dailyBudgetMicroUsd: input.daily_budget_micro_usd,
    };
    const inserted = await this.repository.insert(
      key,
      { hash: sha256(secret), preview: `${SECRET_PREFIX}…${secret.slice(-PREVIEW_CHARS)}` },
      [newWebhookSecret(key.id, this.sealingKeys, this.now())],
    );
    return inserted ? key : null;
  }
}
