import { execute, queryRows, sql } from '../../src/database/database.js';
import { JOB_COLUMNS } from '../../src/jobs/store/columns.js';
import { startKiln, type Kiln } from '../support/kiln.js';

let kiln: Kiln;
beforeAll(async () => {
  kiln = await startKiln({});
});
afterAll(async () => kiln.drop());

const picture = () => kiln.post({ model: 'flux-dev', input: { prompt: 'a heron', size: '512x512' } });

/** What only SQL reads. */
const UNREAD = ['fingerprint', 'is_repeat'];

test('a row of a job has every column that the code reads', async () => {
  const rows = await queryRows<{ name: string }>(
    kiln.database,
    sql`SELECT column_name AS name FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = 'job'`,
  );
  const names = rows.map(({ name }) => name).filter((name) => !UNREAD.includes(name));
  const listed = JOB_COLUMNS.sql.split(',').map((name) => name.trim().replaceAll('"', ''));
  expect(listed.toSorted()).toEqual(names.toSorted());
});

test('processes that run on while a newer version adds a column go on taking and running jobs', async () => {
  // Often enough that every connection has its statements.
  await Promise.all((await Promise.all(Array.from({ length: 8 }, picture))).map(({ id }) => kiln.finished(id)));
  await execute(kiln.database, sql`ALTER TABLE job ADD COLUMN of_a_newer_version text`);
  const after = await Promise.all(Array.from({ length: 8 }, picture));
  const ended = await Promise.all(after.map(({ id }) => kiln.finished(id)));
  expect(ended.map(({ status }) => status)).toEqual(Array(8).fill('succeeded'));
});
