import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { SandboxContext } from '../context.js';
import { readPrompt } from '../faults.js';
import { sendOutput } from '../media.js';
import { checkAuth, type Generation } from './auth.js';
import { type Bell, linkOf } from './bell.js';
import { currentPrompt, validateCurrent } from './current.js';
import { answerKlingError, invalid, KlingError, showFault, wrapped } from './errors.js';
import { LEGACY_KINDS, type LegacyKind, legacyPrompt, validateLegacy } from './legacy.js';
import type { VideoRequest } from './request.js';
import type { KlingGeneration, KlingTasks } from './tasks.js';
import { currentCreated, currentView, legacyCreated, legacyView } from './views.js';

const BODY_LIMIT_BYTES = 150 * 1024 * 1024;
const IDS_MAX = 20;
const CURRENT_KINDS = ['text-to-video', 'image-to-video'] as const;

/** What a create path is, before its body was looked at. */
interface Create {
  legacy: LegacyKind | null;
  model: string;
  prompt: string;
  validate: () => Promise<VideoRequest>;
  created: (generation: KlingGeneration) => object;
}

/** Both generations of Kling's video API, and the CDN with their results. */
export function klingRoutes(context: SandboxContext, tasks: KlingTasks, bell: Bell, prefix: string) {
  const auth = (generation: Generation) => async (request: FastifyRequest) =>
    checkAuth(request, context.key, generation, context.clock.now());

  return async function register(app: FastifyInstance): Promise<void> {
    app.setErrorHandler(answerKlingError);
    app.setNotFoundHandler((request) => {
      throw new KlingError(1202, `The requested method ${request.method} ${request.url} is invalid`);
    });
    const current = { onRequest: auth('current'), bodyLimit: BODY_LIMIT_BYTES };
    const legacy = { onRequest: auth('legacy'), bodyLimit: BODY_LIMIT_BYTES };

    for (const kind of CURRENT_KINDS)
      app.post<{ Params: { model: string } }>(`/${kind}/:model`, current, async (request, reply) => {
        const { model } = request.params;
        return create(request, reply, {
          legacy: null,
          model,
          prompt: currentPrompt(request.body),
          validate: async () => validateCurrent(context, kind, model, request.body),
          created: currentCreated,
        });
      });
    for (const kind of LEGACY_KINDS) {
      app.post(`/v1/videos/${kind}`, legacy, async (request, reply) =>
        create(request, reply, {
          legacy: kind,
          model: 'kling-v3',
          prompt: legacyPrompt(request.body),
          validate: async () => validateLegacy(context, kind, request.body),
          created: legacyCreated,
        }),
      );
      app.get<{ Params: { id: string } }>(`/v1/videos/${kind}/:id`, legacy, async (request, reply) => {
        const { id } = request.params;
        const found = tasks.find(id) ?? tasks.findByExternalId(id);
        if (found?.request.legacy !== kind) throw countedNoTask(id);
        return pollFault(reply, [found]) ?? wrapped(view(request, found));
      });
    }
    app.get<{ Querystring: Record<string, string | undefined> }>('/tasks', current, async (request, reply) => {
      const { task_ids: ids, external_task_ids: external, ...more } = request.query;
      if ((ids === undefined) === (external === undefined) || Object.keys(more).length > 0)
        throw invalid('exactly one of task_ids and external_task_ids must be given');
      const asked = (ids ?? external ?? '').split(',');
      if (asked.length > IDS_MAX) throw invalid(`task ids cannot exceed ${IDS_MAX} in total`);
      const found = asked
        .map((id) => (ids === undefined ? currentByExternalId(id) : tasks.find(id)))
        .filter((task) => task !== null);
      if (found.length === 0) context.recorder.count('kling', 'polls');
      return (
        pollFault(reply, found) ?? wrapped(found.map((task) => currentView(task, stateOf(task), linkTo(request, task))))
      );
    });
    app.get<{ Params: { file: string } }>('/files/:file', async (request, reply) => {
      const [id = '', index = ''] = request.params.file.replace(/\.mp4$/, '').split('-');
      return sendOutput(context, tasks.generations, { id, index: Number(index) }, request, reply, () =>
        reply.code(404).type('text/html').send('<h1>404 Not Found</h1>'),
      );
    });
  };

  /** Whether /tasks knows a legacy task by the client's own id is not documented; by Kling's id it does. */
  function currentByExternalId(id: string): KlingGeneration | null {
    const found = tasks.findByExternalId(id);
    return found?.request.legacy === null ? found : null;
  }

  function countedNoTask(id: string): KlingError {
    context.recorder.count('kling', 'polls');
    return invalid(`Task not found by id/external id: ${id}`);
  }

  /** The reply where a fault was shown. */
  function pollFault(reply: FastifyReply, asked: readonly KlingGeneration[]): FastifyReply | null {
    for (const { id, prompt, faults } of asked) {
      context.recorder.count('kling', 'polls');
      const fault = context.faults.during('kling', 'poll', id, prompt, faults);
      if (fault !== null && showFault(reply, fault, null)) return reply;
    }
    return null;
  }

  function stateOf(generation: KlingGeneration) {
    return tasks.generations.stateOf(generation);
  }

  function linkTo(request: FastifyRequest, generation: KlingGeneration): () => string {
    return () => linkOf(request, prefix, generation);
  }

  function view(request: FastifyRequest, generation: KlingGeneration): object {
    return legacyView(generation, stateOf(generation), linkTo(request, generation));
  }

  async function create(request: FastifyRequest, reply: FastifyReply, wanted: Create): Promise<object | FastifyReply> {
    const { prompt: rawPrompt } = wanted;
    const prompt = readPrompt(rawPrompt);
    const record = (outcome: 'accepted' | 'refused' | 'unanswered', fault: string | null, taskId: string | null) =>
      context.recorder.submit({ provider: 'kling', path: request.url, outcome, fault, taskId, body: request.body });
    const before = context.faults.onSubmit('kling', 'submit', rawPrompt, prompt.faults);
    if (before !== null) {
      record(before.name === 'hang' || before.name === 'drop' ? 'unanswered' : 'refused', before.name, null);
      if (showFault(reply, before.name, before.value)) return reply;
    }
    let generation: KlingGeneration;
    try {
      if (prompt.problem !== null) throw invalid(prompt.problem);
      const valid = await wanted.validate();
      tasks.checkExternalId(valid.externalId);
      const faults = context.faults.bind('kling', rawPrompt, prompt.faults);
      generation = await tasks.accept(wanted, { ...valid, prompt: prompt.text }, faults);
      if (valid.callbackUrl !== null) bell.ring(generation, valid.callbackUrl, linkTo(request, generation));
    } catch (error) {
      if (error instanceof KlingError) record('refused', null, null);
      throw error;
    }
    const after = context.faults.onSubmit('kling', 'accept', rawPrompt, prompt.faults);
    record('accepted', after?.name ?? null, generation.id);
    if (after !== null && showFault(reply, after.name, after.value)) return reply;
    return wrapped(wanted.created(generation));
  }
}
