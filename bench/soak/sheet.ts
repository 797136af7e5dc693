import type { Witnesses } from './audit.js';
import type { Books } from './books.js';

const COLUMNS = [
  'key',
  'budget',
  'spent',
  'held',
  'usage',
  'settled',
  'released',
  'abandoned',
  'jobs s/f/c',
  'requests ok/f/c/p',
  'refused',
  'webhooks',
] as const;

const sumOf = <T>(list: readonly T[], amount: (one: T) => number): number =>
  list.reduce((sum, one) => sum + amount(one), 0);
const grouped = (amount: number): string => amount.toLocaleString('en-US');

/** The balance of every key and of the platform, amounts in micro-USD, as a Markdown table and lines below it. */
export function balanceSheet(books: Books, witnesses: Witnesses): string {
  const keys = books.keys.map(({ id, name, budget }, index) => rowOf(books, witnesses, { id, index }, name, budget));
  const rows = [[...COLUMNS], ...keys, rowOf(books, witnesses, null, 'all', null)];
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, n) => (n === 0 ? cell.padEnd(widths[n] ?? 0) : cell.padStart(widths[n] ?? 0))).join(' | ')} |`;
  const [head = [], ...body] = rows;
  const rule = `|${widths.map((width, n) => (n === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`;
  return [line(head), rule, ...body.map(line), '', ...platformLines(books, witnesses)].join('\n');
}

/** `key` null: all of them. */
function rowOf(
  books: Books,
  { told, received }: Witnesses,
  key: { id: string; index: number } | null,
  name: string,
  budget: number | null,
): string[] {
  const mine = <T extends { keyId: string }>(list: readonly T[]): T[] =>
    key === null ? [...list] : list.filter(({ keyId }) => keyId === key.id);
  const [counters, ledger, usage, jobs] = [
    mine(books.counters),
    mine(books.ledger),
    mine(books.usage),
    mine(books.jobs),
  ];
  const releases = ledger.filter(({ kind }) => kind === 'release');
  const refusals =
    told.jobs.filter((one) => one.refusal !== null && (key === null || one.act.key === key.index)).length +
    told.texts.filter((one) => one.errorType === 'budget_exceeded' && (key === null || one.act.key === key.index))
      .length;
  const count = (list: readonly { status: string }[], statuses: readonly string[]): string =>
    statuses.map((status) => list.filter((one) => one.status === status).length).join('/');
  const sync = usage.filter(({ id }) => id.startsWith('req_'));
  return [
    name,
    budget === null ? '' : grouped(budget),
    grouped(sumOf(counters, ({ spent }) => spent)),
    grouped(sumOf(counters, ({ held }) => held)),
    grouped(sumOf(usage, ({ charged }) => charged)),
    grouped(
      sumOf(
        ledger.filter(({ kind }) => kind === 'settle'),
        ({ amount }) => amount,
      ),
    ),
    grouped(sumOf(releases, ({ amount }) => amount)),
    grouped(
      sumOf(
        releases.filter(({ reason }) => reason === 'abandoned'),
        ({ amount }) => amount,
      ),
    ),
    count(jobs, ['succeeded', 'failed', 'canceled']),
    count(sync, ['ok', 'failed', 'canceled', 'partial']),
    grouped(refusals),
    grouped([...received.values()].filter((one) => key === null || one.key === key.index).length),
  ];
}

function platformLines(books: Books, { told, received, purchases }: Witnesses): string[] {
  const states = Map.groupBy(books.attempts, ({ state }) => state);
  const times = (state: string): number => states.get(state)?.length ?? 0;
  const abandoned = books.ledger.filter(({ reason }) => reason === 'abandoned');
  const arrivals = [...received.values()];
  const unpaid = new Set(books.jobs.filter(({ charged }) => charged === 0).map(({ id }) => id));
  const errors = Map.groupBy(
    books.jobs.filter(({ error }) => error !== null),
    ({ error }) => error ?? '',
  );
  const refusals = Map.groupBy(
    told.jobs.filter(({ refusal }) => refusal !== null),
    ({ refusal }) => refusal ?? '',
  );
  return [
    `jobs: ${books.jobs.length} made by ${sumOf(told.jobs, ({ tries }) => tries)} POSTs, ${told.replays} replayed, ${told.cancels} cancels asked for; refused: ${[...refusals].map(([code, list]) => `${list.length} ${code}`).join(', ') || 'none'}`,
    `jobs that failed: ${[...errors].map(([code, list]) => `${list.length} ${code}`).join(', ') || 'none'}`,
    `attempts: ${books.attempts.length}, of them ${times('failed')} failed, ${times('canceled')} canceled, ${times('lost')} lost, ${times('succeeded')} succeeded`,
    `provider: took ${purchases.length} submits of jobs, ${purchases.length - times('succeeded')} more than succeeded; upstream cost of unpaid jobs ${grouped(
      sumOf(
        books.attempts.filter(({ jobId }) => unpaid.has(jobId)),
        ({ upstreamCost }) => upstreamCost ?? 0,
      ),
    )}`,
    `requests: ${told.texts.length} answers, ${told.unanswered} without one; ${abandoned.length} holds of dead processes released as abandoned`,
    `requests' losses: ${grouped(sumOf(books.usage, ({ loss }) => loss))} in usage records, upstream cost ${grouped(sumOf(books.usage, ({ upstreamCost }) => upstreamCost))}`,
    `webhooks: ${arrivals.length} ids, ${sumOf(arrivals, (one) => one.arrivals)} arrivals, ${arrivals.filter((one) => one.arrivals > 1).length} came more than once`,
  ];
}
