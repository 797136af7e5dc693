import { z } from 'zod';
import type { OutputView } from '../../assets/output-view.js';
import type { UploadView } from '../../assets/upload-view.js';
import { ERROR_TYPES } from '../../common/error-types.js';
import { KEY_ROLES } from '../../keys/auth-key.js';
import { JOB_STAGES, JOB_STATUSES } from '../../jobs/domain/states.js';
import type { JobView } from '../../jobs/view/job-view.js';
import { ACCOUNT_SCHEMAS } from './account.js';
import { createdEndpoint, endpoint } from './endpoints.js';
import { pictures } from './facades.js';
import { GATEWAY_SCHEMAS } from './gateway.js';
import { video } from './videos.js';
import { delivery, deliveryDetail, redelivery, webhookSecret } from './webhook-schemas.js';

const time = z.iso.datetime();
const microUsd = z.int().describe('Integer micro-USD: 1,000,000 is one US dollar.');
const text = z.string();
const whole = z.int();
const amount = z.number();
const object = z.record(z.string(), z.json());

/** What `budgetExceeded` tells beside its message. */
const budget = z.strictObject({
  limit_micro_usd: microUsd,
  spent_micro_usd: microUsd,
  held_micro_usd: microUsd,
  left_micro_usd: microUsd,
  request_micro_usd: microUsd,
  affordable: z
    .record(z.string(), amount)
    .describe('The most of a field that is left enough for; empty where nothing is.'),
  resets_at: time,
});

export const error = z.strictObject({
  error: z.strictObject({
    message: text.describe('For people: the field, what came, what is allowed.'),
    type: z.enum(Object.keys(ERROR_TYPES) as [string, ...string[]]).describe('The reason; see docs/api.'),
    code: text.describe("OpenAI's word where one exists, else the status."),
    param: text.nullable().describe('The field it is about.'),
    budget: budget.optional().describe('With budget_exceeded: the day.'),
  }),
});

const link = z.strictObject({ url: text });
export const output: z.ZodType<OutputView> = z.strictObject({
  id: text,
  type: text.describe('image, video or audio.'),
  name: text.nullable(),
  url: text.nullable().describe('A signed link; null once the output has expired.'),
  url_expires_at: time.nullable(),
  content_type: text,
  bytes: whole,
  sha256: text,
  width: whole.nullable(),
  height: whole.nullable(),
  duration_seconds: amount.nullable(),
  fps: amount.nullable(),
  has_audio: z.boolean().nullable(),
  blurhash: text.nullable(),
  variants: z.strictObject({
    content: link.optional(),
    poster: link.optional(),
    preview: link.optional(),
    thumbnail: link.optional(),
    spritesheet: link.optional(),
    waveform: link.optional(),
  }),
  expired: z.literal(true).optional(),
});

const attempt = z.strictObject({
  id: text,
  run: whole,
  route: text,
  provider: text,
  model: text,
  state: z.enum(['reserved', 'submitting', 'running', 'unknown', 'succeeded', 'failed', 'canceled', 'orphan', 'lost']),
  created_at: time,
  submitted_at: time.nullable(),
  finished_at: time.nullable(),
  error: z.strictObject({ code: text }).nullable(),
});

const jobFields = {
  id: text,
  object: z.literal('job'),
  status: z.enum(JOB_STATUSES),
  stage: z.enum(JOB_STAGES).nullable(),
  model: text,
  run: whole.describe('1, and one more with each replay.'),
  progress: amount.nullable().describe('0 to 1.'),
  queue_position: whole.nullable(),
  eta_seconds: amount.nullable(),
  created_at: time,
  started_at: time.nullable(),
  finished_at: time.nullable(),
  expires_at: time.nullable(),
  deadline_at: time,
  operation: text,
  input: object,
  outputs: z.array(output),
  error: z.strictObject({ code: text, message: text, param: text.nullable(), retryable: z.boolean() }).nullable(),
  cost: z.strictObject({ held_micro_usd: microUsd, charged_micro_usd: microUsd.nullable() }),
  warnings: z.array(text),
  attempts: z.array(attempt),
  route: z
    .strictObject({ id: text, provider: text, model: text, bridged: z.boolean(), substituted: z.boolean() })
    .nullable(),
  webhook: z.strictObject({ url: text, events: z.array(text).nullable(), deliveries: z.array(delivery) }).nullable(),
  metadata: object,
  sandbox: z.boolean(),
  urls: z.strictObject({ self: text, events: text, cancel: text }),
};
export const job: z.ZodType<JobView> = z.strictObject(jobFields);

/** Ops see what the provider knows of it, too. */
export const adminJob = z.strictObject({
  ...jobFields,
  attempts: z.array(
    z.looseObject({ ...attempt.shape, seq: whole, lane: text, endpoint: text, error: object.nullable() }),
  ),
  key_id: text,
  lane: text.nullable(),
  wake_at: time.nullable(),
  claims: whole,
  quarantine: z.strictObject({ reason: text.nullable(), at: time }).nullable(),
});

export const quote = z.strictObject({
  object: z.literal('quote'),
  model: text,
  price_micro_usd: microUsd,
  unit: text,
  quantity: amount,
  unit_price_micro_usd: amount,
  route: z.strictObject({ id: text, provider: text, model: text }).optional(),
  /** It would run there because the route that comes first sleeps. */
  bridged: z.boolean(),
  warm: z.boolean(),
  eta_seconds: whole,
  sandbox: z.boolean(),
  quote_id: text.describe('Pins the price for this key, model and input until expires_at.'),
  expires_at: time,
});

