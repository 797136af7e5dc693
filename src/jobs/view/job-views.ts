import { Injectable } from '@nestjs/common';
import { Outputs } from '../../assets/outputs.js';
import type { JsonObject } from '../../common/json.js';
import { KilnConfig } from '../../config/config.js';
import { publicUrlOf } from '../../config/public-url.js';
import type { Tx } from '../../database/database.js';
import { Deliveries } from '../../webhooks/deliveries.js';
import { QueueForecast } from '../admission/queue-forecast.repository.js';
import { AttemptsRepository } from '../store/attempts.repository.js';
import type { JobRow } from '../store/rows.js';
import { EventTokens } from './event-tokens.js';
import { jobView, type JobView } from './job-view.js';

/** Gathers what a view needs: a fixed number of queries for any number of jobs. */
@Injectable()
export class JobViews {
  constructor(
    private readonly attempts: AttemptsRepository,
    private readonly outputs: Outputs,
    private readonly deliveries: Deliveries,
    private readonly queue: QueueForecast,
    private readonly tokens: EventTokens,
    private readonly config: KilnConfig,
  ) {}

  async one(job: JobRow): Promise<JobView> {
    const [view] = await this.many([job]);
    if (!view) throw new Error('a view is missing');
    return view;
  }

  async many(jobs: readonly JobRow[]): Promise<JobView[]> {
    const ids = jobs.map((job) => job.id);
    const [attempts, outputs, deliveries] = await Promise.all([
      this.attempts.ofJobs(ids.filter((_, i) => (jobs[i]?.attempts ?? 0) > 0 || (jobs[i]?.run ?? 1) > 1)),
      this.outputs.forJobs(jobs.filter((job) => job.status === 'succeeded').map((job) => job.id)),
      this.deliveries.forJobs(jobs.filter((job) => job.webhook !== null).map((job) => job.id)),
    ]);
    const now = new Date();
    return Promise.all(
      jobs.map(async (job) =>
        jobView({
          job,
          outputs: (outputs.get(job.id) ?? [])
            .filter((output) => output.run === job.run)
            .map((output) => this.outputs.view(output, now)),
          attempts: attempts.get(job.id) ?? [],
          deliveries: deliveries.get(job.id) ?? [],
          queue: job.stage === 'waiting' && job.lane !== null ? await this.queue.of(job.lane, job.id) : null,
          urls: this.urls(job),
          now,
        }),
      ),
    );
  }

  /** The same view for a webhook's body, read inside the terminal transaction; links are placeholders until each sending. */
  async forWebhook(job: JobRow, tx: Tx): Promise<JsonObject> {
    const attempts = await this.attempts.ofJobs([job.id], tx);
    const outputs = job.status === 'succeeded' ? await this.outputs.forJobs([job.id], tx) : new Map<string, never[]>();
    const now = new Date();
    const view = jobView({
      job,
      outputs: (outputs.get(job.id) ?? [])
        .filter((output) => output.run === job.run)
        .map((output) => this.outputs.viewForWebhook(output)),
      attempts: attempts.get(job.id) ?? [],
      deliveries: [],
      queue: null,
      urls: this.urls(job),
      now,
    });
    return JSON.parse(JSON.stringify(view)) as JsonObject;
  }

  private urls(job: JobRow): JobView['urls'] {
    const self = `${publicUrlOf(this.config)}/v1/jobs/${job.id}`;
    return { self, events: `${self}/events?token=${this.tokens.sign(job.keyId, job.id)}`, cancel: `${self}/cancel` };
  }
}
