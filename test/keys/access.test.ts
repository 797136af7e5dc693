import { execute, sql } from '../../src/database/database.js';
import { Keys } from '../../src/keys/keys.js';
import { dropGround, freePort, newGround, startKiln, type Ground, type Kiln } from '../support/kiln.js';

/** Behind a balancer that this process is; and one that believes nobody. */
let behind: Kiln;
let direct: Kiln;
let ground: Ground;
beforeAll(async () => {
  ground = await newGround();
  behind = await startKiln({
    ground,
    workers: false,
    env: { KILN_TRUSTED_PROXIES: '127.0.0.1, 10.0.0.0/8', KILN_ADMIN_KEY: 'the-admin-key-of-tests' },
  });
  direct = await startKiln({ ground: { ...ground, port: await freePort() }, workers: false });
});
afterAll(async () => {
  await behind.close();
  await direct.close();
  await dropGround(ground);
});

const from = (kiln: Kiln, secret: string, forwarded?: string) =>
  kiln.call('GET', '/v1/key', undefined, {
    authorization: `Bearer ${secret}`,
    ...(forwarded !== undefined && { 'x-forwarded-for': forwarded }),
  });

describe('addresses', () => {
  let listed: string;
  beforeAll(async () => {
    listed = (await behind.newKey({ allowed_ips: ['203.0.113.0/24', '2001:db8::/32', '198.51.100.7'] })).secret;
  });

  test.each([
    ['203.0.113.9'],
    ['::ffff:203.0.113.9'],
    ['2001:db8:1::9'],
    ['198.51.100.7'],
    // Whoever the client says it is: the balancer's own word comes last.
    ['192.0.2.1, 203.0.113.9'],
    ['203.0.113.9, 10.1.2.3'],
  ])('of %s may', async (forwarded) => {
    expect((await from(behind, listed, forwarded)).status).toBe(200);
  });

  test.each([
    ['203.0.114.9', '203.0.114.9'],
    ['2001:db9::1', '2001:db9::1'],
    ['198.51.100.8', '198.51.100.8'],
    ['203.0.113.9, 192.0.2.1', '192.0.2.1'],
    ['203.0.113.9, 192.0.2.1, 10.1.2.3', '192.0.2.1'],
    ['unknown', 'unknown'],
  ])('of %s may not, and is told %s', async (forwarded, seen) => {
    expect(await from(behind, listed, forwarded)).toMatchObject({
      status: 403,
      body: { error: { type: 'ip_not_allowed', code: '403', message: `This key may not be used from ${seen}.` } },
    });
  });

  test('a spoofed X-Forwarded-For does not help where the peer is no trusted proxy', async () => {
    expect(await from(direct, listed, '203.0.113.9')).toMatchObject({
      status: 403,
      body: { error: { message: 'This key may not be used from 127.0.0.1.' } },
    });
    const local = await direct.newKey({ allowed_ips: ['127.0.0.1'] });
    expect((await from(direct, local.secret, '203.0.113.9')).status).toBe(200);
  });

  test('hold on /admin too, and on /v1/messages in its envelope', async () => {
    const admin = await behind.newKey({ role: 'admin', allowed_ips: ['192.0.2.1'] });
    const headers = { authorization: `Bearer ${admin.secret}` };
    expect((await behind.call('GET', '/admin/keys', undefined, headers)).status).toBe(403);
    const allowed = { ...headers, 'x-forwarded-for': '192.0.2.1' };
    expect((await behind.call('GET', '/admin/keys', undefined, allowed)).status).toBe(200);
    const body = { model: 'claude-sonnet', max_tokens: 9, messages: [{ role: 'user', content: 'hi' }] };
    expect(
      await behind.call('POST', '/v1/messages', body, { 'x-api-key': admin.secret, authorization: '' }),
    ).toMatchObject({
      status: 403,
      body: { type: 'error', error: { type: 'permission_error' } },
    });
  });

  test('a secret that is not valid is 401 from anywhere', async () => {
    expect((await from(behind, 'sk-nobody', '203.0.114.9')).status).toBe(401);
  });
});

describe('an end', () => {
  test('is obeyed at its moment, although the key is remembered', async () => {
    const ends = new Date(Date.now() + 60_000);
    const { id, secret } = await direct.newKey({ expires_at: ends.toISOString() });
    expect((await from(direct, secret)).status).toBe(200);
    const past = new Date(Date.now() - 60_000);
    await execute(direct.database, sql`UPDATE api_key SET expires_at = ${past} WHERE id = ${id}`);
    direct.app.get(Keys).forget();
    expect(await from(direct, secret)).toMatchObject({
      status: 401,
      body: {
        error: {
          type: 'authentication_error',
          code: 'invalid_api_key',
          message: `The API key expired at ${past.toISOString()}.`,
        },
      },
    });
  });

  test('can be put off', async () => {
    const { id, secret } = await direct.newKey();
    const past = new Date(Date.now() - 60_000);
    await execute(direct.database, sql`UPDATE api_key SET expires_at = ${past} WHERE id = ${id}`);
    expect((await from(direct, secret)).status).toBe(401);
    expect((await direct.call('PATCH', `/admin/keys/${id}`, { expires_at: null })).status).toBe(200);
    expect((await from(direct, secret)).status).toBe(200);
  });
});
