import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Catalog } from '../../catalog/catalog.service.js';
import type { ClipUse, Model } from '../../catalog/schema.js';
import { invalidRequest, KilnError, notFound } from '../../common/errors.js';
import { modelNotFound } from '../../jobs/api/request.js';
import { isTerminal } from '../../jobs/domain/states.js';
import { JobsRepository } from '../../jobs/store/jobs.repository.js';
import type { JobRow } from '../../jobs/store/rows.js';
import { assertModelAllowed, type AuthKey, isModelAllowed } from '../../keys/auth-key.js';
import { type FacadeJob, FacadeJobs } from '../shared/facade-jobs.js';
import { type FacadeForm, FormReader } from '../shared/form-reader.js';
import { typedFields } from '../shared/typed-fields.js';
import { clipJob, type SourceClip, videoIdIn } from './clip-request.js';
import { assertVideoModel, modelNameOf, videoJob } from './request.js';
import { jobIdOf, videoIdOf } from './video-id.js';

interface Http {
  request: FastifyRequest;
  reply: FastifyReply;
}

/** Makes videos: every one is a job of an alias whose modality is video. */
@Injectable()
export class Videos {
  constructor(
    private readonly forms: FormReader,
    private readonly facadeJobs: FacadeJobs,
    private readonly jobs: JobsRepository,
    private readonly catalog: Catalog,
  ) {}

  /** The job under a video's id. Throws 404 for another key's, for a job of another kind, and for what was deleted. */
  async owned(key: AuthKey, videoId: string): Promise<JobRow> {
    const jobId = jobIdOf(videoId);
    const job = jobId === null ? null : await this.jobs.ofKey(key.id, jobId);
    if (job?.modality !== 'video') throw notFound('video', videoId.slice(0, 64));
    return job;
  }

  async create(key: AuthKey, http: Http): Promise<JobRow> {
    const form = await this.forms.read(key, http.request);
    const read = (): FacadeJob => videoJob(this.modelOf(key, modelNameOf(form)), form);
    return (await this.facadeJobs.create(key, http, form, read)).job;
  }

  /** A new video of a clip: of the video `sourceId`, or of what the request names by `video`. */
  async createFromClip(key: AuthKey, use: ClipUse, http: Http, sourceId?: string): Promise<JobRow> {
    // Whose video it is comes before what is wrong with the request.
    if (sourceId !== undefined) await this.owned(key, sourceId);
    const sent = await this.forms.read(key, http.request);
    const form = sourceId === undefined ? sent : { ...sent, fields: { ...sent.fields, video: { id: sourceId } } };
    const read = async (): Promise<FacadeJob> => {
      if (sourceId !== undefined && sent.fields['video'] !== undefined)
        throw invalidRequest("'video' is the one of the path; send a prompt.", 'video', 'unknown_parameter');
      const clip = await this.sourceOf(key, form);
      const model = this.modelOf(key, modelNameOf(form, clip.made?.model));
      return clipJob(use, model, form, clip, this.ableTo(use, key));
    };
    return (await this.facadeJobs.create(key, http, form, read)).job;
  }

  private async sourceOf(key: AuthKey, form: FacadeForm): Promise<SourceClip> {
    const { video } = typedFields(form, undefined, { video: 'json' });
    const id = videoIdIn(video);
    if (id === null) return { reference: video, made: null };
    const job = await this.owned(key, id);
    assertReady(job);
    return { reference: { job_id: job.id, output: 0 }, made: { model: job.model, input: job.input } };
  }

  private modelOf(key: AuthKey, name: string): Model {
    const model = this.catalog.get(name);
    if (!model) throw modelNotFound(name);
    assertModelAllowed(key, model.id);
    assertVideoModel(model);
    return model;
  }

  private ableTo(use: ClipUse, key: AuthKey): string[] {
    const able = this.catalog.models().filter(({ id, clips }) => clips[use] !== undefined && isModelAllowed(key, id));
    return able.map(({ id }) => id);
  }
}

/** Throws 400 `video_not_ready` before the end, and 404 where the end brought nothing. */
export function assertReady(job: Pick<JobRow, 'id' | 'status'>): void {
  if (job.status === 'succeeded') return;
  const id = videoIdOf(job.id);
  if (isTerminal(job.status))
    throw new KilnError(404, 'not_found', `Video '${id}' has no content: it ${ENDED[job.status] ?? job.status}.`);
  throw new KilnError(
    400,
    'invalid_request_error',
    `Video '${id}' is not finished: it is ${job.status === 'queued' ? 'queued' : 'in progress'}; ask again when its status is 'completed'.`,
    { code: 'video_not_ready', retryAfterSeconds: 5 },
  );
}

const ENDED: Readonly<Partial<Record<JobRow['status'], string>>> = { failed: 'failed', canceled: 'was canceled' };
