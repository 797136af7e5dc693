import type { FastifyReply, FastifyRequest } from 'fastify';
import type { SandboxContext } from '../context.js';
import { readPrompt } from '../faults.js';
import { GoogleError, invalid, showFault } from './errors.js';
import { VEO_MODELS, type VeoOperations } from './operations.js';
import { type GoogleWire, validateVeo } from './validate.js';

/** POST `{model}:predictLongRunning` on either wire; `modelPath` is the operation name's first part. */
export async function submitVeo(
  context: SandboxContext,
  operations: VeoOperations,
  wire: GoogleWire,
  modelPath: string,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<object | FastifyReply> {
  const rawPrompt = promptOf(request.body);
  const prompt = readPrompt(rawPrompt);
  const record = (outcome: 'accepted' | 'refused' | 'unanswered', fault: string | null, taskId: string | null) =>
    context.recorder.submit({ provider: wire, path: request.url, outcome, fault, taskId, body: request.body });

  const before = context.faults.onSubmit(wire, 'submit', rawPrompt, prompt.faults);
  if (before !== null) {
    record(before.name === 'hang' || before.name === 'drop' ? 'unanswered' : 'refused', before.name, null);
    if (showFault(reply, before.name, before.value)) return reply;
  }
  try {
    const model = modelPath.split('/').at(-1) ?? '';
    if (!VEO_MODELS.some((known) => known === model)) {
      throw new GoogleError(
        'NOT_FOUND',
        `models/${model} is not found for API version v1beta, or is not supported for predictLongRunning.`,
      );
    }
    if (prompt.problem !== null) throw invalid(prompt.problem);
    const valid = await validateVeo(wire, request.body, context.studio);
    const faults = context.faults.bind(wire, rawPrompt, prompt.faults);
    const operation = await operations.accept(wire, modelPath, rawPrompt, { ...valid, prompt: prompt.text }, faults);
    const after = context.faults.onSubmit(wire, 'accept', rawPrompt, prompt.faults);
    record('accepted', after?.name ?? null, operation.name);
    if (after !== null && showFault(reply, after.name, after.value)) return reply;
    return { name: operation.name };
  } catch (error) {
    if (error instanceof GoogleError) record('refused', null, null);
    throw error;
  }
}

function promptOf(body: unknown): string {
  const prompt = (body as { instances?: { prompt?: unknown }[] } | null)?.instances?.[0]?.prompt;
  return typeof prompt === 'string' ? prompt : '';
}
