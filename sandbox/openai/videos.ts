import { randomBytes } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { SandboxContext } from '../context.js';
import { readPrompt } from '../faults.js';
import type { Generation, Generations } from '../generations.js';
import { OFF_ORIGIN, sendOutput } from '../media.js';
import { type Body, readBody } from './body.js';
import { invalidValue, notOneOf, OpenAIError, showFault } from './errors.js';
import { outputsOf, readVideo, VARIANTS, type VideoRequest } from './video-request.js';

const REALISTIC_MS = 60_000;
const REALISTIC_QUEUE_MS = 5_000;
/** How long a finished video can be downloaded. */
const CONTENT_LIFETIME_MS = 3_600_000;
const LIST_MAX = 100;
const LIST_DEFAULT = 20;

type Video = Generation<VideoRequest>;

/** The Videos API: create, retrieve, list, delete, content. */
export function videoRoutes(context: SandboxContext, videos: Generations<VideoRequest>) {
  return async function register(app: FastifyInstance): Promise<void> {
    const known = (id: string): Video => {
      const video = videos.find(id);
      if (video === null || videos.stateOf(video) === 'missing') throw unknownVideo(id);
      return video;
    };

    app.post('/videos', (request, reply) => create(context, videos, request, reply));

    app.get<{ Params: { id: string } }>('/videos/:id', async (request, reply) => {
      context.recorder.count('openai', 'polls');
      const video = known(request.params.id);
      const fault = context.faults.during('openai', 'poll', video.id, video.prompt, video.faults);
      return fault !== null && showFault(reply, fault, null) ? reply : describe(videos, video);
    });

    app.get<{ Querystring: { limit?: string; after?: string; order?: string } }>('/videos', async (request) => {
      const { limit = String(LIST_DEFAULT), after, order = 'desc' } = request.query;
      if (!/^\d+$/.test(limit) || Number(limit) > LIST_MAX)
        throw invalidValue('limit', `Invalid 'limit': expected a value from 0 to ${LIST_MAX}.`);
      if (order !== 'asc' && order !== 'desc') throw notOneOf('order', order, ['asc', 'desc']);
      const newest = videos.list().filter((video) => videos.stateOf(video) !== 'missing');
      const all = order === 'desc' ? newest : newest.toReversed();
      const rest = after === undefined ? all : all.slice(all.findIndex(({ id }) => id === after) + 1);
      const page = rest.slice(0, Number(limit)).map((video) => describe(videos, video));
      const ids = rest.slice(0, Number(limit)).map(({ id }) => id);
      return {
        object: 'list',
        data: page,
        first_id: ids[0] ?? null,
        last_id: ids.at(-1) ?? null,
        has_more: rest.length > page.length,
      };
    });

    app.delete<{ Params: { id: string } }>('/videos/:id', async (request) => {
      const video = known(request.params.id);
      if (['queued', 'running'].includes(videos.stateOf(video)))
        throw new OpenAIError(400, 'The video is still being generated; only finished videos can be deleted.');
      await videos.forget(video);
      return { id: video.id, object: 'video.deleted', deleted: true };
    });

    app.get<{ Params: { id: string }; Querystring: { variant?: string } }>(
      '/videos/:id/content',
      async (request, reply) => {
        const { id } = request.params;
        const { variant = 'video' } = request.query;
        const index = VARIANTS.indexOf(variant);
        if (index < 0) throw notOneOf('variant', variant, VARIANTS);
        const video = known(id);
        if (context.clock.now() > (video.readyAtMs ?? 0) + CONTENT_LIFETIME_MS) throw unknownVideo(id);
        if ('off-origin' in video.faults && videos.stateOf(video) === 'done') return reply.redirect(OFF_ORIGIN);
        return sendOutput(context, videos, { id, index }, request, reply, () => {
          throw new OpenAIError(404, 'The content of this video is not available.', { code: 'not_found' });
        });
      },
    );
  };
}

