import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Callbacks } from '../callbacks.js';
import type { SandboxContext } from '../context.js';
import { readPrompt } from '../faults.js';
import { sendOutput } from '../media.js';
import { promptOf } from './content.js';
import { answerArkError, ArkError, invalid, showFault, unauthenticated, unknownTask } from './errors.js';
import { listPage } from './list.js';
import type { ArkTask, ArkTasks } from './tasks.js';
import { validateCreate } from './validate.js';

const BODY_LIMIT_BYTES = 64 * 1024 * 1024;
const TASKS = '/contents/generations/tasks';

type ById = { Params: { id: string } };

const originOf = (request: FastifyRequest): string => `${request.protocol}://${request.host}`;

/** `/ark/api/v3` as Ark has it, and beside it the signed links of its object store, which take no key. */
export function arkRoutes(context: SandboxContext, tasks: ArkTasks, callbacks: Callbacks) {
  return async function register(app: FastifyInstance): Promise<void> {
    app.setErrorHandler(answerArkError);
    app.setNotFoundHandler((request) => {
      throw new ArkError(404, 'ResourceNotFound', `The requested path ${request.url} does not exist.`);
    });
    await app.register(async (api) => apiRoutes(api, context, tasks, callbacks), { prefix: '/api/v3' });
    app.get<{ Params: { id: string; file: string }; Querystring: Record<string, string | undefined> }>(
      '/tos/:id/:file',
      async (request, reply) => {
        const { id, file } = request.params;
        if (!tasks.isSigned(id, file, request.query)) return storeError(reply, 403, 'AccessDenied');
        const index = Number(file.split('.')[0]);
        return sendOutput(context, tasks.generations, { id, index }, request, reply, () =>
          storeError(reply, 404, 'NoSuchKey'),
        );
      },
    );
  };
}

const storeError = (reply: FastifyReply, status: number, code: string): FastifyReply =>
  reply.code(status).type('application/xml').send(`<?xml version="1.0"?><Error><Code>${code}</Code></Error>`);

async function apiRoutes(
  api: FastifyInstance,
  context: SandboxContext,
  tasks: ArkTasks,
  callbacks: Callbacks,
): Promise<void> {
  api.addHook('onRequest', async (request) => {
    if (request.headers.authorization !== `Bearer ${context.key}`) throw unauthenticated();
  });
  api.post(TASKS, { bodyLimit: BODY_LIMIT_BYTES }, async (request, reply) =>
    create(context, tasks, callbacks, request, reply),
  );
  api.get<{ Querystring: Record<string, string | string[]> }>(TASKS, async (request) => {
    const { items, total } = listPage(request.query, tasks.list(), (task) => tasks.statusOf(task));
    return { items: items.map((task) => tasks.view(task, originOf(request))), total };
  });
  api.get<ById>(`${TASKS}/:id`, async (request, reply) => {
    context.recorder.count('ark', 'polls');
    const task = known(tasks, request.params.id);
    const fault = context.faults.during('ark', 'poll', task.id, task.prompt, task.faults);
    if (fault !== null && showFault(reply, fault)) return reply;
    return tasks.view(task, originOf(request));
  });
  api.delete<ById>(`${TASKS}/:id`, async (request) => {
    context.recorder.count('ark', 'deletes');
    await remove(tasks, known(tasks, request.params.id));
    return {};
  });
}

function known(tasks: ArkTasks, id: string): ArkTask {
  const task = tasks.find(id);
  if (task === null) throw unknownTask(id);
  return task;
}

/** Cancels what is queued, erases the record of what has ended, and refuses the rest. */
async function remove(tasks: ArkTasks, task: ArkTask): Promise<void> {
  switch (tasks.statusOf(task)) {
    case 'queued':
      return tasks.generations.cancel(task);
    case 'running':
      throw new ArkError(
        409,
        'InvalidAction.RunningTaskDeletion',
        `Cannot delete task ${task.id} because it is currently running.`,
      );
    case 'cancelled':
      throw new ArkError(409, 'InvalidAction', `Cannot delete task ${task.id} because it is cancelled.`);
    case 'succeeded':
    case 'failed':
    case 'expired':
      return tasks.generations.forget(task);
  }
}

async function create(
  context: SandboxContext,
  tasks: ArkTasks,
  callbacks: Callbacks,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<object> {
  const rawPrompt = promptOf(request.body);
  const prompt = readPrompt(rawPrompt);
  const record = (outcome: 'accepted' | 'refused' | 'unanswered', fault: string | null, taskId: string | null) =>
    context.recorder.submit({ provider: 'ark', path: request.url, outcome, fault, taskId, body: request.body });

  const before = context.faults.onSubmit('ark', 'submit', rawPrompt, prompt.faults);
  if (before !== null) {
    record(before.name === 'hang' || before.name === 'drop' ? 'unanswered' : 'refused', before.name, null);
    if (showFault(reply, before.name)) return reply;
  }
  try {
    if (prompt.problem !== null) throw invalid('content.text', prompt.problem);
    const valid = await validateCreate(context, request.body, (text) => readPrompt(text).text);
    const task = await tasks.accept(valid, rawPrompt, context.faults.bind('ark', rawPrompt, prompt.faults));
    ring(tasks, callbacks, task, originOf(request));
    const after = context.faults.onSubmit('ark', 'accept', rawPrompt, prompt.faults);
    record('accepted', after?.name ?? null, task.id);
    if (after !== null && showFault(reply, after.name)) return reply;
    return { id: task.id };
  } catch (error) {
    if (error instanceof ArkError) record('refused', null, null);
    throw error;
  }
}

/** One call for each status that a task comes to, unsigned, with the body of GET. */
function ring(tasks: ArkTasks, callbacks: Callbacks, task: ArkTask, origin: string): void {
  const { callbackUrl } = task.request;
  if (callbackUrl === null) return;
  const when = [task.createdAtMs, task.startsAtMs, task.readyAtMs].filter((at) => at !== null);
  for (const at of when)
    callbacks.whenDone(
      { ...task, readyAtMs: at },
      callbackUrl,
      () => tasks.view(task, origin),
      () => ({}),
    );
}
