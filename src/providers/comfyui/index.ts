import { openAt, type ArtifactAddress } from '../artifact-stream.js';
import type { Adapter, ProviderContext } from '../contract.js';
import { parseBody, parseTaskId } from '../exchange.js';
import { auth, cancelPrompt, getJson, post, readState, uploadReferences } from './client.js';
import { outputError, promptError } from './error.js';
import { options, settings, settingsOf } from './options.js';
import { clientIdOf, progress } from './progress.js';
import { chooseWorkflow, fillGraph, problemsOf } from './request.js';
import { accepted, execInfo, file, taskId as taskIdShape, type TaskId } from './wire.js';
import { invalidInput } from '../task-input.js';
import { resolveSettings } from './workflow-loader.js';

const addressOf = (
  place: { filename: string; subfolder: string; type: string },
  ctx: ProviderContext,
): ArtifactAddress => ({
  url: `${ctx.endpoint}/view?${new URLSearchParams(place).toString()}`,
  trust: 'endpoint',
  headers: auth(ctx),
});

/**
 * One ComfyUI instance. The attempt's token is its prompt id, so a submit whose answer was lost can be looked up; the
 * server itself queues the same id twice, so that look-up comes before any second submit.
 */
export const comfyui: Adapter = {
  id: 'comfyui',
  modalities: ['video', 'image', 'music'],
  can: () => ({
    cancel: true,
    findByToken: true,
    callback: false,
    idempotencyKey: false,
    resubmitSafe: true,
    synchronous: false,
  }),
  options,
  settings,
  resolveSettings,
  unsupported: (shape) => problemsOf(shape, settingsOf(shape.settings)),

  async submit(task, ctx) {
    const counts = Object.fromEntries(
      task.references.map(({ role }) => [role, task.references.filter((other) => other.role === role).length]),
    );
    const flow = chooseWorkflow(settingsOf(task.settings), counts);
    if (!flow) throw invalidInput('this route has no workflow for the given references', 'model');
    const names = await uploadReferences(task, flow, ctx);
    const { graph, warnings } = fillGraph(task, flow, names, ctx.token);
    const body = { prompt: graph, prompt_id: ctx.token, client_id: clientIdOf(ctx.endpoint) };
    const answer = await post(ctx, '/prompt', body, 'buys');
    if (answer.status !== 200) throw promptError(answer, flow, ctx.now());
    const { prompt_id: promptId, node_errors: errors } = parseBody(accepted, answer.text, 'buys');
    const failed = outputError(errors ?? {}, flow);
    if (failed) {
      // The outputs that did pass would still be made, for nobody.
      await cancelPrompt(promptId, ctx).catch(() => undefined);
      throw failed;
    }
    return {
      taskId: { prompt_id: promptId, output: flow.output } satisfies TaskId,
      ...(warnings.length > 0 && { warnings }),
    };
  },

  poll: async (taskId, ctx) => readState(parseTaskId(taskIdShape, taskId), ctx),

  async openArtifact(artifact, _taskId, ctx, offset) {
    return openAt(ctx, addressOf(file.parse(artifact.source), ctx), offset);
  },

  async findByToken(token, ctx) {
    const state = await readState({ prompt_id: token }, ctx);
    return state.state === 'missing' ? null : ({ prompt_id: token } satisfies TaskId);
  },

  cancel: async (taskId, ctx) => cancelPrompt(parseTaskId(taskIdShape, taskId).prompt_id, ctx),

  async load(ctx) {
    return (await getJson(ctx, '/prompt', execInfo)).exec_info.queue_remaining;
  },

  progress,
};
