import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { SandboxContext } from '../context.js';
import { sendFile } from '../transport.js';
import { answerFault } from './fault-answers.js';
import { type FileRef, type Folder, FOLDERS } from './files.js';
import type { ComfyInstance } from './instance.js';
import { historyView, isJobStatus, jobDetail, listJobs, queueTuple } from './jobs-view.js';
import { MODEL_FILES } from './model-files.js';
import { allObjectInfo, objectInfo } from './object-info.js';
import { submitPrompt } from './submit.js';

interface At {
  Params: { instance: string };
}

class HttpError extends Error {
  constructor(
    readonly http: number,
    message: string,
  ) {
    super(message);
  }
}

const MAX_UPLOAD_BYTES = 104_857_600;

/** ComfyUI's HTTP routes, for every instance, bare and under `/api`. */
export function comfyuiRoutes(context: SandboxContext, instances: ComfyInstance[]) {
  const at = (request: FastifyRequest<At>): ComfyInstance => {
    const found = instances[Number(request.params.instance)];
    if (found === undefined) throw new HttpError(404, '404: Not Found');
    return found;
  };
  return async function register(app: FastifyInstance): Promise<void> {
    app.removeContentTypeParser(['application/json', 'text/plain']);
    // The server parses every body as JSON, whatever its content type says; a broken one is a plain 500.
    app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => {
      try {
        done(null, body === '' ? undefined : JSON.parse(body as string));
      } catch {
        done(new HttpError(500, '500 Internal Server Error'), undefined);
      }
    });
    app.setErrorHandler((error: HttpError & { statusCode?: number }, _request, reply) => {
      void reply
        .code(error.http ?? error.statusCode ?? 500)
        .type('text/plain')
        .send(error.message);
    });
    app.setNotFoundHandler((_request, reply) => reply.code(404).type('text/plain').send('404: Not Found'));
    const shared = async (scope: FastifyInstance) => {
      promptRoutes(scope, context, at);
      fileRoutes(scope, context, at);
      infoRoutes(scope, at);
    };
    await app.register(shared);
    await app.register(shared, { prefix: '/api' });
    jobRoutes(app, context, at);
  };
}

type At1 = (request: FastifyRequest<At>) => ComfyInstance;

/** Answers a poll of `id` with its fault, if it has one. */
function pollFault(context: SandboxContext, instance: ComfyInstance, id: string, reply: FastifyReply): boolean {
  context.recorder.count('comfyui', 'polls');
  const item =
    instance.history.get(id)?.item ??
    (instance.running?.promptId === id ? instance.running : instance.pending.find((one) => one.promptId === id));
  const fault = context.faults.during('comfyui', 'poll', id, item?.text ?? '', item?.faults ?? {});
  return fault !== null && answerFault(reply, fault);
}

