import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Callbacks } from '../callbacks.js';
import { sleep } from '../clock.js';
import type { SandboxContext } from '../context.js';
import { readPrompt } from '../faults.js';
import { invalidInput, notFound, ReplicateError, showFault } from './errors.js';
import { type InputFiles, picturesOf } from './files.js';
import { modelOfVersion, officialModel, type Input, type SandboxModel } from './models.js';
import { describePrediction, endsAtMs, newId, statusOf, type Prediction, type Predictions } from './predictions.js';
import { checkInput, readCreate, readDeadline, readWait, type CreateBody } from './validate.js';
import { ringWhenOver } from './webhooks.js';

/** Queue and boot of a warm model. */
const REALISTIC_QUEUE_MS = 1500;
const LONG_TEXT = 512;

export interface Desk {
  context: SandboxContext;
  store: Predictions;
  files: InputFiles;
  callbacks: Callbacks;
}

/** Data URIs would fill journal, records and every poll. */
const cut = (value: unknown): unknown =>
  typeof value === 'string' && value.startsWith('data:') && value.length > LONG_TEXT
    ? `${value.slice(0, 40)}… (${value.length} characters)`
    : value;
const cutInput = (input: Input): Input =>
  Object.fromEntries(Object.entries(input).map(([name, value]) => [name, cut(value)]));

function recorded(body: unknown): unknown {
  if (typeof body !== 'object' || body === null) return body;
  const { input } = body as { input?: unknown };
  return typeof input === 'object' && input !== null ? { ...body, input: cutInput(input as Input) } : body;
}

function promptOf(body: unknown): string {
  const prompt = (body as { input?: { prompt?: unknown } } | null)?.input?.prompt;
  return typeof prompt === 'string' ? prompt : '';
}

/** Official models have a path; the others, and those too, run by a version. */
function modelOf(official: string | null, { version }: CreateBody): SandboxModel {
  if (official !== null) {
    const model = officialModel(official);
    if (model === undefined) throw notFound();
    return model;
  }
  const model = modelOfVersion(version ?? '');
  if (model === undefined)
    throw new ReplicateError(
      422,
      'Invalid version or not permitted',
      "The specified version does not exist (or perhaps you don't have permission to use it?)",
    );
  return model;
}

async function accept(
  desk: Desk,
  official: string | null,
  request: FastifyRequest,
  origin: string,
): Promise<Prediction> {
  const { context, store, files } = desk;
  const raw = promptOf(request.body);
  const prompt = readPrompt(raw);
  const body = readCreate(request.body, official === null);
  const model = modelOf(official, body);
  checkInput(model, body.input);
  if (prompt.problem !== null)
    throw invalidInput([{ type: 'sandbox', field: 'input.prompt', description: prompt.problem }]);
  const deadlineMs = readDeadline(headerOf(request, 'cancel-after'));
  const { pictures, error } = await picturesOf(context, files, model, body.input, `${origin}/replicate/v1`);
  const trouble = error ?? model.trouble(body.input);
  return store.accept({
    id: newId(),
    prompt: raw,
    faults: context.faults.bind('replicate', raw, prompt.faults),
    outputs: trouble === null ? model.outputs(prompt.text, body.input, pictures) : [],
    realisticMs: model.realisticMs(body.input),
    realisticQueueMs: REALISTIC_QUEUE_MS,
    request: {
      model: model.name,
      version: official === null ? model.version : 'hidden',
      input: cutInput(body.input),
      output: model.output,
      withheld: model.withheld,
      trouble,
      webhook: body.webhook,
      events: body.events,
      deadlineAtMs: deadlineMs === null ? null : context.clock.now() + deadlineMs,
    },
  });
}

export function headerOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** Holds the answer until the prediction is over, or as long as was asked. */
async function hold({ context }: Desk, prediction: Prediction, waitMs: number, reply: FastifyReply): Promise<void> {
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort(new Error('the client went away')));
  const leftMs = (endsAtMs(prediction) ?? Number.POSITIVE_INFINITY) - context.clock.now();
  await sleep(Math.max(0, Math.min(waitMs, leftMs + 1)), gone.signal);
}

/** POST of either create path; `official` is `owner/name`, or null for `/predictions`. */
export async function createPrediction(
  desk: Desk,
  official: string | null,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<object | FastifyReply> {
  const { context, store, callbacks } = desk;
  const origin = `${request.protocol}://${request.host}`;
  const raw = promptOf(request.body);
  const { faults } = readPrompt(raw);
  const record = (outcome: 'accepted' | 'refused' | 'unanswered', fault: string | null, taskId: string | null) =>
    context.recorder.submit({
      provider: 'replicate',
      path: request.url,
      outcome,
      fault,
      taskId,
      body: recorded(request.body),
    });
  const before = context.faults.onSubmit('replicate', 'submit', raw, faults);
  if (before !== null) {
    record(before.name === 'hang' || before.name === 'drop' ? 'unanswered' : 'refused', before.name, null);
    if (showFault(reply, before.name, before.value)) return reply;
  }
  let prediction: Prediction;
  let waitMs: number | null;
  try {
    waitMs = readWait(headerOf(request, 'prefer'));
    prediction = await accept(desk, official, request, origin);
  } catch (error) {
    if (error instanceof ReplicateError) record('refused', null, null);
    throw error;
  }
  const after = context.faults.onSubmit('replicate', 'accept', raw, faults);
  record('accepted', after?.name ?? null, prediction.id);
  ringWhenOver(context, store, callbacks, prediction, origin);
  if (after !== null && showFault(reply, after.name, after.value)) return reply;
  if (waitMs !== null) await hold(desk, prediction, waitMs, reply);
  const status = (waitMs === null ? 'starting' : statusOf(context, store, prediction)) ?? 'starting';
  return reply.code(201).send(describePrediction(context, store, prediction, status, origin));
}
