import type { JsonValue } from '../../common/json.js';
import { ProviderError, type Adapter, type TaskShape } from '../contract.js';
import { parseTaskId } from '../exchange.js';
import { serviceAccountTokens, type TokenSource } from './access-token.js';
import { authoriseWith } from './auth.js';
import { contentCalls } from './content/calls.js';
import { unsupported as contentUnsupported } from './content/request.js';
import { interactionCalls } from './interactions/calls.js';
import { unsupported as interactionsUnsupported } from './interactions/request.js';
import { options, settings, settingsShape, surfaceOf, type Wire } from './options.js';
import { veoCalls } from './veo/calls.js';
import { unsupported as veoUnsupported } from './veo/request.js';
import { taskId as taskIdShape } from './wire.js';

const wireOf = (of: { settings: TaskShape['settings'] }): Wire => settingsShape.parse(of.settings).wire;

function unsupported(shape: TaskShape): string[] {
  const wire = wireOf(shape);
  switch (wire) {
    case 'vertex':
    case 'gemini':
      return shape.modality === 'video' ? veoUnsupported(shape, wire) : [`Veo makes no ${shape.modality}`];
    case 'vertex_content':
    case 'gemini_content':
      return shape.modality === 'video' ? ['generateContent makes no video'] : contentUnsupported(shape);
    case 'interactions':
      return shape.modality === 'image'
        ? ['no image model is set up for interactions']
        : interactionsUnsupported(shape);
  }
}

/** Google's media models, on Vertex and on the Gemini API; the route's settings say over which wire. */
export function makeGoogle(tokens: TokenSource): Adapter {
  const authorise = authoriseWith(tokens);
  const veo = veoCalls(authorise);
  const content = contentCalls(authorise);
  const interactions = interactionCalls(authorise);

  return {
    id: 'google',
    modalities: ['video', 'image', 'music'],
    can: (of) => {
      const wire = wireOf({ settings: of });
      return {
        cancel: wire === 'interactions',
        findByToken: false,
        callback: false,
        idempotencyKey: false,
        resubmitSafe: false,
        synchronous: wire === 'vertex_content' || wire === 'gemini_content',
      };
    },
    options,
    settings,
    unsupported,

    async submit(task, ctx) {
      const wire = wireOf(task);
      switch (wire) {
        case 'vertex':
        case 'gemini':
          return veo.submit(task, wire, ctx);
        case 'vertex_content':
        case 'gemini_content':
          return content.submit(task, surfaceOf(wire), ctx);
        case 'interactions':
          return interactions.submit(task, ctx);
      }
    },

    async poll(taskId: JsonValue, ctx) {
      const task = parseTaskId(taskIdShape, taskId);
      return task.wire === 'interactions' ? interactions.poll(task, ctx) : veo.poll(task, ctx);
    },

    async openArtifact(artifact, taskId, ctx, offset) {
      const task = parseTaskId(taskIdShape, taskId);
      return task.wire === 'interactions'
        ? interactions.open(artifact, task, ctx, offset)
        : veo.open(artifact, task, ctx, offset);
    },

    async cancel(taskId, ctx) {
      const task = parseTaskId(taskIdShape, taskId);
      if (task.wire === 'interactions') return interactions.cancel(task, ctx);
      throw new ProviderError('internal', 'unknown', 'an operation can not be cancelled');
    },
  };
}

export const google = makeGoogle(serviceAccountTokens());
