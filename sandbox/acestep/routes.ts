import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { SandboxContext } from '../context.js';
import { type FaultName, faultSpec } from '../fault-table.js';
import { readPrompt } from '../faults.js';
import { breakOff, sendFile } from '../transport.js';
import { readFields } from './body.js';
import { statusOf } from './result.js';
import type { AceStepServer } from './tasks.js';
import { FastApiError, validateMusic } from './validate.js';

/** The ACE-Step 1.5 API server: `/release_task`, `/query_result`, `/v1/audio`, `/v1/stats`, `/v1/models`, `/health`. */
export function acestepRoutes(context: SandboxContext, server: AceStepServer) {
  return async function register(app: FastifyInstance): Promise<void> {
    app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => {
      done(null, Object.fromEntries(new URLSearchParams(body as string)));
    });
    app.setErrorHandler((error: FastApiError & { statusCode?: number }, _request, reply) => {
      void reply
        .code(error.http ?? error.statusCode ?? 500)
        .send({ detail: error.detail ?? (error.statusCode === undefined ? 'Internal Server Error' : error.message) });
    });
    app.setNotFoundHandler((_request, reply) => reply.code(404).send({ detail: 'Not Found' }));
    const wrap = (data: unknown) => ({ data, code: 200, error: null, timestamp: context.clock.now(), extra: null });

    app.get('/health', async () => wrap({ status: 'ok', service: 'ACE-Step API', version: '1.0' }));
    app.get('/v1/stats', async (request) => {
      requireKey(request, context.key, null);
      const jobs = server.stats();
      return wrap({ jobs, queue_size: jobs.queued, queue_maxsize: 200, avg_job_seconds: context.clock.scaled(10) });
    });
    app.get('/v1/models', async (request) => {
      requireKey(request, context.key, null);
      return wrap({ models: [{ name: 'acestep-v15-turbo', is_default: true }], default_model: 'acestep-v15-turbo' });
    });
    app.post('/release_task', async (request, reply) => {
      const task = await release(context, server, request, reply);
      return task === null
        ? reply
        : wrap({ task_id: task.id, status: 'queued', queue_position: Math.max(1, server.positionOf(task)) });
    });
    app.post('/query_result', async (request, reply) => {
      context.recorder.count('acestep', 'polls');
      const body = (request.body ?? {}) as Record<string, unknown>;
      requireKey(request, context.key, body['ai_token']);
      const rows = [];
      for (const id of taskIds(body['task_id_list'])) {
        const task = server.find(id);
        const fault = context.faults.during('acestep', 'poll', id, task?.text ?? '', task?.faults ?? {});
        if (fault !== null && answerFault(reply, fault)) return reply;
        rows.push({ task_id: id, ...statusOf(task, server) });
      }
      return wrap(rows);
    });
    app.get<{ Querystring: { path?: string } }>('/v1/audio', async (request, reply) => {
      requireKey(request, context.key, null);
      return audio(context, server, request.query.path, request, reply);
    });
  };
}

