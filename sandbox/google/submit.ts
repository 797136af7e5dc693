import type { FastifyReply, FastifyRequest } from 'fastify';
import type { SandboxContext } from '../context.js';
import { type ReadPrompt, readPrompt } from '../faults.js';
import { GoogleError, invalid, showFault } from './errors.js';
import type { Surface } from './fields.js';

export interface Accepted {
  taskId: string;
  answer: () => Promise<object | FastifyReply>;
}

/** Runs a submit of any wire with its faults and writes it down; `accept` checks the body and takes the work. */
export async function submitted(
  context: SandboxContext,
  surface: Surface,
  rawPrompt: string,
  exchange: { request: FastifyRequest; reply: FastifyReply },
  accept: (prompt: ReadPrompt) => Promise<Accepted>,
): Promise<object | FastifyReply> {
  const { request, reply } = exchange;
  const prompt = readPrompt(rawPrompt);
  const record = (outcome: 'accepted' | 'refused' | 'unanswered', fault: string | null, taskId: string | null) =>
    context.recorder.submit({ provider: surface, path: request.url, outcome, fault, taskId, body: request.body });

  const before = context.faults.onSubmit(surface, 'submit', rawPrompt, prompt.faults);
  if (before !== null) {
    record(before.name === 'hang' || before.name === 'drop' ? 'unanswered' : 'refused', before.name, null);
    if (showFault(reply, before.name, before.value)) return reply;
  }
  let accepted: Accepted;
  try {
    if (prompt.problem !== null) throw invalid(prompt.problem);
    accepted = await accept(prompt);
  } catch (error) {
    if (error instanceof GoogleError) record('refused', null, null);
    throw error;
  }
  const after = context.faults.onSubmit(surface, 'accept', rawPrompt, prompt.faults);
  record('accepted', after?.name ?? null, accepted.taskId);
  if (after !== null && showFault(reply, after.name, after.value)) return reply;
  return accepted.answer();
}

/** As Google says it of a model it does not have, or that does something else. */
export const unknownModel = (model: string, verb: string): GoogleError =>
  new GoogleError(
    'NOT_FOUND',
    `models/${model} is not found for API version v1beta, or is not supported for ${verb}. Call ListModels to see the list of available models and their supported methods.`,
  );
