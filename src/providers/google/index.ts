import type { JsonValue } from '../../common/json.js';
import { openAt, addressOf, ARTIFACT_MAX_BYTES } from '../artifact-stream.js';
import { ProviderError, type Adapter, type ArtifactStream, type ProviderContext, type TaskState } from '../contract.js';
import { encodePath, exchange, parseBody, parseTaskId, request, SUBMIT_TIMEOUT_MS } from '../exchange.js';
import { fromTransport } from '../http-errors.js';
import { serviceAccountTokens, type TokenSource } from './access-token.js';
import { toError } from './error.js';
import { decodeValue, readToValue } from '../json-values.js';
import { options, settings, settingsShape, type Wire } from './options.js';
import { toWire, unsupported } from './request.js';
import { fromGemini, fromVertex, inlineVideo } from './result.js';
import { geminiOperation, source, started, taskId as taskIdShape, vertexOperation, type TaskId } from './wire.js';

/** The field that holds a finished video inside Vertex's status answer. */
const INLINE_KEY = 'bytesBase64Encoded';
const JSON_TYPE = { 'content-type': 'application/json' };

/** Veo over Vertex or over the Gemini API's wire; the route's settings say which. */
export function makeGoogle(tokens: TokenSource): Adapter {
  /** A Vertex project takes access tokens only, so a bare key there is one; the Gemini API has a header for its keys. */
  async function auth(ctx: ProviderContext, wire: Wire): Promise<Record<string, string>> {
    const credential = ctx.credential;
    if (credential === null) throw new ProviderError('auth', 'rejected', 'the route has no credential');
    if (credential.kind === 'api_key')
      return wire === 'gemini' ? { 'x-goog-api-key': credential.key } : { authorization: `Bearer ${credential.key}` };
    if (credential.kind === 'bearer') return { authorization: `Bearer ${credential.token}` };
    return { authorization: `Bearer ${await tokens(credential.json, ctx)}` };
  }

  const fetchOperation = async (task: TaskId, ctx: ProviderContext) =>
    request(
      ctx,
      `${ctx.endpoint}/models/${encodePath(task.model)}:fetchPredictOperation`,
      {
        method: 'POST',
        headers: { ...JSON_TYPE, ...(await auth(ctx, 'vertex')) },
        body: JSON.stringify({ operationName: task.name }),
        maxBytes: ARTIFACT_MAX_BYTES,
      },
      'reads',
    );

  async function pollVertex(task: TaskId, ctx: ProviderContext): Promise<TaskState> {
    const response = await fetchOperation(task, ctx);
    if (response.status !== 200) {
      const answer = {
        status: response.status,
        headers: response.headers,
        text: await response.text().catch(() => ''),
      };
      if (answer.status === 404) return { state: 'missing' };
      throw toError(answer, 'reads', ctx.now());
    }
    const read = await readToValue(response.body, INLINE_KEY).catch((error: unknown) => {
      throw fromTransport(error, 'reads');
    });
    return read.reached ? inlineVideo() : fromVertex(parseBody(vertexOperation, read.text, 'reads'));
  }

  async function pollGemini(task: TaskId, ctx: ProviderContext): Promise<TaskState> {
    const answer = await exchange(
      ctx,
      `${ctx.endpoint}/${encodePath(task.name)}`,
      { headers: await auth(ctx, 'gemini') },
      'reads',
    );
    if (answer.status === 404) return { state: 'missing' };
    if (answer.status !== 200) throw toError(answer, 'reads', ctx.now());
    return fromGemini(parseBody(geminiOperation, answer.text, 'reads'));
  }

  async function openInline(task: TaskId, ordinal: number, ctx: ProviderContext): Promise<ArtifactStream> {
    const response = await fetchOperation(task, ctx);
    if (response.status !== 200) {
      const answer = {
        status: response.status,
        headers: response.headers,
        text: await response.text().catch(() => ''),
      };
      throw toError(answer, 'reads', ctx.now());
    }
    return { body: decodeValue(response.body, INLINE_KEY, ordinal), contentType: null, totalBytes: null, offset: 0 };
  }

  return {
    id: 'google',
    modalities: ['video'],
    can: () => ({
      cancel: false,
      findByToken: false,
      callback: false,
      idempotencyKey: false,
      resubmitSafe: false,
      synchronous: false,
    }),
    options,
    settings,
    unsupported,

    async submit(task, ctx) {
      const { wire } = settingsShape.parse(task.settings);
      const body = JSON.stringify(await toWire(task, wire));
      const headers = { ...JSON_TYPE, ...(await auth(ctx, wire)) };
      const url = `${ctx.endpoint}/models/${encodePath(task.model)}:predictLongRunning`;
      const answer = await exchange(ctx, url, { method: 'POST', headers, body, timeoutMs: SUBMIT_TIMEOUT_MS }, 'buys');
      if (answer.status !== 200) throw toError(answer, 'buys', ctx.now());
      const { name } = parseBody(started, answer.text, 'buys');
      return { taskId: { wire, model: task.model, name } satisfies TaskId };
    },

    async poll(taskId: JsonValue, ctx) {
      const task = parseTaskId(taskIdShape, taskId);
      return task.wire === 'vertex' ? pollVertex(task, ctx) : pollGemini(task, ctx);
    },

    async openArtifact(artifact, taskId, ctx, offset) {
      const place = source.parse(artifact.source);
      if ('inline' in place) return openInline(parseTaskId(taskIdShape, taskId), place.inline, ctx);
      return openAt(ctx, addressOf(place.uri, ctx, await auth(ctx, 'gemini')), offset);
    },
  };
}

export const google = makeGoogle(serviceAccountTokens());
