import { randomInt } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { SandboxContext } from '../context.js';
import { readPrompt } from '../faults.js';
import type { Generation, Generations } from '../generations.js';
import { pictureOf, readInput } from '../inputs.js';
import type { Picture } from '../render/recipes.js';
import type { App, Asked } from './app.js';
import { APPS, appOf } from './apps.js';
import { FalError, invalid, showFault } from './errors.js';
import { type Field, problemsOf, type Values } from './fields.js';

/** What the wire says of a request later. */
export interface FalRequest {
  /** Whole id of the endpoint. */
  id: string;
  /** Its owner and app. */
  app: string;
  /** Without the files. */
  body: Values;
  prompt: string;
  seed: number;
}
export type FalGeneration = Generation<FalRequest>;

const QUEUE_MS = 1_000;
const SEED_MAX = 2 ** 31;

/** Bodies as they are remembered: a data URI is only its kind. */
function withoutFiles(value: unknown): unknown {
  if (typeof value === 'string') return value.startsWith('data:') ? `${value.slice(0, value.indexOf(','))},…` : value;
  if (Array.isArray(value)) return value.map(withoutFiles);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, withoutFiles(entry)]));
}

const promptOf = (body: unknown): string => {
  const { prompt, tags } = (body ?? {}) as Values;
  return [prompt, tags].filter((part) => typeof part === 'string').join('\n');
};

const MEDIA_ERRORS = { image: 'image_load_error', video: 'file_download_error', audio: 'file_download_error' } as const;

async function readFile(context: SandboxContext, name: string, field: Field, source: string): Promise<Picture | null> {
  if (field.type !== 'url' && field.type !== 'urls') return null;
  try {
    const { bytes } = await readInput(source);
    if (bytes.length === 0) throw new Error('it is empty');
    return field.media === 'image' ? await pictureOf(context, bytes) : null;
  } catch (error) {
    const msg = `Failed to load the ${field.media}: ${(error as Error).message}`;
    throw FalError.model(422, false, [invalid(name, msg, MEDIA_ERRORS[field.media], withoutFiles(source))]);
  }
}

/** Reads every file that a body names; pictures are kept to draw with. */
async function picturesOf(context: SandboxContext, app: App, body: Values): Promise<Asked['pictures']> {
  const pictures: Record<string, Picture[]> = {};
  for (const [name, field] of Object.entries(app.fields)) {
    if (field.type !== 'url' && field.type !== 'urls') continue;
    const value = body[name];
    const sources = Array.isArray(value) ? (value as string[]) : typeof value === 'string' ? [value] : [];
    const read = await Promise.all(sources.map((source) => readFile(context, name, field, source)));
    const found = read.filter((picture) => picture !== null);
    if (found.length > 0) pictures[name] = found;
  }
  return pictures;
}

/** The platform's own headers, where they are given. */
function checkHeaders({ headers }: FastifyRequest): void {
  const lifecycle = headers['x-fal-object-lifecycle-preference'];
  if (typeof lifecycle === 'string') {
    let wish: Values;
    try {
      wish = JSON.parse(lifecycle) as Values;
    } catch {
      throw FalError.platform(400, 'X-Fal-Object-Lifecycle-Preference is not JSON', 'bad_request');
    }
    const seconds = wish['expiration_duration_seconds'];
    if (seconds !== undefined && !(typeof seconds === 'number' && seconds > 0))
      throw FalError.platform(400, 'expiration_duration_seconds should be a positive number', 'bad_request');
  }
  const priority = headers['x-fal-queue-priority'];
  if (priority !== undefined && priority !== 'normal' && priority !== 'low')
    throw FalError.platform(400, 'X-Fal-Queue-Priority should be normal or low', 'bad_request');
}

function checkQuery(query: Values): string | null {
  const unknown = Object.keys(query).find((name) => name !== 'fal_webhook');
  if (unknown !== undefined) throw FalError.platform(400, `${unknown} is not a parameter of the queue`, 'bad_request');
  const webhook = query['fal_webhook'];
  if (webhook === undefined) return null;
  if (typeof webhook !== 'string' || !/^https?:\/\//.test(webhook) || !URL.canParse(webhook))
    throw FalError.platform(400, 'fal_webhook should be a URL', 'bad_request');
  return webhook;
}

/** A submit: checked as the model would, accepted, or answered as a fault wants (null). */
export async function submit(
  context: SandboxContext,
  generations: Generations<FalRequest>,
  id: string,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<{ generation: FalGeneration; webhook: string | null } | null> {
  const raw = promptOf(request.body);
  const read = readPrompt(raw);
  const record = (outcome: 'accepted' | 'refused' | 'unanswered', fault: string | null, taskId: string | null) =>
    context.recorder.submit({
      provider: 'fal',
      path: request.url,
      outcome,
      fault,
      taskId,
      body: withoutFiles(request.body),
    });
  const before = context.faults.onSubmit('fal', 'submit', raw, read.faults);
  if (before !== null) {
    record(before.name === 'hang' || before.name === 'drop' ? 'unanswered' : 'refused', before.name, null);
    if (showFault(reply, before.name, before.value, raw)) return null;
  }
  try {
    const app = APPS.get(id);
    if (app === undefined) throw FalError.platform(404, `Application '${id}' not found`);
    checkHeaders(request);
    const webhook = checkQuery(request.query as Values);
    const problems = problemsOf(app.fields, request.body);
    if (problems.length > 0) throw FalError.model(422, false, problems);
    const body = request.body as Values;
    if (read.problem !== null) throw FalError.model(422, false, [invalid('prompt', read.problem, 'value_error', raw)]);
    const pictures = await picturesOf(context, app, body);
    const seed = typeof body['seed'] === 'number' ? body['seed'] : randomInt(SEED_MAX);
    const asked: Asked = { body, prompt: read.text, seed, pictures };
    const generation = await generations.accept({
      prompt: raw,
      faults: context.faults.bind('fal', raw, read.faults),
      request: { id, app: appOf(id), body: withoutFiles(body) as Values, prompt: read.text, seed },
      outputs: app.make(asked),
      realisticMs: app.realisticMs,
      realisticQueueMs: QUEUE_MS,
    });
    const after = context.faults.onSubmit('fal', 'accept', raw, read.faults);
    record('accepted', after?.name ?? null, generation.id);
    return after !== null && showFault(reply, after.name, after.value, raw) ? null : { generation, webhook };
  } catch (error) {
    if (error instanceof FalError) record('refused', null, null);
    throw error;
  }
}
