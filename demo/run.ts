import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { type Job, KilnApi } from './api.js';
import { followJob } from './events.js';
import type { DemoOptions } from './options.js';
import { ProgressBar } from './progress.js';
import { buildInput, imageField, pickModel } from './request.js';
import { type SavedOutput, saveOutputs } from './results.js';
import { ROOT } from './root.js';
import type { Service } from './service.js';
import { type StageTime, Timeline } from './timeline.js';
import type { ReceivedWebhook, WebhookReceiver } from './webhook-receiver.js';

const DEADLINE_SECONDS = 900;
const WEBHOOK_WAIT_MS = 30_000;
const SHIPPED_IMAGE = join(ROOT, 'demo', 'reference.jpg');

export interface DemoResult {
  job: Job;
  model: string;
  uploadId: string | null;
  outputs: SavedOutput[];
  webhook: ReceivedWebhook;
  stages: StageTime[];
  elapsedMs: number;
}

/** The job ended, but not well. */
export class JobFailed extends Error {
  override readonly name = 'JobFailed';
  constructor(readonly job: Job) {
    super(
      `The job ${job.id} ${job.status}: ${job.error ? `${job.error.message} (${job.error.code})` : 'without a reason'}.`,
    );
  }
}

/** A client's whole way through Kiln: upload, job, events, webhook, download. */
export async function runDemo(
  service: Service,
  receiver: { server: WebhookReceiver; url: string },
  options: DemoOptions,
  signal: AbortSignal,
): Promise<DemoResult> {
  const api = new KilnApi(service.url, service.key, signal);
  const model = pickModel(await api.models(), options.model);
  receiver.server.trust(await api.webhookSecret());

  const field = imageField(model, options);
  const image = options.image ?? SHIPPED_IMAGE;
  const upload = field === null ? null : await api.upload(image);
  if (upload) say(`Uploaded    ${image} (${upload.width}×${upload.height}) as ${upload.id}`);

  const job = await api.createJob(
    {
      model: model.id,
      input: buildInput(model, options, field && upload ? { field, uploadId: upload.id } : null),
      webhook: { url: receiver.url },
      metadata: { from: 'demo' },
      deadline_seconds: DEADLINE_SECONDS,
    },
    randomUUID(),
  );
  say(`Job         ${job.id} on ${model.id}, ${usd(job.cost.held_micro_usd)} held`);
  const { done, stages } = await watch(api, job);
  if (done.status !== 'succeeded') throw new JobFailed(done);

  const webhook = await receiver.server.about(job.id, AbortSignal.any([signal, AbortSignal.timeout(WEBHOOK_WAIT_MS)]));
  const outputs = await saveOutputs(api, done, model.id, options.outDir);
  const elapsedMs = Date.parse(done.finished_at ?? '') - Date.parse(done.created_at);
  return { job: done, model: model.id, uploadId: upload?.id ?? null, outputs, webhook, stages, elapsedMs };
}

/** Draws the job's events until the last one, and gives the job as it then is. */
async function watch(api: KilnApi, job: Job): Promise<{ done: Job; stages: StageTime[] }> {
  const bar = new ProgressBar(process.stderr);
  const timeline = new Timeline();
  timeline.begin(job.stage ?? 'waiting', job.created_at);
  try {
    for await (const event of followJob(api, job.id)) {
      timeline.add(event);
      // Moves carry no ETA; the longest stage should have one.
      bar.update(event.type === 'job.generating' ? { type: event.type, data: await api.job(job.id) } : event);
    }
  } finally {
    bar.end();
  }
  const done = await api.job(job.id);
  return { done, stages: timeline.stages(done.finished_at ?? new Date().toISOString()) };
}

export const say = (line: string): void => void process.stderr.write(`${line}\n`);

export const usd = (microUsd: number): string => `$${(microUsd / 1e6).toFixed(microUsd % 10_000 === 0 ? 2 : 4)}`;
