import { addressOf, ARTIFACT_MAX_BYTES, openAt } from '../../artifact-stream.js';
import type { Artifact, ArtifactStream, MediaTask, ProviderContext, Submitted, TaskState } from '../../contract.js';
import { encodePath, exchange, parseBody, request, SUBMIT_TIMEOUT_MS } from '../../exchange.js';
import { fromTransport } from '../../http-errors.js';
import { decodeValue, readToValue } from '../../json-values.js';
import { JSON_TYPE, type Authorise } from '../auth.js';
import { answerOf, toError } from '../error.js';
import { source, type TaskId } from '../wire.js';
import { toWire } from './request.js';
import { fromGemini, fromVertex, inlineVideo } from './result.js';
import { geminiOperation, started, vertexOperation } from './wire.js';

export type VeoTask = Extract<TaskId, { name: string }>;

/** The field that holds a finished video inside Vertex's status answer. */
const INLINE_KEY = 'bytesBase64Encoded';

/** Veo as long-running predictions, on Vertex or over the Gemini API's wire. */
export function veoCalls(authorise: Authorise) {
  const fetchOperation = async (task: VeoTask, ctx: ProviderContext) =>
    request(
      ctx,
      `${ctx.endpoint}/models/${encodePath(task.model)}:fetchPredictOperation`,
      {
        method: 'POST',
        headers: { ...JSON_TYPE, ...(await authorise(ctx, 'vertex')) },
        body: JSON.stringify({ operationName: task.name }),
        maxBytes: ARTIFACT_MAX_BYTES,
      },
      'reads',
    );

  async function pollVertex(task: VeoTask, ctx: ProviderContext): Promise<TaskState> {
    const response = await fetchOperation(task, ctx);
    if (response.status !== 200) {
      const answer = await answerOf(response);
      if (answer.status === 404) return { state: 'missing' };
      throw toError(answer, 'reads', ctx.now());
    }
    const read = await readToValue(response.body, INLINE_KEY).catch((error: unknown) => {
      throw fromTransport(error, 'reads');
    });
    return read.reached ? inlineVideo() : fromVertex(parseBody(vertexOperation, read.text, 'reads'));
  }

  async function pollGemini(task: VeoTask, ctx: ProviderContext): Promise<TaskState> {
    const answer = await exchange(
      ctx,
      `${ctx.endpoint}/${encodePath(task.name)}`,
      { headers: await authorise(ctx, 'gemini') },
      'reads',
    );
    if (answer.status === 404) return { state: 'missing' };
    if (answer.status !== 200) throw toError(answer, 'reads', ctx.now());
    return fromGemini(parseBody(geminiOperation, answer.text, 'reads'));
  }

  async function openInline(task: VeoTask, ordinal: number, ctx: ProviderContext): Promise<ArtifactStream> {
    const response = await fetchOperation(task, ctx);
    if (response.status !== 200) throw toError(await answerOf(response), 'reads', ctx.now());
    return { body: decodeValue(response.body, INLINE_KEY, ordinal), contentType: null, totalBytes: null, offset: 0 };
  }

  return {
    async submit(task: MediaTask, wire: VeoTask['wire'], ctx: ProviderContext): Promise<Submitted> {
      const body = JSON.stringify(await toWire(task, wire));
      const headers = { ...JSON_TYPE, ...(await authorise(ctx, wire)) };
      const url = `${ctx.endpoint}/models/${encodePath(task.model)}:predictLongRunning`;
      const answer = await exchange(ctx, url, { method: 'POST', headers, body, timeoutMs: SUBMIT_TIMEOUT_MS }, 'buys');
      if (answer.status !== 200) throw toError(answer, 'buys', ctx.now());
      const { name } = parseBody(started, answer.text, 'buys');
      return { taskId: { wire, model: task.model, name } satisfies VeoTask };
    },
    poll: async (task: VeoTask, ctx: ProviderContext): Promise<TaskState> =>
      task.wire === 'vertex' ? pollVertex(task, ctx) : pollGemini(task, ctx),
    async open(artifact: Artifact, task: VeoTask, ctx: ProviderContext, offset: number): Promise<ArtifactStream> {
      const place = source.parse(artifact.source);
      if ('inline' in place) return openInline(task, place.inline, ctx);
      return openAt(ctx, addressOf(place.uri, ctx, await authorise(ctx, 'gemini')), offset);
    },
  };
}
