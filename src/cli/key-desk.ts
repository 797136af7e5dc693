import { KilnError, messageOf } from '../common/errors.js';
import { newId } from '../common/ids.js';
import type { JsonObject } from '../common/json.js';
import { type ListEnvelope, listEnvelope } from '../common/page.js';
import type { KeyAdmin } from '../keys/key-admin.js';
import { type CreateKey, listKeysQuery, type PatchKey, type RotateKey } from '../keys/key-bodies.js';
import {
  keyChanges,
  keyView,
  type KeyView,
  type KeyWithSecret,
  type RotatedKeyView,
  rotatedKeyView,
} from '../keys/key-view.js';
import type { AuditRepository } from '../ops/audit.repository.js';
import { CommandError } from './usage-error.js';

/** Fields of a query, as text. */
export type KeyQuery = Readonly<Record<string, string>>;

/** What the commands do, answered as /admin/keys answers. Throws where it is refused. */
export interface KeyDesk {
  create(body: CreateKey): Promise<KeyWithSecret>;
  list(query: KeyQuery): Promise<ListEnvelope<KeyView>>;
  show(id: string): Promise<KeyView>;
  update(id: string, body: PatchKey): Promise<KeyView>;
  rotate(id: string, body: RotateKey): Promise<RotatedKeyView>;
  disable(id: string): Promise<KeyView>;
  enable(id: string): Promise<KeyView>;
  remove(id: string): Promise<object>;
}

const ACTOR = 'cli';

/** On the database, without a running service: so the first key of an installation is made. */
export class DatabaseDesk implements KeyDesk {
  constructor(
    private readonly keys: KeyAdmin,
    private readonly audit: Pick<AuditRepository, 'insert'>,
  ) {}

  async create(body: CreateKey): Promise<KeyWithSecret> {
    const { key, secret } = await this.keys.create(body);
    await this.write('key.create', key.id, body);
    return { ...keyView(key), key: secret };
  }

  async list(query: KeyQuery): Promise<ListEnvelope<KeyView>> {
    const parsed = listKeysQuery.parse(query);
    return listEnvelope(await this.keys.list(parsed), parsed, keyView);
  }

  async show(id: string): Promise<KeyView> {
    return keyView(await this.keys.get(id));
  }

  async update(id: string, body: PatchKey): Promise<KeyView> {
    return this.change('key.update', id, body);
  }

  async rotate(id: string, body: RotateKey): Promise<RotatedKeyView> {
    const rotated = await this.noted('key.rotate', id, () => this.keys.rotate(id, body));
    const view = rotatedKeyView(rotated);
    const { preview, previous_expires_at, ended_secrets } = view;
    await this.write('key.rotate', id, { ...body, preview, previous_expires_at, ended_secrets });
    return view;
  }

  async disable(id: string): Promise<KeyView> {
    return this.change('key.disable', id, { disabled: true });
  }

  async enable(id: string): Promise<KeyView> {
    return this.change('key.enable', id, { disabled: false });
  }

  async remove(id: string): Promise<object> {
    await this.noted('key.delete', id, () => this.keys.remove(id));
    await this.write('key.delete', id, {});
    return { id, object: 'key.deleted', deleted: true };
  }

  private async change(action: string, id: string, patch: PatchKey): Promise<KeyView> {
    const { before, after } = await this.noted(action, id, () => this.keys.update(id, patch));
    await this.write(action, id, { changes: keyChanges(before, after) });
    return keyView(after);
  }

  /** Writes down what was refused, as /admin does. */
  private async noted<T>(action: string, id: string, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      if (error instanceof KilnError && error.status < 500) await this.write(action, id, { refused: error.type });
      throw error;
    }
  }

  private async write(action: string, target: string, data: object): Promise<void> {
    await this.audit.insert({
      id: newId('aud'),
      actor: ACTOR,
      action,
      target: target.slice(0, 250),
      data: data as JsonObject,
    });
  }
}

/** At a running service, with an admin key. */
export class ServiceDesk implements KeyDesk {
  constructor(
    private readonly url: string,
    private readonly secret: string,
  ) {}

  async create(body: CreateKey): Promise<KeyWithSecret> {
    return this.call('POST', '', body);
  }

  async list(query: KeyQuery): Promise<ListEnvelope<KeyView>> {
    return this.call('GET', `?${new URLSearchParams(query).toString()}`);
  }

  async show(id: string): Promise<KeyView> {
    return this.call('GET', pathOf(id));
  }

  async update(id: string, body: PatchKey): Promise<KeyView> {
    return this.call('PATCH', pathOf(id), body);
  }

  async rotate(id: string, body: RotateKey): Promise<RotatedKeyView> {
    return this.call('POST', `${pathOf(id)}/rotate`, body);
  }

  async disable(id: string): Promise<KeyView> {
    return this.call('POST', `${pathOf(id)}/disable`);
  }

  async enable(id: string): Promise<KeyView> {
    return this.call('POST', `${pathOf(id)}/enable`);
  }

  async remove(id: string): Promise<object> {
    return this.call('DELETE', pathOf(id));
  }

  private async call<T>(method: string, path: string, body?: object): Promise<T> {
    const response = await fetch(`${this.url}/admin/keys${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.secret}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    }).catch((error: unknown) => {
      throw new CommandError(`${this.url} does not answer: ${messageOf(error)}`);
    });
    const text = await response.text();
    if (!response.ok) throw new CommandError(refusalOf(text) ?? `${this.url} answered ${response.status}.`);
    return JSON.parse(text) as T;
  }
}

const pathOf = (id: string): string => `/${encodeURIComponent(id)}`;

function refusalOf(text: string): string | null {
  try {
    const { error } = JSON.parse(text) as { error?: { message?: string } };
    return error?.message ?? null;
  } catch {
    return null;
  }
}
