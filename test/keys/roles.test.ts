import { queryRow, sql } from '../../src/database/database.js';
import { KEY_ROLES, type KeyRole } from '../../src/keys/auth-key.js';
import { OPERATIONS } from '../../src/runtime/openapi/operations.js';
import { startKiln, type Kiln } from '../support/kiln.js';

/** The least role that each route needs. */
const NEEDS: Record<string, Exclude<KeyRole, 'app'>> = {
  'GET /metrics': 'viewer',
  'GET /admin/keys': 'viewer',
  'GET /admin/keys/{id}': 'viewer',
  'POST /admin/keys': 'admin',
  'PATCH /admin/keys/{id}': 'admin',
  'POST /admin/keys/{id}/rotate': 'admin',
  'POST /admin/keys/{id}/disable': 'admin',
  'POST /admin/keys/{id}/enable': 'admin',
  'DELETE /admin/keys/{id}': 'admin',
  'GET /admin/jobs': 'viewer',
  'GET /admin/jobs/{id}': 'viewer',
  'POST /admin/jobs/replay': 'operator',
  'POST /admin/jobs/{id}/release': 'operator',
  'GET /admin/replays': 'viewer',
  'GET /admin/replays/{id}': 'viewer',
  'POST /admin/attempts/{id}/resolve': 'operator',
  'GET /admin/lanes': 'viewer',
  'POST /admin/lanes/{id}/{action}': 'operator',
  'GET /admin/routes': 'viewer',
  'POST /admin/routes/{path}': 'operator',
  'GET /admin/events': 'viewer',
  'GET /admin/audit': 'viewer',
  'GET /admin/usage': 'viewer',
  'GET /admin/requests/{id}': 'viewer',
  'POST /admin/webhook_deliveries/redeliver': 'operator',
};
const ROUTES = Object.entries(NEEDS);
const OPS = ['viewer', 'operator', 'admin'] as const;

let kiln: Kiln;
const secrets = new Map<KeyRole, { id: string; secret: string }>();
beforeAll(async () => {
  kiln = await startKiln({ workers: false });
  for (const role of KEY_ROLES) secrets.set(role, await kiln.newKey({ name: `the ${role}`, role }));
});
afterAll(() => kiln.drop());

const keyOf = (role: KeyRole): { id: string; secret: string } => secrets.get(role) ?? { id: '', secret: '' };
/** Ids that name nothing, so that who may is told by another refusal. */
function ask(route: string, role: KeyRole): ReturnType<Kiln['call']> {
  const [method = '', template = ''] = route.split(' ');
  const path = template.replaceAll(/\{\w+\}/g, 'nothing');
  const body = method === 'POST' || method === 'PATCH' ? {} : undefined;
  return kiln.call(method, path, body, { authorization: `Bearer ${keyOf(role).secret}` });
}

test('the table has every route of /admin', () => {
  const served = Object.keys(OPERATIONS).filter((route) => / \/(admin\/|metrics)/.test(route));
  expect(Object.keys(NEEDS).toSorted()).toEqual(served.toSorted());
});

describe.each(ROUTES)('%s needs a %s', (route, needed) => {
  test.each(KEY_ROLES)('asked by one with the role %s', async (role) => {
    const answer = await ask(route, role);
    if (KEY_ROLES.indexOf(role) >= KEY_ROLES.indexOf(needed)) {
      expect([200, 400, 404]).toContain(answer.status);
      return;
    }
    expect(answer).toMatchObject({ status: 403, body: { error: { type: 'permission_denied' } } });
    expect((answer.body as { error: { message: string } }).error.message).toBe(
      `This needs a key with the role '${needed}'; the role of key 'the ${role}' is '${role}'.`,
    );
  });
});

test.each(ROUTES.map(([route]) => route).filter((route) => !route.startsWith('GET ')))(
  '%s leaves a row of who asked',
  async (route) => {
    const rows = async (): Promise<number> =>
      (
        await queryRow<{ n: number }>(
          kiln.database,
          sql`SELECT count(*)::int AS n FROM admin_audit WHERE actor = ${keyOf('admin').id}`,
        )
      )?.n ?? 0;
    const before = await rows();
    await ask(route, 'admin');
    expect(await rows()).toBe(before + 1);
  },
);

test.each(OPS)('a key with the role %s calls models as an app does', async (role) => {
  const answer = await kiln.call('GET', '/v1/models', undefined, { authorization: `Bearer ${keyOf(role).secret}` });
  expect(answer.status).toBe(200);
});
