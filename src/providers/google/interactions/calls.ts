import { finished } from 'node:stream/promises';
import { addressOf, ARTIFACT_MAX_BYTES, openAt } from '../../artifact-stream.js';
import type { Artifact, ArtifactStream, MediaTask, ProviderContext, Submitted, TaskState } from '../../contract.js';
import { exchange, parseBody, parseMaybe, request, SUBMIT_TIMEOUT_MS } from '../../exchange.js';
import { fromTransport, type Effect } from '../../http-errors.js';
import { decodeValue, takeValues } from '../../json-values.js';
import type { EgressOptions } from '../../../egress/egress.js';
import { JSON_TYPE, type Authorise } from '../auth.js';
import { answerOf, toError } from '../error.js';
import { DATA_KEY, numbered } from '../result.js';
import { source, type TaskId } from '../wire.js';
import { toWire } from './request.js';
import { fromInteraction } from './result.js';
import { accepted, interaction } from './wire.js';

export type InteractionTask = Extract<TaskId, { wire: 'interactions' }>;

/** The Gemini API's interactions, run in the background. */
export function interactionCalls(authorise: Authorise) {
  const urlOf = (task: InteractionTask, ctx: ProviderContext): string =>
    `${ctx.endpoint}/interactions/${encodeURIComponent(task.id)}`;

  /** An interaction with the bytes of its results left out; they are read when they are wanted. */
  async function read(
    ctx: ProviderContext,
    url: string,
    options: EgressOptions,
    effect: Effect,
  ): Promise<{ status: 200; text: string } | { status: 404 }> {
    const response = await request(ctx, url, { ...options, maxBytes: ARTIFACT_MAX_BYTES }, effect);
    if (response.status !== 200) {
      const answer = await answerOf(response);
      if (answer.status === 404 && effect === 'reads') return { status: 404 };
      throw toError(answer, effect, ctx.now());
    }
    const { text } = await takeValues(response.body, DATA_KEY, async (value) => {
      value.resume();
      await finished(value);
    }).catch((error: unknown) => {
      throw fromTransport(error, effect);
    });
    return { status: 200, text: numbered(text) };
  }

  return {
    async submit(task: MediaTask, ctx: ProviderContext): Promise<Submitted> {
      const { body, warnings } = await toWire(task);
      const answer = await read(
        ctx,
        `${ctx.endpoint}/interactions`,
        {
          method: 'POST',
          headers: { ...JSON_TYPE, ...(await authorise(ctx, 'gemini')) },
          body: JSON.stringify(body),
          timeoutMs: SUBMIT_TIMEOUT_MS,
        },
        'buys',
      );
      const { id } = parseBody(accepted, answer.status === 200 ? answer.text : '', 'buys');
      return {
        taskId: { wire: 'interactions', id } satisfies InteractionTask,
        ...(warnings.length > 0 && { warnings }),
      };
    },

    async poll(task: InteractionTask, ctx: ProviderContext): Promise<TaskState> {
      const answer = await read(ctx, urlOf(task, ctx), { headers: await authorise(ctx, 'gemini') }, 'reads');
      if (answer.status === 404) return { state: 'missing' };
      return fromInteraction(parseBody(interaction, answer.text, 'reads'));
    },

    async open(
      artifact: Artifact,
      task: InteractionTask,
      ctx: ProviderContext,
      offset: number,
    ): Promise<ArtifactStream> {
      const place = source.parse(artifact.source);
      const credentials = await authorise(ctx, 'gemini');
      if ('uri' in place) return openAt(ctx, addressOf(place.uri, ctx, credentials), offset);
      const options = { headers: credentials, maxBytes: ARTIFACT_MAX_BYTES };
      const response = await request(ctx, urlOf(task, ctx), options, 'reads');
      if (response.status !== 200) throw toError(await answerOf(response), 'reads', ctx.now());
      return {
        body: decodeValue(response.body, DATA_KEY, place.inline),
        contentType: null,
        totalBytes: null,
        offset: 0,
      };
    },

    /** What has ended can't be cancelled: that answer is a refusal. */
    async cancel(task: InteractionTask, ctx: ProviderContext): Promise<'canceled' | 'too_late'> {
      const headers = { ...JSON_TYPE, ...(await authorise(ctx, 'gemini')) };
      const answer = await exchange(
        ctx,
        `${urlOf(task, ctx)}/cancel`,
        { method: 'POST', headers, body: '{}' },
        'reads',
      );
      if ([400, 404, 409].includes(answer.status)) return 'too_late';
      if (answer.status !== 200) throw toError(answer, 'reads', ctx.now());
      const status = parseMaybe(interaction, numbered(answer.text))?.status.toLowerCase();
      return status === 'cancelled' || status === 'canceled' ? 'canceled' : 'too_late';
    },
  };
}