export const upload: z.ZodType<UploadView> = z.strictObject({
  id: text,
  object: z.literal('upload'),
  status: z.enum(['pending', 'ready', 'rejected']),
  source: text,
  filename: text.nullable(),
  kind: text.nullable(),
  content_type: text.nullable(),
  bytes: whole.nullable(),
  sha256: text.nullable(),
  width: whole.nullable(),
  height: whole.nullable(),
  duration_seconds: amount.nullable(),
  url: text.nullable(),
  url_expires_at: time.nullable(),
  error: z.strictObject({ code: text, message: text }).nullable(),
  created_at: time,
  expires_at: time,
});

export const presigned = z.strictObject({
  upload,
  method: z.literal('PUT'),
  url: text,
  headers: z.record(z.string(), text).describe('Send exactly these with the bytes.'),
  expires_at: time,
});

const modelFacts = {
  id: text,
  object: z.literal('model'),
  type: z.literal('model'),
  display_name: text,
  description: text,
  created: whole.describe('Unix seconds.'),
  created_at: time,
  owned_by: text,
  modality: text,
  operations: z.array(text),
  limits: object,
  routes: z.array(object).describe('In order of choice.'),
};

const jobModel = z
  .strictObject({
    ...modelFacts,
    price: object,
    input_schema: object.describe("JSON Schema of a job's `input` for this model."),
  })
  .describe('A model that jobs are made for.');

const rates = z.array(
  z.strictObject({
    of: text.describe('What is counted: `input_tokens`, `output_tokens`, `characters`, `audio_seconds`, …'),
    per: whole.describe('So many of it cost `price_micro_usd`.'),
    price_micro_usd: amount,
  }),
);

const syncModel = z
  .strictObject({
    ...modelFacts,
    wildcard: z.boolean().describe('Ends in `/*`: stands for every id that begins like it.'),
    max_input_tokens: whole.nullable(),
    max_tokens: whole.nullable().describe('Longest answer.'),
    capabilities: z.null(),
    line: z.null(),
    lifecycle: z.literal('active'),
    deprecated_at: z.null(),
    retires_at: z.null(),
    price: z
      .strictObject({
        unit: z.literal('usage'),
        rates,
        long: z.strictObject({ above_input_tokens: whole, rates }).optional(),
        source: text,
        date: text,
      })
      .nullable()
      .describe('Of the first route; null where it depends on the id that a wildcard stands for.'),
  })
  .describe('A model that answers in the request itself.');

export const model = z.union([jobModel, syncModel]);

const keyFields = {
  id: text,
  object: z.literal('key'),
  name: text,
  role: z.enum(KEY_ROLES),
  daily_budget_micro_usd: microUsd.nullable(),
  allowed_models: z.array(text),
  max_concurrent_jobs: whole.nullable(),
  max_queued_jobs: whole.nullable(),
  weight: whole,
  requests_per_minute: whole.nullable(),
  allowed_ips: z.array(text),
  expires_at: time.nullable(),
};
export const ownKey = z
  .strictObject(keyFields)
  .describe('The key that asks: null is no limit, an empty list allows all.');
const keyRecordFields = {
  ...keyFields,
  description: text.nullable(),
  disabled: z.boolean(),
  created_at: time,
  preview: text.nullable().describe('Of the newest secret.'),
  secrets: z.array(
    z.strictObject({ preview: text, created_at: time, expires_at: time.nullable(), last_used_at: time.nullable() }),
  ),
};
const secret = text.describe('The secret, shown this once.');
export const key = z.strictObject(keyRecordFields);
export const createdKey = z.strictObject({ ...keyRecordFields, key: secret });
export const rotatedKey = z.strictObject({
  ...keyRecordFields,
  key: secret,
  previous_expires_at: time.nullable().describe('When the former secret ends; null: it ended at once.'),
  ended_secrets: z.array(text).describe('Previews of secrets that ended at once, so that never more than two live.'),
});

export const replayPreview = z.strictObject({
  object: z.literal('replay_preview'),
  count: whole,
  cost_micro_usd: microUsd,
  sample_ids: z.array(text),
});
export const replayBatch = z.strictObject({
  id: text,
  object: z.literal('replay_batch'),
  status: text,
  filter: object,
  route: text.nullable(),
  total: whole,
  done: whole,
  skipped: whole,
  skip_reasons: z.record(z.string(), amount),
  cost_micro_usd: microUsd,
  created_at: time,
  finished_at: time.nullable(),
});

export const deleted = z.strictObject({ id: text, object: text, deleted: z.literal(true) });
/** Where the fields are for people to read. */
export const thing = z.looseObject({ id: text, object: text });

export const listOf = <T extends z.ZodType>(item: T) =>
  z.strictObject({
    object: z.literal('list'),
    data: z.array(item),
    has_more: z.boolean(),
    first_id: text.nullable(),
    last_id: text.nullable(),
  });

/** The document's components, by name. */
export const SCHEMAS = {
  Error: error,
  Output: output,
  Delivery: delivery,
  DeliveryDetail: deliveryDetail,
  Redelivery: redelivery,
  Job: job,
  AdminJob: adminJob,
  Quote: quote,
  Upload: upload,
  Presigned: presigned,
  WebhookEndpoint: endpoint,
  CreatedEndpoint: createdEndpoint,
  WebhookSecret: webhookSecret,
  Model: model,
  OwnKey: ownKey,
  CreatedKey: createdKey,
  RotatedKey: rotatedKey,
  Key: key,
  ReplayPreview: replayPreview,
  ReplayBatch: replayBatch,
  Deleted: deleted,
  Pictures: pictures,
  Video: video,
  ...GATEWAY_SCHEMAS,
  ...ACCOUNT_SCHEMAS,
  Thing: thing,
} as const satisfies Record<string, z.ZodType>;
export type SchemaName = keyof typeof SCHEMAS;
