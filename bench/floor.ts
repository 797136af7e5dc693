import { readFileSync } from 'node:fs';
import { type Queue as BullQueue, Queue } from 'bullmq';
import fastify from 'fastify';
import { Pool } from 'pg';
import { newId } from '../src/common/ids.js';
import { queueOptions } from '../src/queue/backend.js';
import { MESSAGE_OPTIONS } from '../src/queue/queues.js';

/**
 * The least an API of this kind can do, in a process of its own: one route on bare Fastify that writes a job row, its hold and
 * the day's counter in one statement and adds one message. No authentication, no validation, no catalog, no view.
 */
const env = (name: string): string => process.env[name] ?? '';

/** A row that Kiln wrote for the same request: its columns are written again under a new id, so that the rows weigh the same. */
const template = JSON.parse(readFileSync(env('FLOOR_ROW'), 'utf8')) as Record<string, unknown>;
const pool = new Pool({ connectionString: env('DATABASE_URL'), max: 20 });
const queue: BullQueue = new Queue(
  'floor',
  queueOptions({ redisUrl: env('REDIS_URL') || null, databaseUrl: env('DATABASE_URL'), prefix: 'floor' }),
);

const columns = Object.keys(template).filter((name) => template[name] !== null && name !== 'id' && name !== 'input');
const encoded = columns.map((name) => {
  const value = template[name];
  return typeof value === 'object' ? JSON.stringify(value) : value;
});
const first = 3;
const STATEMENT = `
  WITH created AS (
    INSERT INTO job (id, input, ${columns.map((name) => `"${name}"`).join(', ')})
    VALUES ($1, $2, ${columns.map((_, i) => `$${first + i}`).join(', ')}) RETURNING id
  ), ledger AS (
    INSERT INTO ledger_entry (id, key_id, day, work_id, run, kind, amount_micro_usd, price)
    SELECT $${first + columns.length}, $${first + columns.indexOf('key_id')}, (now() AT TIME ZONE 'UTC')::date, id, 1, 'hold',
      $${first + columns.indexOf('held_micro_usd')}, $${first + columns.indexOf('price')} FROM created
    RETURNING key_id, day, amount_micro_usd
  ), budget AS (
    INSERT INTO budget_day (key_id, day, held_micro_usd) SELECT key_id, day, amount_micro_usd FROM ledger
    ON CONFLICT (key_id, day) DO UPDATE SET held_micro_usd = budget_day.held_micro_usd + excluded.held_micro_usd
    RETURNING 1
  )
  SELECT id FROM created`;

const app = fastify();
app.post<{ Body: { input: object } }>('/jobs', async (request, reply) => {
  const id = newId('job');
  await pool.query(STATEMENT, [id, JSON.stringify(request.body.input), ...encoded, newId('led')]);
  await queue.add('tick', { jobId: id, n: 1 }, { ...MESSAGE_OPTIONS, jobId: `${id}-1` });
  return reply.code(202).send({ id });
});
const url = await app.listen({ host: '127.0.0.1', port: 0 });
process.once('SIGTERM', () => process.exit(0));
process.stdout.write(`${JSON.stringify({ url })}\n`);
