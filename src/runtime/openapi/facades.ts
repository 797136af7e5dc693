import { z } from 'zod';
import type { ErrorType } from '../../common/error-types.js';
import { createJobBody } from '../../jobs/api/bodies.js';
import type { Operation } from './operations.js';

const text = z.string();
const whole = z.int();

/** Fields of POST /v1/jobs, which the facades take under the same names. */
export const jobFields = createJobBody.omit({ model: true, input: true, quote_id: true }).shape;

const imagesBody = z.looseObject({
  model: text.describe('An image model of GET /v1/models; fields of its `input_schema` stand beside this one.'),
  prompt: text,
  n: whole.min(1).optional(),
  size: text.optional().describe('WIDTHxHEIGHT, or `auto`.'),
  quality: text.optional(),
  background: text.optional(),
  output_format: text.optional(),
  output_compression: whole.min(0).max(100).optional(),
  moderation: z.enum(['auto', 'low']).optional(),
  response_format: z.enum(['b64_json', 'url']).optional().describe('`b64_json` where left out.'),
  stream: z.boolean().optional().describe('Server-sent events, the last of which has the picture.'),
  partial_images: whole.min(0).max(3).optional().describe('Taken; none are sent.'),
  user: text.optional(),
  ...jobFields,
});

const reference = z.union([text, z.record(text, z.json())]);
const editsBody = imagesBody.extend({
  image: z
    .union([reference, z.array(reference)])
    .optional()
    .describe('File parts `image` or `image[]`, or a link, data URI or upload id.'),
  images: z.array(reference).optional().describe('The same in JSON: {image_url}, {file_id} or a string each.'),
  mask: reference.optional().describe('Where to change the first picture.'),
  input_fidelity: z.literal('low').optional(),
});

/** OpenAI's `ImagesResponse`. */
export const pictures = z.strictObject({
  created: whole.describe('Unix seconds.'),
  data: z.array(z.strictObject({ b64_json: text.optional(), url: text.optional() })),
  background: text.optional(),
  output_format: text.optional(),
  quality: text.optional(),
  size: text.optional(),
  usage: z
    .strictObject({
      input_tokens: whole,
      input_tokens_details: z.strictObject({ image_tokens: whole, text_tokens: whole }),
      output_tokens: whole,
      total_tokens: whole,
    })
    .optional()
    .describe('The tokens that are charged, where the model is priced by tokens.'),
});

export const facadeErrors: ErrorType[] = [
  'not_found',
  'key_model_access_denied',
  'conflict',
  'asset_deleted',
  'job_deleted',
  'output_expired',
  'payload_too_large',
  'unsupported_media_type',
  'unusable_media',
  'rate_limit_exceeded',
  'route_unavailable',
];
export const facadeHeaders = {
  'x-stainless-retry-count':
    'From 1 on, and without an Idempotency-Key: attaches to the job that the same body made in the last 10 minutes.',
};

const errors: ErrorType[] = [...facadeErrors, 'still_running'];
const headers = facadeHeaders;

/** OpenAI's image endpoints; see docs/api. */
export const FACADES: Readonly<Record<string, Operation>> = {
  'POST /v1/images/generations': {
    id: 'generateImages',
    tag: 'Images',
    summary: "Make pictures and wait for them, as OpenAI's endpoint of this name.",
    answers: { 200: 'Pictures' },
    errors,
    headers,
    body: imagesBody,
    form: true,
  },
  'POST /v1/images/edits': {
    id: 'editImages',
    tag: 'Images',
    summary: "Change pictures and wait for the result, as OpenAI's endpoint of this name.",
    answers: { 200: 'Pictures' },
    errors,
    headers,
    body: editsBody,
    form: true,
  },
};