const unknownVideo = (id: string): OpenAIError =>
  new OpenAIError(404, `Video with id '${id}' not found.`, { code: 'not_found' });

/** Fields for the records; files by name, type and size. */
export const recordable = ({ values, files }: Body): object => ({
  ...values,
  ...Object.fromEntries(
    files.map(({ field, filename, contentType, bytes }, index) => [
      files.filter((file) => file.field === field).length > 1 ? `${field}#${index}` : field,
      { filename, content_type: contentType, bytes: bytes.length },
    ]),
  ),
});

async function create(
  context: SandboxContext,
  videos: Generations<VideoRequest>,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<object> {
  const body = await readBody(request);
  const sent = typeof body.values['prompt'] === 'string' ? body.values['prompt'] : '';
  const markers = readPrompt(sent);
  const record = (outcome: 'accepted' | 'refused' | 'unanswered', fault: string | null, taskId: string | null) =>
    context.recorder.submit({ provider: 'openai', path: request.url, outcome, fault, taskId, body: recordable(body) });
  const before = context.faults.onSubmit('openai', 'submit', sent, markers.faults);
  if (before !== null) {
    record(before.name === 'hang' || before.name === 'drop' ? 'unanswered' : 'refused', before.name, null);
    if (showFault(reply, before.name, before.value)) return reply;
  }
  try {
    if (markers.problem !== null) throw invalidValue('prompt', markers.problem);
    const wanted = { ...(await readVideo(context, body)), prompt: markers.text };
    const { first: _first, ...described } = wanted;
    const video = await videos.accept({
      id: `video_${randomBytes(24).toString('hex')}`,
      prompt: sent,
      faults: context.faults.bind('openai', sent, markers.faults),
      request: described,
      outputs: outputsOf(wanted),
      realisticMs: REALISTIC_MS,
      realisticQueueMs: REALISTIC_QUEUE_MS,
    });
    const after = context.faults.onSubmit('openai', 'accept', sent, markers.faults);
    record('accepted', after?.name ?? null, video.id);
    if (after !== null && showFault(reply, after.name, after.value)) return reply;
    // Right after create there is no more than this.
    const { id, model, seconds, size } = { id: video.id, ...described };
    return {
      id,
      object: 'video',
      created_at: secondsOf(video.createdAtMs),
      status: 'queued',
      model,
      progress: 0,
      seconds,
      size,
    };
  } catch (error) {
    if (error instanceof OpenAIError) record('refused', null, null);
    throw error;
  }
}

const secondsOf = (ms: number): number => Math.floor(ms / 1000);

function describe(videos: Generations<VideoRequest>, video: Video): object {
  const { id, createdAtMs, readyAtMs, request } = video;
  const base = {
    id,
    object: 'video',
    created_at: secondsOf(createdAtMs),
    completed_at: null,
    expires_at: null,
    ...request,
    remixed_from_video_id: null,
    error: null,
  };
  const progress = Math.floor(videos.progressOf(video) * 100);
  const failed = (error: object): object => ({ ...base, status: 'failed', progress, error });
  switch (videos.stateOf(video)) {
    case 'queued':
      return { ...base, status: 'queued', progress: 0 };
    case 'running':
    case 'missing':
    case 'canceled':
      return { ...base, status: 'in_progress', progress: Math.min(99, progress) };
    case 'failed':
      return failed({ code: 'server_error', message: 'The video could not be generated.' });
    case 'filtered':
      return failed({ code: 'moderation_blocked', message: 'Your request was blocked by our moderation system.' });
    case 'empty':
    case 'done': {
      const done = readyAtMs ?? createdAtMs;
      const ends = { completed_at: secondsOf(done), expires_at: secondsOf(done + CONTENT_LIFETIME_MS) };
      return { ...base, ...ends, status: 'completed', progress: 100 };
    }
  }
}
