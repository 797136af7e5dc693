import { setTimeout as sleep } from 'node:timers/promises';
import { query } from '../servers.js';
import { type OpenEnds, openEnds } from './books.js';
import { ask } from './client.js';
import type { Purchase, Purchases } from './purchases.js';
import type { SoakKey, World } from './world.js';

export interface Duties {
  /** Quarantined jobs that were let go on. */
  released: number;
  /** Attempts of unknown outcome, resolved by what the provider's record says. */
  resolved: Record<'rejected' | 'abandoned', number>;
  /** Messages that were sent again before their time. */
  redelivered: number;
}

/** So long after its cancel was asked for, a run that goes on is taken for endless. */
const ENDLESS_SECONDS = 60;
const ROUND_MS = 1000;
/** A retry further away than this is asked for now. */
const FAR_SECONDS = 8;

/**
 * What people do after such a night, through the admin API and the clients' own: quarantined jobs go on, attempts of unknown
 * outcome are resolved by the provider's record, failed webhooks are sent again.
 */
export class Operator {
  readonly duties: Duties = { released: 0, resolved: { rejected: 0, abandoned: 0 }, redelivered: 0 };
  private readonly redelivered = new Set<string>();

  constructor(
    private readonly world: World,
    private readonly databaseUrl: string,
    private readonly keys: readonly SoakKey[],
    private readonly purchases: Purchases,
  ) {}

  /** Until everything is at its end, or the time is over; what is open then. `everyRound` runs with each look. */
  async finish(timeoutMs: number, everyRound: (open: OpenEnds) => Promise<void>): Promise<OpenEnds> {
    const until = Date.now() + timeoutMs;
    for (;;) {
      const open = await openEnds(this.databaseUrl);
      if (Object.values(open).every((count) => count === 0) || Date.now() > until) return open;
      await everyRound(open);
      await this.releaseQuarantined();
      await this.resolveUnknown();
      await this.abandonEndless();
      await this.redeliverFar();
      await sleep(ROUND_MS);
    }
  }

  private async releaseQuarantined(): Promise<void> {
    const rows = await query<{ id: string }>(
      this.databaseUrl,
      `SELECT id FROM job WHERE quarantined_at IS NOT NULL AND status IN ('queued', 'running') LIMIT 100`,
    );
    for (const { id } of rows) if (await this.did(`/admin/jobs/${id}/release`)) this.duties.released += 1;
  }

  /** The provider took more of the job's submits than the job has attempts with a task: the one in doubt was taken. */
  private async resolveUnknown(): Promise<void> {
    const rows = await query<{ id: string; mark: string; provider: string; known: number }>(
      this.databaseUrl,
      `SELECT a.id, a.provider, substring(j.input->>'prompt' from 'soak\\d+x\\d+x') AS mark,
         (SELECT count(*) FROM attempt o WHERE o.job_id = a.job_id AND o.provider = a.provider AND o.task_id IS NOT NULL)::int AS known
       FROM attempt a JOIN job j ON j.id = a.job_id WHERE a.state = 'unknown' LIMIT 100`,
    );
    if (rows.length === 0) return;
    const bought = await this.purchases.read();
    for (const { id, mark, provider, known } of rows) {
      const taken = bought.filter((one) => one.mark === mark && isOf(one, provider)).length;
      const outcome = taken > known ? 'abandoned' : 'rejected';
      const reason = `the provider's record has ${taken} submits of this job`;
      if (await this.did(`/admin/attempts/${id}/resolve`, { outcome, reason })) this.duties.resolved[outcome] += 1;
    }
  }

  /** A provider that neither ends nor cancels the run of a job that is over would be asked for a day. */
  private async abandonEndless(): Promise<void> {
    const rows = await query<{ id: string }>(
      this.databaseUrl,
      `SELECT a.id FROM attempt a JOIN job j ON j.id = a.job_id
       WHERE a.state = 'running' AND j.status IN ('failed', 'canceled') AND a.cancel_requested_at < now() - ${ENDLESS_SECONDS} * interval '1 second' LIMIT 100`,
    );
    const reason = 'its job is over, and the provider neither ends nor cancels it';
    for (const { id } of rows)
      if (await this.did(`/admin/attempts/${id}/resolve`, { outcome: 'abandoned', reason }))
        this.duties.resolved.abandoned += 1;
  }

  private async redeliverFar(): Promise<void> {
    const rows = await query<{ id: string; keyId: string }>(
      this.databaseUrl,
      `SELECT id, key_id AS "keyId" FROM webhook_delivery
       WHERE status = 'failed' OR (status = 'pending' AND wake_at > now() + ${FAR_SECONDS} * interval '1 second') LIMIT 200`,
    );
    for (const { id, keyId } of rows.filter((row) => !this.redelivered.has(row.id))) {
      const secret = this.keys.find((key) => key.id === keyId)?.secret;
      if (secret === undefined) continue;
      const path = `/v1/webhook_deliveries/${id}/redeliver`;
      const answer = await ask(this.world.url, { method: 'POST', path, secret, body: {} });
      if (answer?.status !== 202) continue;
      this.redelivered.add(id);
      this.duties.redelivered += 1;
    }
  }

  /** False where it could not be done now; the next round tries again. */
  private async did(path: string, body: unknown = {}): Promise<boolean> {
    return this.world.kiln.admin('POST', path, body).then(
      () => true,
      () => false,
    );
  }
}

/** The sandbox names a wire, Kiln an adapter: Google's is two wires. */
export function isOf({ provider }: Pick<Purchase, 'provider'>, adapter: string): boolean {
  return provider === adapter || (adapter === 'google' && ['gemini', 'vertex'].includes(provider));
}
