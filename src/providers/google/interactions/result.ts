import { ProviderError, type Artifact, type MediaKind, type TaskState } from '../../contract.js';
import { operationError } from '../error.js';
import { isPolicy, kindOf, withheld } from '../result.js';
import type { Interaction } from './wire.js';

const KINDS: Readonly<Record<string, MediaKind>> = { audio: 'audio', video: 'video', image: 'image' };

/** Pictures beside a piece of music, or sketches of a video, are none of the results. */
function artifactsOf(interaction: Interaction): Artifact[] {
  const all = (interaction.steps ?? [])
    .filter(({ type }) => type === 'model_output')
    .flatMap(({ content }) => content ?? [])
    .flatMap(({ type, data, uri, mime_type: mimeType }): Artifact[] => {
      const kind = KINDS[type ?? ''] ?? kindOf(mimeType);
      if (kind === null || (!uri && typeof data !== 'number')) return [];
      return [
        {
          type: kind,
          ...(mimeType && { contentType: mimeType === 'audio/mp3' ? 'audio/mpeg' : mimeType }),
          source: uri ? { uri } : { inline: data ?? 0 },
        },
      ];
    });
  const wanted = ['video', 'audio', 'image'].find((kind) => all.some(({ type }) => type === kind));
  return all.filter(({ type }) => type === wanted);
}

/** `errors[].code` is a URI that names the kind of error; its last part is the word. */
function failure(interaction: Interaction, otherwise: string): ProviderError {
  const named = interaction.errors?.find(({ code, message }) => code || message);
  const word = named?.code?.split(/[/#]/).at(-1) ?? '';
  if (isPolicy(word)) return withheld(word, named?.message ?? null);
  const status = interaction.steps?.map(({ error }) => error).find((error) => error?.code || error?.message);
  const message = status?.message ?? named?.message;
  if (!message && !status?.code) return new ProviderError('internal', 'rejected', otherwise);
  return operationError({ ...(status?.code && { code: status.code }), message: message ?? otherwise });
}

/** A failed run is not billed. */
export function fromInteraction(interaction: Interaction): TaskState {
  const status = interaction.status.toLowerCase();
  const failed = (error: ProviderError): TaskState => ({ state: 'failed', error });
  switch (status) {
    case 'queued':
      return { state: 'pending', started: false };
    case 'completed': {
      const artifacts = artifactsOf(interaction);
      if (artifacts.length > 0) return { state: 'succeeded', artifacts };
      return failed(failure(interaction, 'the interaction ended without a result'));
    }
    case 'failed':
    case 'incomplete':
    case 'expired':
      return failed(failure(interaction, `the interaction ended as ${status}`));
    case 'cancelled':
    case 'canceled':
      return failed(new ProviderError('internal', 'rejected', 'the interaction was cancelled'));
    case 'budget_exceeded':
      return failed(new ProviderError('quota', 'rejected', 'the interaction went over its budget'));
    case 'requires_action':
    case 'requires_continuation':
      // Kiln gives no tools and no continuation: nobody will answer.
      return failed(new ProviderError('internal', 'unknown', `the interaction waits for an answer (${status})`));
    default:
      return { state: 'pending', started: true };
  }
}
