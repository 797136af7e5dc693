import { Injectable } from '@nestjs/common';
import { conflict, invalidRequest, notFound } from '../../common/errors.js';
import type { ListEnvelope } from '../../common/page.js';
import { SECOND_MS } from '../../common/time.js';
import { ListRepository } from '../api/list.repository.js';
import { ClaimsRepository } from '../engine/claims.repository.js';
import { Doorbell } from '../engine/doorbell.js';
import { AttemptsRepository } from '../store/attempts.repository.js';
import { JobsRepository } from '../store/jobs.repository.js';
import type { JobRow } from '../store/rows.js';
import { JobViews } from '../view/job-views.js';
import { adminJobView, type AdminJobView } from './admin-job-view.js';
import type { AdminJobsQuery } from './bodies.js';

/** Jobs of every key, as ops see them. */
@Injectable()
export class AdminJobs {
  constructor(
    private readonly jobs: JobsRepository,
    private readonly attempts: AttemptsRepository,
    private readonly lists: ListRepository,
    private readonly views: JobViews,
    private readonly claims: ClaimsRepository,
    private readonly doorbell: Doorbell,
  ) {}

  async list(query: AdminJobsQuery): Promise<ListEnvelope<AdminJobView>> {
    const { limit, after, before, order } = query;
    if (after !== undefined && before !== undefined)
      throw invalidRequest("Send 'after' or 'before', not both.", 'before');
    const { jobs, hasMore } = await this.lists.list(
      {
        keyId: query.key ?? null,
        status: query.status,
        model: query.model,
        errorCode: query.error_code,
        quarantined: query.quarantined,
        createdBefore: secondsAgo(query.min_age_seconds),
        createdAfter: secondsAgo(query.max_age_seconds),
      },
      { limit, after, before, order },
    );
    const data = await this.viewsOf(jobs);
    return { object: 'list', data, has_more: hasMore, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
  }

  async get(id: string): Promise<AdminJobView> {
    const [view] = await this.viewsOf([await this.existing(id)]);
    if (!view) throw new Error('a view is missing');
    return view;
  }

  /** Lets a quarantined job go on from where it was; 409 where it is not quarantined. */
  async release(id: string): Promise<AdminJobView> {
    await this.existing(id);
    if (!(await this.claims.unquarantine(id))) throw conflict('The job is not quarantined.', 'job_not_quarantined');
    await this.doorbell.ring(id);
    return this.get(id);
  }

  private async existing(id: string): Promise<JobRow> {
    const job = await this.jobs.byId(id);
    if (!job || job.deletedAt) throw notFound('job', id.slice(0, 64));
    return job;
  }

  private async viewsOf(jobs: readonly JobRow[]): Promise<AdminJobView[]> {
    const [views, attempts] = await Promise.all([
      this.views.many(jobs),
      this.attempts.ofJobs(jobs.map((job) => job.id)),
    ]);
    const rows = new Map(jobs.map((job) => [job.id, job]));
    return views.flatMap((view) => {
      const job = rows.get(view.id);
      return job ? [adminJobView(view, job, attempts.get(job.id) ?? [])] : [];
    });
  }
}

const secondsAgo = (seconds: number | undefined): Date | undefined =>
  seconds === undefined ? undefined : new Date(Date.now() - seconds * SECOND_MS);
