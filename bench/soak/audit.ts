import type { AttemptBook, Books, DeliveryBook, JobBook, LedgerBook } from './books.js';
import type { Told } from './drive.js';
import { isOf } from './operator.js';
import type { Purchase } from './purchases.js';
import type { Received } from './receiver.js';

/** What the clients, their receivers and the provider know; the books have to say the same. */
export interface Witnesses {
  told: Told;
  /** By webhook-id. */
  received: ReadonlyMap<string, Received>;
  receiverProblems: readonly string[];
  purchases: readonly Purchase[];
}

export interface Violation {
  check: string;
  subject: string;
  message: string;
}

interface Work {
  hold: LedgerBook | null;
  closes: LedgerBook[];
}

const TERMINAL = ['succeeded', 'failed', 'canceled'];
const OPEN_ATTEMPTS = ['reserved', 'submitting', 'running', 'unknown', 'orphan'];
/** A second submit buys a second time there, and nothing tells the two apart: Kiln must not send one. */
const NEVER_TWICE = ['fal', 'replicate', 'google'];

const sumOf = <T>(list: readonly T[], amount: (one: T) => number): number =>
  list.reduce((sum, one) => sum + amount(one), 0);

const shortly = ({ id, run, provider, state, error }: AttemptBook): string =>
  `${id} of run ${run} at ${provider} ${state}${error === null ? '' : ` ${error}`}`;

/**
 * What a job that is over may cost: its price where it was bought, nothing where it was not; of a failed one, what the
 * failed attempts say that the provider took, if the error table lets its owner pay.
 */
function dueOf({ status, price, error }: JobBook, tries: readonly AttemptBook[]): number[] {
  if (status === 'succeeded') return [price];
  if (status === 'canceled') return [tries.some(({ state }) => state === 'succeeded') ? price : 0];
  const failed = tries.filter((one) => one.state === 'failed' && one.error === error);
  return [
    0,
    Math.min(
      price,
      sumOf(failed, ({ upstreamCost }) => upstreamCost ?? 0),
    ),
  ];
}

function whereabouts({ act, status, stage, lane, readyIn, quarantined }: JobBook): string {
  const waits = `in lane ${lane}, ready in ${readyIn.toFixed(0)} s`;
  return `POST ${act} is ${status}, ${stage} ${waits}${quarantined === null ? '' : `, quarantined: ${quarantined}`}`;
}

/** Compares everything that was written down with everything that was told, and names what does not agree. */
export class Audit {
  readonly violations: Violation[] = [];
  private readonly works: ReadonlyMap<string, Work>;
  private readonly deliveries: ReadonlyMap<string, DeliveryBook>;

  constructor(
    private readonly books: Books,
    private readonly witnesses: Witnesses,
  ) {
    this.works = worksOf(books.ledger);
    this.deliveries = new Map(books.deliveries.map((row) => [row.id, row]));
  }

  run(): Violation[] {
    this.days();
    this.holds();
    this.usage();
    this.jobs();
    this.posts();
    this.webhooks();
    this.answers();
    this.provider();
    return this.violations;
  }

  private found(check: string, subject: string, message: string): void {
    this.violations.push({ check, subject, message });
  }

  private workOf(workId: string, run: number): Work {
    return this.works.get(`${workId} ${run}`) ?? { hold: null, closes: [] };
  }

  /** Per key and day: counter = rows = usage, nothing held, within the budget. */
  private days(): void {
    const { counters, ledger, usage, keys } = this.books;
    const days = [...counters, ...ledger, ...usage].map(({ keyId, day }) => `${keyId} ${day}`);
    for (const subject of new Set(days)) {
      const ofDay = (one: { keyId: string; day: string }): boolean => `${one.keyId} ${one.day}` === subject;
      const rows = ledger.filter(ofDay);
      const [spent, held] = [
        sumOf(counters.filter(ofDay), (one) => one.spent),
        sumOf(counters.filter(ofDay), (one) => one.held),
      ];
      const settled = sumOf(
        rows.filter(({ kind }) => kind === 'settle'),
        ({ amount }) => amount,
      );
      const open = sumOf(
        rows.filter(({ kind, workId, run }) => kind === 'hold' && this.workOf(workId, run).closes.length === 0),
        ({ amount }) => amount,
      );
      const used = sumOf(usage.filter(ofDay), ({ charged }) => charged);
      if (spent !== settled) this.found('counter', subject, `spent is ${spent}, the settles add up to ${settled}`);
      if (held !== open) this.found('counter', subject, `held is ${held}, the open holds add up to ${open}`);
      if (used !== settled) this.found('usage', subject, `the usage adds up to ${used}, the settles to ${settled}`);
      if (held !== 0) this.found('open hold', subject, `${held} are still held`);
      const budget = keys.find(({ id }) => subject.startsWith(`${id} `))?.budget ?? null;
      if (budget !== null && spent > budget)
        this.found('budget', subject, `${spent} of a budget of ${budget} were spent`);
    }
  }