function promptRoutes(app: FastifyInstance, context: SandboxContext, at: At1): void {
  app.post<At>('/prompt', async (request, reply) => submitPrompt(context, at(request), request, reply));
  app.get<At>('/prompt', async (request) => ({ exec_info: { queue_remaining: at(request).queueRemaining } }));
  app.get<At>('/queue', async (request) => {
    const instance = at(request);
    return {
      queue_running: instance.running === null ? [] : [queueTuple(instance.running)],
      queue_pending: instance.pending.map(queueTuple),
    };
  });
  app.post<At & { Body: { clear?: boolean; delete?: string[] } | undefined }>('/queue', async (request, reply) => {
    if (request.body?.clear === true) at(request).dequeue(null);
    if (request.body?.delete !== undefined) at(request).dequeue(request.body.delete);
    return reply.code(200).send();
  });
  app.post<At & { Body: { prompt_id?: string } | undefined }>('/interrupt', async (request, reply) => {
    at(request).interrupt(request.body?.prompt_id ?? null);
    return reply.code(200).send();
  });
  app.post<At>('/free', async (_request, reply) => reply.code(200).send());
  app.get<At & { Querystring: { max_items?: string; offset?: string } }>('/history', async (request) => {
    const entries = [...at(request).history];
    const offset = Number(request.query.offset ?? 0);
    const limit = request.query.max_items === undefined ? entries.length : Number(request.query.max_items);
    const start = request.query.offset === undefined ? Math.max(0, entries.length - limit) : offset;
    return Object.fromEntries(entries.slice(start, start + limit).map(([id, entry]) => [id, historyView(entry)]));
  });
  app.get<{ Params: { instance: string; id: string } }>('/history/:id', async (request, reply) => {
    const { id } = request.params;
    const instance = at(request);
    if (pollFault(context, instance, id, reply)) return reply;
    const entry = instance.history.get(id);
    return entry === undefined ? {} : { [id]: historyView(entry) };
  });
  app.post<At & { Body: { clear?: boolean; delete?: string[] } | undefined }>('/history', async (request, reply) => {
    const { history } = at(request);
    if (request.body?.clear === true) history.clear();
    for (const id of request.body?.delete ?? []) history.delete(id);
    return reply.code(200).send();
  });
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The jobs routes exist only under `/api`. */
function jobRoutes(app: FastifyInstance, context: SandboxContext, at: At1): void {
  app.get<At & { Querystring: Record<string, string | undefined> }>('/api/jobs', async (request, reply) => {
    const { status, sort_order: order = 'desc', limit: limitText, offset: offsetText } = request.query;
    const statuses = status?.split(',').map((one) => one.trim()) ?? [];
    const bad = statuses.find((one) => !isJobStatus(one));
    if (bad !== undefined) return reply.code(400).send({ error: `Invalid status value(s): ${bad}` });
    const found = listJobs(at(request)).filter((job) => statuses.length === 0 || statuses.includes(job.status));
    found.sort((left, right) => (Number(left.create_time) - Number(right.create_time)) * (order === 'asc' ? 1 : -1));
    const offset = Number(offsetText ?? 0);
    const limit = limitText === undefined ? found.length : Number(limitText);
    const has_more = offset + limit < found.length;
    return {
      jobs: found.slice(offset, offset + limit),
      pagination: { offset, limit: limitText === undefined ? null : limit, total: found.length, has_more },
    };
  });
  app.get<{ Params: { instance: string; id: string } }>('/api/jobs/:id', async (request, reply) => {
    const { id } = request.params;
    const instance = at(request);
    if (pollFault(context, instance, id, reply)) return reply;
    return jobDetail(instance, id) ?? reply.code(404).send({ error: 'Job not found' });
  });
  app.post<{ Params: { instance: string; id: string } }>('/api/jobs/:id/cancel', async (request) => {
    context.recorder.count('comfyui', 'cancels');
    return { cancelled: at(request).cancel(request.params.id) };
  });
  app.post<At & { Body: { job_ids?: unknown } | undefined }>('/api/jobs/cancel', async (request, reply) => {
    const ids = request.body?.job_ids;
    if (!Array.isArray(ids)) return reply.code(400).send({ error: 'job_ids must be a list' });
    const invalid_ids = ids.filter((id) => typeof id !== 'string' || !UUID.test(id));
    if (invalid_ids.length > 0)
      return reply.code(400).send({ error: 'job ids must be UUIDs in canonical form', invalid_ids });
    return { cancelled: (ids as string[]).filter((id) => at(request).cancel(id)).length > 0 };
  });
}

function fileRoutes(app: FastifyInstance, context: SandboxContext, at: At1): void {
  app.post<At>('/upload/image', async (request, reply) => {
    const instance = at(request);
    if (!request.isMultipart()) return reply.code(400).send();
    let upload: { bytes: Buffer; filename: string } | null = null;
    const fields: Record<string, string> = {};
    for await (const part of request.parts()) {
      if (part.type === 'field') fields[part.fieldname] = String(part.value);
      else if (part.fieldname === 'image') upload = { bytes: await part.toBuffer(), filename: part.filename };
      else await part.toBuffer();
    }
    const subfolder = fields['subfolder'] ?? '';
    const type = (fields['type'] ?? 'input') as Folder;
    const isEscape = subfolder.startsWith('/') || subfolder.split('/').includes('..');
    if (upload === null || upload.filename === '' || isEscape || !FOLDERS.includes(type)) return reply.code(400).send();
    const filename = upload.filename.slice(upload.filename.lastIndexOf('/') + 1);
    const overwrite = fields['overwrite'] === 'true' || fields['overwrite'] === '1';
    context.recorder.count('comfyui', 'uploads');
    const stored = await instance.files.upload(upload.bytes, { filename, subfolder, type }, overwrite);
    return { name: stored.filename, subfolder: stored.subfolder, type: stored.type };
  });
  app.get<At & { Querystring: { filename?: string; subfolder?: string; type?: string } }>(
    '/view',
    async (request, reply) => {
      const { filename = '', subfolder = '', type = 'output' } = request.query;
      if (
        filename === '' ||
        filename.startsWith('/') ||
        filename.includes('..') ||
        !FOLDERS.some((one) => one === type)
      )
        return reply.code(400).send();
      if (subfolder.startsWith('/') || subfolder.split('/').includes('..')) return reply.code(403).send();
      return view(context, at(request), { filename, subfolder, type: type as Folder }, request, reply);
    },
  );
}

const CONTENT_TYPES: Record<string, string> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  webp: 'image/webp',
  mp4: 'video/mp4',
  mp3: 'audio/mpeg',
};

