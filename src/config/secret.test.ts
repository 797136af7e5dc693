import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Keyring, openKeyring } from './secret.js';

describe('Keyring', () => {
  const before = new Keyring(['old secret']);
  const rotating = new Keyring(['new secret', 'old secret']);

  it('has other keys for other purposes, and the same again for the same', () => {
    expect(before.current('links').key).toEqual(new Keyring(['old secret']).current('links').key);
    expect(before.current('links').key).not.toEqual(before.current('quotes').key);
    expect(before.current('links').key).toHaveLength(32);
  });

  it('still finds the former key while rotating, and no longer afterwards', () => {
    const { id, key } = before.current('links');
    expect(rotating.find('links', id)?.key).toEqual(key);
    expect(rotating.current('links').id).not.toBe(id);
    expect(new Keyring(['new secret']).find('links', id)).toBeNull();
  });
});

it('makes one secret file for the embedded mode, private, also when two start together', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'kiln-secret-'));
  const config = { secrets: [], embedded: true, dataDir };
  const rings = await Promise.all([openKeyring(config), openKeyring(config), openKeyring(config)]);
  const ids = new Set(rings.map((ring) => ring.current('links').id));
  expect(ids.size).toBe(1);
  expect((await stat(join(dataDir, 'secret'))).mode & 0o777).toBe(0o600);
  await rm(dataDir, { recursive: true });
});