  private holds(): void {
    for (const [subject, { hold, closes }] of this.works) {
      if (!hold) this.found('hold', subject, `a ${closes[0]?.kind} without a hold`);
      if (closes.length !== 1)
        this.found(closes.length === 0 ? 'open hold' : 'closed twice', subject, `${closes.length} closes`);
      for (const { kind, amount, keyId, day } of closes) {
        if (!hold) continue;
        if (keyId !== hold.keyId || day !== hold.day) this.found('hold', subject, `closed for ${keyId} on ${day}`);
        if (amount > hold.amount) this.found('hold', subject, `${kind} of ${amount}, held were ${hold.amount}`);
        if (kind === 'release' && amount !== hold.amount)
          this.found('hold', subject, `${amount} of ${hold.amount} were released`);
      }
    }
    for (const workId of this.books.owed) this.found('open hold', workId, 'a process still owes its end');
  }

  /** The record of a request, or of a job's run, says what its settle charged; of a release, nothing. */
  private usage(): void {
    const records = new Map(this.books.usage.map((record) => [record.id, record]));
    for (const { hold, closes } of this.works.values()) {
      const [close] = closes;
      if (!hold || !close) continue;
      const charged = close.kind === 'settle' ? close.amount : 0;
      const id = hold.run === 1 ? hold.workId : `${hold.workId}/${hold.run}`;
      const record = records.get(id);
      if (!record && close.kind === 'settle') this.found('usage', id, `no record of a charge of ${charged}`);
      if (record && record.charged !== charged)
        this.found('usage', id, `its record says ${record.charged}, the ledger ${charged}`);
    }
  }

  /** Every job is over, and costs what its end says. */
  private jobs(): void {
    const attempts = Map.groupBy(this.books.attempts, ({ jobId }) => jobId);
    for (const job of this.books.jobs) {
      const tries = attempts.get(job.id) ?? [];
      const open = tries.filter(({ state }) => OPEN_ATTEMPTS.includes(state));
      if (open.length > 0) this.found('open attempt', job.id, open.map(({ id, state }) => `${id} ${state}`).join(', '));
      if (!TERMINAL.includes(job.status)) {
        this.found('job', job.id, `${whereabouts(job)}; ${tries.map(shortly).join(', ') || 'no attempt'}`);
        continue;
      }
      const due = dueOf(
        job,
        tries.filter(({ run }) => run === job.run),
      );
      const [close] = this.workOf(job.id, job.run).closes;
      const charged = close?.kind === 'settle' ? close.amount : 0;
      if (job.charged === null || !due.includes(job.charged))
        this.found('job', job.id, `${job.status}, charged ${job.charged} where ${due.join(' or ')} is due`);
      if (close && charged !== job.charged)
        this.found('job', job.id, `${job.status}, charged ${job.charged}, in the ledger ${charged}`);
      if (!close) this.found('job', job.id, `run ${job.run} was never paid or given back`);
    }
  }

  /** One job came of each POST that was accepted, however often it was sent; none of a refused one. */
  private posts(): void {
    const jobs = Map.groupBy(this.books.jobs, ({ act }) => act ?? 'none');
    for (const { act, jobIds, refusal } of this.witnesses.told.jobs) {
      const subject = `POST ${act.n}`;
      const made = (jobs.get(String(act.n)) ?? []).map(({ id }) => id);
      jobs.delete(String(act.n));
      const wanted = [...new Set(jobIds)];
      if (wanted.length > 1) this.found('post', subject, `was answered by ${wanted.join(' and ')}`);
      if (refusal !== null && made.length > 0)
        this.found('post', subject, `was refused (${refusal}) and made ${made.join(', ')}`);
      if (refusal === null && (made.length !== 1 || made[0] !== wanted[0]))
        this.found('post', subject, `was answered by ${wanted.join(', ')} and made ${made.join(', ') || 'nothing'}`);
    }
    for (const [act, made] of jobs)
      this.found('post', `POST ${act}`, `nobody sent it, and it made ${made.length} jobs`);
  }

