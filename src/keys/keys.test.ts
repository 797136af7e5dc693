import { jest } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { type AuthKey, isModelAllowed } from './auth-key.js';
import { createKeyBody } from './key-bodies.js';
import { secretOf } from './key.guard.js';
import type { PurposeKeys } from '../config/secret.js';
import { seal, unseal } from './sealed.js';
import { ShortCache } from './short-cache.js';
import { liveSecrets, newWebhookSecret, openWebhookSecret, rotated } from './webhook-secrets.js';

const keys: PurposeKeys = [
  { id: 'b', key: randomBytes(32) },
  { id: 'a', key: randomBytes(32) },
];

describe('allowed models', () => {
  it.each<[AuthKey['allowedModels'], string, boolean]>([
    [[], 'veo-3.1', true],
    [['veo-3.1'], 'veo-3.1', true],
    [['veo-3.1'], 'veo-3.1-fast', false],
    [['veo-3x1'], 'veo-3.1', false],
    [['veo-*'], 'veo-3.1', true],
    [['deepseek/*'], 'deepseek/a/b', true],
    [['deepseek/*'], 'deepseek', false],
    [['*-fast'], 'veo-3.1-fast', true],
    [['a*a'], 'a', false],
    [['a*b*c'], 'a1b2c', true],
    [['a*b*c'], 'a1c', false],
    [['*'], 'anything', true],
  ])('%j and %s: %s', (allowedModels, model, allowed) => {
    expect(isModelAllowed({ allowedModels }, model)).toBe(allowed);
  });
});

it('refuses what a key can not be', () => {
  for (const wrong of [
    {},
    { name: '' },
    { name: 'x', role: 'root' },
    { name: 'x', daily_budget_micro_usd: -1 },
    { name: 'x', other: 1 },
  ]) {
    expect(createKeyBody.safeParse(wrong).success).toBe(false);
  }
  expect(createKeyBody.parse({ name: 'x' })).toMatchObject({ role: 'app', allowed_models: [], weight: 1 });
});

it('finds the secret in either header', () => {
  expect(secretOf({ headers: { authorization: 'Bearer sk-1' } })).toBe('sk-1');
  expect(secretOf({ headers: { authorization: 'bearer  sk-1 ' } })).toBe('sk-1');
  expect(secretOf({ headers: { 'x-api-key': 'sk-2' } })).toBe('sk-2');
  expect(secretOf({ headers: { authorization: 'Basic abc' } })).toBeNull();
  expect(secretOf({ headers: {} })).toBeNull();
});

describe('sealing', () => {
  const plain = Buffer.from('secret');

  it('opens under the current and the former key', () => {
    expect(unseal(seal(plain, keys, 'x'), keys, 'x')).toEqual(plain);
    expect(unseal(seal(plain, [keys[1]!], 'x'), keys, 'x')).toEqual(plain);
  });

  it('refuses another context, a changed value and a key that is gone', () => {
    const sealed = seal(plain, keys, 'x');
    expect(() => unseal(sealed, keys, 'y')).toThrow(/authenticate/);
    const bytes = Buffer.from(sealed.data, 'base64url');
    bytes[14]! ^= 1;
    expect(() => unseal({ ...sealed, data: bytes.toString('base64url') }, keys, 'x')).toThrow(/authenticate/);
    expect(() => unseal(sealed, [keys[1]!], 'x')).toThrow(/'b'/);
  });
});

it('keeps two webhook secrets for a day after a rotation, never three', () => {
  const at = (hours: number): Date => new Date(Date.UTC(2026, 0, 1, hours));
  const first = [newWebhookSecret('key_1', keys, at(0))];
  const second = rotated(first, 'key_1', keys, at(1));
  const opened = (list: typeof first, now: Date): string[] =>
    liveSecrets(list, now).map((one) => openWebhookSecret(one, 'key_1', keys).toString('hex'));
  expect(opened(second, at(2))).toHaveLength(2);
  expect(opened(second, at(2))[1]).toBe(opened(first, at(0))[0]);
  expect(opened(second, at(26))).toEqual([opened(second, at(2))[0]]);
  expect(rotated(second, 'key_1', keys, at(3))).toHaveLength(2);
});

it('remembers found values for their time only, and nothing else', async () => {
  let now = 0;
  const cache = new ShortCache<string>(2000, 2, () => now);
  const load = jest.fn(async (): Promise<string | null> => 'v');
  await cache.get('a', load);
  await cache.get('a', load);
  expect(load).toHaveBeenCalledTimes(1);
  now = 2001;
  await cache.get('a', load);
  expect(load).toHaveBeenCalledTimes(2);
  const none = jest.fn(async (): Promise<string | null> => null);
  await cache.get('n', none);
  await cache.get('n', none);
  expect(none).toHaveBeenCalledTimes(2);
});
