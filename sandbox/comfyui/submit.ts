import { randomUUID } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { SandboxContext } from '../context.js';
import { readPrompt } from '../faults.js';
import { answerFault } from './fault-answers.js';
import { type Graph, graphText } from './graph.js';
import type { ComfyInstance } from './instance.js';
import { type ComfyProblem, type NodeErrors, validateGraph } from './validate.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

interface PromptBody {
  prompt?: unknown;
  prompt_id?: unknown;
  client_id?: unknown;
  extra_data?: unknown;
  front?: unknown;
  number?: unknown;
  partial_execution_targets?: unknown;
}

/** POST `/prompt`. */
export async function submitPrompt(
  context: SandboxContext,
  instance: ComfyInstance,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<object> {
  if (typeof request.body !== 'object' || request.body === null) {
    return reply.code(500).type('text/plain').send('500 Internal Server Error');
  }
  const body = request.body as PromptBody;
  const text = graphText(body.prompt);
  const markers = readPrompt(text);
  const record = (outcome: 'accepted' | 'refused' | 'unanswered', fault: string | null, taskId: string | null) =>
    context.recorder.submit({
      provider: 'comfyui',
      path: request.url,
      outcome,
      fault,
      taskId,
      body: structuredClone(request.body),
    });
  const refuse = (
    error: ComfyProblem | Omit<ComfyProblem, 'extra_info'>,
    nodeErrors: Record<string, NodeErrors> = {},
    fault: string | null = null,
  ) => {
    record('refused', fault, null);
    return reply.code(400).send({ error: { extra_info: {}, ...error }, node_errors: nodeErrors });
  };

  const before = context.faults.onSubmit('comfyui', 'submit', text, markers.faults);
  if (before?.name === 'policy-submit') {
    return refuse(
      { type: 'prompt_blocked', message: 'The prompt was blocked by the content policy.', details: '' },
      {},
      before.name,
    );
  }
  if (before !== null) {
    record(before.name === 'hang' || before.name === 'drop' ? 'unanswered' : 'refused', before.name, null);
    if (answerFault(reply, before.name, before.value)) return reply;
  }
  if (markers.problem !== null)
    return refuse({ type: 'unknown_sandbox_marker', message: markers.problem, details: '' });
  if (body.prompt === undefined)
    return refuse({ type: 'no_prompt', message: 'No prompt provided', details: 'No prompt provided' });
  if (typeof body.prompt !== 'object' || body.prompt === null || Array.isArray(body.prompt)) {
    record('refused', null, null);
    return reply.code(500).type('text/plain').send('500 Internal Server Error');
  }
  const promptId = body.prompt_id ?? randomUUID();
  if (typeof promptId !== 'string' || !UUID.test(promptId)) {
    return refuse({
      type: 'invalid_prompt_id',
      message: 'Invalid prompt_id',
      details: 'job id must be a UUID in canonical lowercase hyphenated form',
    });
  }
  // Validation converts literals in place, so the recorded body is copied first.
  const graph = structuredClone(body.prompt) as Graph;
  const verdict = validateGraph(graph, (name) => instance.files.findAnnotated(name) !== null);
  if (!verdict.ok) return refuse(verdict.error, verdict.nodeErrors);

  const clientId = typeof body.client_id === 'string' ? body.client_id : null;
  const targets = Array.isArray(body.partial_execution_targets) ? body.partial_execution_targets : null;
  const number = typeof body.number === 'number' ? body.number : instance.nextNumber(body.front === true);
  instance.enqueue({
    number,
    promptId,
    graph,
    extraData: {
      ...(body.extra_data as object | undefined),
      ...(clientId === null ? {} : { client_id: clientId }),
      create_time: context.clock.now(),
    },
    outputs: targets === null ? verdict.outputs : verdict.outputs.filter((id) => targets.includes(id)),
    clientId,
    text,
    faults: context.faults.bind('comfyui', text, markers.faults),
  });
  const after = context.faults.onSubmit('comfyui', 'accept', text, markers.faults);
  record('accepted', after?.name ?? null, promptId);
  if (after !== null && answerFault(reply, after.name, after.value)) return reply;
  return { prompt_id: promptId, number, node_errors: verdict.nodeErrors };
}