async function view(
  context: SandboxContext,
  instance: ComfyInstance,
  ref: FileRef,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply | undefined> {
  context.recorder.count('comfyui', 'downloads');
  const file = instance.files.find(ref);
  if (file === null) return reply.code(404).send();
  const fault = context.faults.during(
    'comfyui',
    'download',
    `${file.promptId ?? ''}/${ref.filename}`,
    file.prompt,
    file.faults,
  );
  if (fault === 'expired') return reply.code(404).send();
  if (fault === 'zero-bytes') return reply.type('application/octet-stream').send(Buffer.alloc(0));
  if (fault === 'not-media') return reply.type('text/html').send('<!doctype html><title>Bad gateway</title>');
  const extension = ref.filename.slice(ref.filename.lastIndexOf('.') + 1).toLowerCase();
  return sendFile(request, reply, {
    path: await instance.files.open(file),
    contentType: CONTENT_TYPES[extension] ?? 'application/octet-stream',
    headers: { 'content-disposition': `filename="${encodeURIComponent(ref.filename)}"` },
    truncate: fault === 'truncate' || fault === 'truncate-always',
    padToBytes: extension === 'mp4' ? (file.faults.pad ?? undefined) : undefined,
  });
}

function infoRoutes(app: FastifyInstance, at: At1): void {
  app.get<At>('/object_info', async (request) => allObjectInfo(at(request).files.inputNames()));
  app.get<{ Params: { instance: string; className: string } }>('/object_info/:className', async (request) => {
    const info = objectInfo(request.params.className, at(request).files.inputNames());
    return info === null ? {} : { [request.params.className]: info };
  });
  app.get<At>('/models', async (request) => (at(request), Object.keys(MODEL_FILES)));
  app.get<{ Params: { instance: string; folder: string } }>('/models/:folder', async (request, reply) => {
    at(request);
    const files = Object.entries(MODEL_FILES).find(([folder]) => folder === request.params.folder)?.[1];
    return files ?? reply.code(404).send();
  });
  app.get<At>('/embeddings', async () => []);
  app.get<At>('/features', async () => ({ supports_preview_metadata: true, max_upload_size: MAX_UPLOAD_BYTES }));
  app.get<At>('/system_stats', async (request) => {
    at(request);
    const gib = 1024 ** 3;
    return {
      system: {
        os: 'posix',
        ram_total: 64 * gib,
        ram_free: 48 * gib,
        comfyui_version: '0.38.1',
        python_version: '3.12.3',
        pytorch_version: '2.8.0',
        embedded_python: false,
        argv: ['main.py', '--listen'],
      },
      devices: [
        {
          name: 'sandbox',
          type: 'cuda',
          index: 0,
          vram_total: 24 * gib,
          vram_free: 22 * gib,
          torch_vram_total: 0,
          torch_vram_free: 0,
        },
      ],
    };
  });
}