async function release(context: SandboxContext, server: AceStepServer, request: FastifyRequest, reply: FastifyReply) {
  const { fields, isForm, files } = await readFields(request);
  requireKey(request, context.key, fields['ai_token']);
  const text = ['prompt', 'caption', 'lyrics']
    .map((name) => fields[name])
    .filter((value) => typeof value === 'string')
    .join('\n');
  const markers = readPrompt(text);
  const record = (outcome: 'accepted' | 'refused' | 'unanswered', fault: string | null, taskId: string | null) =>
    context.recorder.submit({
      provider: 'acestep',
      path: request.url,
      outcome,
      fault,
      taskId,
      body: { ...fields, ai_token: undefined },
    });
  const before = context.faults.onSubmit('acestep', 'submit', text, markers.faults);
  if (before !== null) {
    record(before.name === 'hang' || before.name === 'drop' ? 'unanswered' : 'refused', before.name, null);
    if (answerFault(reply, before.name)) return null;
  }
  try {
    if (markers.problem !== null) throw new FastApiError(400, markers.problem);
    const source = files.get('ctx_audio') ?? files.get('src_audio');
    const valid = validateMusic(fields, isForm, source !== undefined, () => server.randomSeed());
    if (server.isFull) throw new FastApiError(429, 'Server busy: queue is full');
    // What is made of a recording is as long as it.
    const length = source && valid.task !== 'text2music' ? await context.studio.secondsOf(source) : null;
    const clean = {
      ...valid,
      seconds: length ?? valid.seconds,
      prompt: readPrompt(valid.prompt).text,
      lyrics: readPrompt(valid.lyrics).text,
    };
    const task = server.accept(clean, text, context.faults.bind('acestep', text, markers.faults));
    const after = context.faults.onSubmit('acestep', 'accept', text, markers.faults);
    record('accepted', after?.name ?? null, task.id);
    return after !== null && answerFault(reply, after.name) ? null : task;
  } catch (error) {
    if (error instanceof FastApiError) record('refused', null, null);
    throw error;
  }
}

function requireKey(request: FastifyRequest, key: string, token: unknown): void {
  const header = request.headers.authorization;
  if (token === key || header === key || header === `Bearer ${key}`) return;
  const isMissing = header === undefined && (token === null || token === undefined);
  throw new FastApiError(401, isMissing ? 'Missing ai_token or Authorization header' : 'Invalid API key');
}

/** An array of ids, or a JSON string of one. */
function taskIds(value: unknown): string[] {
  let list = value;
  if (typeof value === 'string') {
    try {
      list = JSON.parse(value);
    } catch {
      list = null;
    }
  }
  if (!Array.isArray(list)) throw new FastApiError(400, 'task_id_list must be a list of task ids');
  return list.map(String);
}

/** Shows a fault of a submit or a poll; false when `name` is none of those. */
function answerFault(reply: FastifyReply, name: FaultName): boolean {
  const { answer } = faultSpec(name);
  switch (answer) {
    case undefined:
      return false;
    case 'rate_limited':
      throw new FastApiError(429, 'Server busy: queue is full');
    case 'internal':
      throw new FastApiError(500, 'Internal Server Error');
    case 'unavailable':
      throw new FastApiError(503, 'Service Unavailable');
    case 'blocked':
      throw new FastApiError(400, 'The prompt was blocked by the content policy.');
    case 'hang':
    case 'drop':
    case 'malformed':
      breakOff(reply, answer);
      return true;
  }
}

const CONTENT_TYPES = { mp3: 'audio/mpeg', wav: 'audio/wav', flac: 'audio/flac' };

async function audio(
  context: SandboxContext,
  server: AceStepServer,
  path: string | undefined,
  request: FastifyRequest,
  reply: FastifyReply,
) {
  context.recorder.count('acestep', 'downloads');
  if (path === undefined) throw new FastApiError(422, 'Field required: path');
  if (!path.startsWith('/tmp/acestep/') || path.includes('..'))
    throw new FastApiError(403, 'Access denied: path outside allowed directory');
  const file = server.fileAt(path);
  if (file === null) throw new FastApiError(404, 'Audio file not found');
  const { task, piece } = file;
  const fault = context.faults.during('acestep', 'download', path, task.text, task.faults);
  if (fault === 'expired') throw new FastApiError(404, 'Audio file not found');
  if (fault === 'zero-bytes') return reply.type(CONTENT_TYPES[piece.format]).send(Buffer.alloc(0));
  if (fault === 'not-media') return reply.type('text/html').send('<!doctype html><title>Bad gateway</title>');
  const truncate = fault === 'truncate' || fault === 'truncate-always';
  return sendFile(request, reply, {
    path: await context.studio.piece(piece),
    contentType: CONTENT_TYPES[piece.format],
    truncate,
  });
}