  /** Each run's end was told under one id, and told rightly. */
  private webhooks(): void {
    const rows = Map.groupBy(this.books.deliveries, ({ jobId, run }) => `${jobId} ${run}`);
    const arrivals = Map.groupBy(this.witnesses.received.values(), ({ jobId, run }) => `${jobId} ${run}`);
    for (const job of this.books.jobs.filter(({ hasWebhook, status }) => hasWebhook && TERMINAL.includes(status)))
      for (let run = 1; run <= job.run; run += 1) {
        const subject = `${job.id} ${run}`;
        const written = rows.get(subject) ?? [];
        const ids = new Set([
          ...written.map(({ id }) => id),
          ...(arrivals.get(subject) ?? []).map((one) => one.webhookId),
        ]);
        if (ids.size !== 1) this.found('webhook', subject, `has ${ids.size} ids: ${[...ids].join(', ')}`);
        for (const id of ids) this.message(subject, id, run === job.run ? `job.${job.status}` : null);
      }
    for (const problem of this.witnesses.receiverProblems) this.found('webhook', 'receiver', problem);
  }

  private message(subject: string, id: string, event: string | null): void {
    const row = this.deliveries.get(id);
    const arrived = this.witnesses.received.get(id);
    if (row?.status !== 'delivered') this.found('webhook', subject, `${id} is ${row?.status ?? 'nowhere written'}`);
    if (!arrived || arrived.accepted === 0) return this.found('webhook', subject, `${id} never arrived`);
    if (event !== null && arrived.event !== event)
      this.found('webhook', subject, `${id} told ${arrived.event}, it is ${event}`);
    const [close] = this.workOf(arrived.jobId, arrived.run).closes;
    const charged = close?.kind === 'settle' ? close.amount : 0;
    if (arrived.chargedMicroUsd !== null && arrived.chargedMicroUsd !== charged)
      this.found('webhook', subject, `${id} told a charge of ${arrived.chargedMicroUsd}, the ledger has ${charged}`);
  }

  /** What a client was told as charged, or has all of, stands in the ledger. */
  private answers(): void {
    const settles = new Set(
      this.books.ledger.filter(({ kind }) => kind === 'settle').map(({ keyId, amount }) => `${keyId} ${amount}`),
    );
    for (const told of this.witnesses.told.texts) {
      const { act, requestId, complete, chargedMicroUsd, replayed, status, errorType } = told;
      if (replayed) {
        // The answer of an earlier try, whose id was told only if that answer arrived.
        if (chargedMicroUsd !== null && !settles.has(`${this.books.keys[act.key]?.id} ${chargedMicroUsd}`))
          this.found('answer', requestId, `told ${chargedMicroUsd} again, which was never charged`);
        continue;
      }
      const { hold, closes } = this.workOf(requestId, 1);
      const [close] = closes;
      if (errorType === 'budget_exceeded' && hold)
        this.found('answer', requestId, 'was refused by the budget and held for');
      if (complete && close?.kind !== 'settle')
        this.found(
          'answer',
          requestId,
          `${status}, the client has all of it, and its hold is ${close?.reason ?? 'not closed'}`,
        );
      if (chargedMicroUsd !== null && (close?.kind === 'settle' ? close.amount : 0) !== chargedMicroUsd)
        this.found('answer', requestId, `told ${chargedMicroUsd}, the ledger has ${close?.kind} ${close?.amount}`);
    }
  }

  /** Nothing was bought twice for one attempt, where a second submit buys again. */
  private provider(): void {
    const marks = new Map(this.witnesses.told.jobs.flatMap(({ act, jobIds }) => jobIds.map((id) => [act.mark, id])));
    const attempts = Map.groupBy(this.books.attempts, ({ jobId }) => jobId);
    for (const [mark, bought] of Map.groupBy(this.witnesses.purchases, (one) => one.mark)) {
      const tries = attempts.get(marks.get(mark) ?? '') ?? [];
      for (const provider of NEVER_TWICE) {
        const [paid, tried] = [
          bought.filter((one) => isOf(one, provider)),
          tries.filter((one) => one.provider === provider),
        ];
        if (paid.length > tried.length)
          this.found('bought twice', mark, `${provider} took ${paid.length} submits for ${tried.length} attempts`);
      }
    }
  }
}

function worksOf(ledger: readonly LedgerBook[]): Map<string, Work> {
  const works = new Map<string, Work>();
  for (const row of ledger) {
    const id = `${row.workId} ${row.run}`;
    const work = works.get(id) ?? { hold: null, closes: [] };
    works.set(id, work);
    if (row.kind === 'hold') work.hold = row;
    else work.closes.push(row);
  }
  return works;
}
