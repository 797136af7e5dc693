import { z } from 'zod';
import type { ErrorType } from '../../common/error-types.js';
import { VIDEO_STATUSES, type Video } from '../../facades/videos/video-view.js';
import { listVideosQuery, videoContentQuery } from '../../facades/videos/videos.controller.js';
import { facadeErrors, facadeHeaders, jobFields } from './facades.js';
import type { Operation } from './operations.js';

const text = z.string();
const unixSeconds = z.int().describe('Unix seconds.');

/** OpenAI's `Video`. */
export const video: z.ZodType<Video> = z.strictObject({
  id: text.describe("`video_` and the suffix of the job's id."),
  object: z.literal('video'),
  model: text,
  status: z.enum(VIDEO_STATUSES),
  progress: z.int().describe('0 to 100.'),
  created_at: unixSeconds,
  completed_at: unixSeconds.nullable(),
  expires_at: unixSeconds.nullable(),
  prompt: text.nullable(),
  size: text.nullable().describe('WIDTHxHEIGHT; null until the end where the clip takes the shape of a picture.'),
  seconds: text.nullable(),
  remixed_from_video_id: text.nullable(),
  error: z.strictObject({ code: text, message: text }).nullable(),
});

const clipFields = {
  prompt: text,
  model: text.optional(),
  video: z
    .union([text, z.record(text, z.json())])
    .describe('{id} of a finished video, a file part, or a reference as a job takes it.'),
  ...jobFields,
};
const createBody = z.looseObject({
  model: text
    .optional()
    .describe(
      'A video model of GET /v1/models, `sora-2` where left out; fields of its `input_schema` stand beside it.',
    ),
  prompt: text,
  seconds: z
    .union([text, z.number()])
    .optional()
    .describe('`duration_seconds`, which may be sent instead; the model has a default.'),
  size: text.optional().describe('WIDTHxHEIGHT, or the fields `resolution` and `aspect_ratio`.'),
  input_reference: z
    .union([text, z.record(text, z.json())])
    .optional()
    .describe('First frame: a file part, {image_url}, {file_id: "upload_…"}, or a reference as a job takes it.'),
  ...jobFields,
});
const editBody = z.looseObject(clipFields);
const extendBody = z.looseObject({
  ...clipFields,
  seconds: z.union([text, z.number()]).optional().describe('How much longer.'),
});
const remixBody = z.looseObject({ prompt: text, ...jobFields });

const tag = 'Videos';
const make = { tag, answers: { 200: 'Video' }, errors: facadeErrors, headers: facadeHeaders, form: true } as const;
const missing: ErrorType[] = ['not_found'];

/** OpenAI's Videos API; see docs/api/videos.md. */
export const VIDEOS: Readonly<Record<string, Operation>> = {
  'POST /v1/videos': {
    ...make,
    id: 'createVideo',
    summary: 'Post a video; poll it, or follow its job.',
    body: createBody,
  },
  'POST /v1/videos/edits': {
    ...make,
    id: 'editVideo',
    summary: 'A new video of a finished one or of a file, changed as the prompt says.',
    body: editBody,
  },
  'POST /v1/videos/extensions': {
    ...make,
    id: 'extendVideo',
    summary: 'A finished video, or a file, and more after it.',
    body: extendBody,
  },
  'POST /v1/videos/{id}/remix': {
    ...make,
    id: 'remixVideo',
    summary: 'The older way to ask for an edit of a finished video.',
    body: remixBody,
  },
  'GET /v1/videos': {
    id: 'listVideos',
    tag,
    summary: 'Videos of this key, newest first.',
    answers: { 200: 'Video[]' },
    errors: missing,
    query: listVideosQuery,
  },
  'GET /v1/videos/{id}': {
    id: 'getVideo',
    tag,
    summary: 'A video as it is now; `openai-poll-after-ms` says when to ask again.',
    answers: { 200: 'Video' },
    errors: missing,
  },
  'GET /v1/videos/{id}/content': {
    id: 'getVideoContent',
    tag,
    summary: 'The clip, a still of it, or a sheet of its frames.',
    answers: { 302: { about: 'To a fresh link to the bytes; no key is asked for there.' } },
    errors: ['not_found', 'output_expired'],
    query: videoContentQuery,
  },
  'DELETE /v1/videos/{id}': {
    id: 'deleteVideo',
    tag,
    summary: 'Delete a video that is over, with its job and files.',
    answers: { 200: 'Deleted' },
    errors: ['not_found', 'job_not_finished', 'attempt_open', 'output_in_use'],
  },
};
