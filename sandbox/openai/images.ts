import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { sleep } from '../clock.js';
import type { SandboxContext } from '../context.js';
import { readPrompt, type TaskFaults } from '../faults.js';
import { breakOff, sendTruncated } from '../transport.js';
import { readBody } from './body.js';
import { blocked, invalidValue, OpenAIError, serverError, showFault } from './errors.js';
import { aboutOf, drawn, eventsOf, usageOf } from './image-answer.js';
import { type ImageRequest, readImages } from './image-request.js';
import { recordable } from './videos.js';

const REALISTIC_MS = { low: 8_000, medium: 20_000, high: 45_000, xhigh: 60_000, max: 90_000 } as const;
const HTML = Buffer.from('<!doctype html><title>Sign in</title>');

type Kind = 'generation' | 'edit';

/** The Images API: both calls work while they are waited for and answer with the pictures; nothing is stored. */
export function imageRoutes(context: SandboxContext, closing: AbortSignal) {
  return async function register(app: FastifyInstance): Promise<void> {
    app.post('/images/generations', (request, reply) => serve(context, closing, 'generation', request, reply));
    app.post('/images/edits', (request, reply) => serve(context, closing, 'edit', request, reply));
  };
}

async function serve(
  context: SandboxContext,
  closing: AbortSignal,
  kind: Kind,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  const body = await readBody(request, kind === 'edit');
  const sent = typeof body.values['prompt'] === 'string' ? body.values['prompt'] : '';
  const markers = readPrompt(sent);
  const record = (outcome: 'accepted' | 'refused' | 'unanswered', fault: string | null, taskId: string | null) =>
    context.recorder.submit({ provider: 'openai', path: request.url, outcome, fault, taskId, body: recordable(body) });
  const before = context.faults.onSubmit('openai', 'submit', sent, markers.faults);
  if (before !== null) {
    record(before.name === 'hang' || before.name === 'drop' ? 'unanswered' : 'refused', before.name, null);
    if (showFault(reply, before.name, before.value)) return reply;
  }
  let wanted: ImageRequest;
  try {
    if (markers.problem !== null) throw invalidValue('prompt', markers.problem);
    wanted = { ...(await readImages(context, body, kind)), prompt: markers.text };
  } catch (error) {
    if (error instanceof OpenAIError) record('refused', null, null);
    throw error;
  }
  const faults = context.faults.bind('openai', sent, markers.faults);
  const after = context.faults.onSubmit('openai', 'accept', sent, markers.faults);
  record('accepted', after?.name ?? null, `img_${randomUUID()}`);
  if (after !== null && showFault(reply, after.name, after.value)) return reply;
  await sleep(faults.latency ?? context.clock.scaled(REALISTIC_MS[wanted.quality]), closing);
  return brokenOff(reply, faults) ? reply : answer(context, kind, wanted, { sent, faults }, reply);
}

/** What becomes of the work in the end, where it does not end well. */
function brokenOff(reply: FastifyReply, faults: TaskFaults): boolean {
  if ('fail' in faults || 'oom' in faults) throw serverError();
  if ('policy' in faults) throw blocked('output');
  const how = 'never' in faults ? 'hang' : 'lost' in faults ? 'drop' : null;
  if (how !== null) breakOff(reply, how);
  return how !== null;
}

async function answer(
  context: SandboxContext,
  kind: Kind,
  wanted: ImageRequest,
  { sent, faults }: { sent: string; faults: TaskFaults },
  reply: FastifyReply,
): Promise<unknown> {
  // The pictures come with the answer, so what goes wrong with a download goes wrong with it, and counts by prompt.
  const fault = context.faults.during('openai', 'download', sent, sent, faults);
  const made = 'empty' in faults ? [] : await drawn(context, wanted);
  const spoilt = fault === 'zero-bytes' ? Buffer.alloc(0) : fault === 'not-media' ? HTML : null;
  const pictures = fault === 'expired' ? [] : made.map((bytes) => (spoilt ?? bytes).toString('base64'));
  const created = Math.floor(context.clock.now() / 1000);
  const [type, text] = wanted.stream
    ? ['text/event-stream; charset=utf-8', eventsOf(wanted, kind, pictures, context.clock.now())]
    : [
        'application/json',
        JSON.stringify({
          created,
          ...aboutOf(wanted),
          data: pictures.map((b64) => ({ b64_json: b64 })),
          usage: usageOf(wanted, pictures.length),
        }),
      ];
  if (fault === 'truncate' || fault === 'truncate-always') {
    sendTruncated(reply, type, Buffer.from(text));
    return reply;
  }
  return reply.type(type).header('x-request-id', 'req_sandbox').send(text);
}
