import { addressOf, openAt } from '../artifact-stream.js';
import {
  ProviderError,
  type Adapter,
  type Artifact,
  type MediaTask,
  type ProviderContext,
  type Submitted,
} from '../contract.js';
import { encodePath, exchange, parseBody, parseTaskId, request, SUBMIT_TIMEOUT_MS } from '../exchange.js';
import { fromTransport, RAW_MAX_CHARS } from '../http-errors.js';
import { takeValues } from '../json-values.js';
import { toError } from './error.js';
import { imageCall, wantedOf } from './image-request.js';
import { options, settings, settingsShape, type ImageSettings } from './options.js';
import { unsupported } from './request.js';
import { costOf, fromVideo } from './result.js';
import { videoForm } from './video-request.js';
import { created, imagesAnswer, source, taskId as taskIdShape, video, type TaskId } from './wire.js';

/** Ten pictures of 3840x2160, in base64. */
const ANSWER_MAX_BYTES = 1024 ** 3;
const IMAGE_KEY = 'b64_json';

function auth(ctx: ProviderContext): Record<string, string> {
  const credential = ctx.credential;
  if (credential === null) throw new ProviderError('auth', 'rejected', 'the route has no credential');
  if (credential.kind === 'api_key') return { authorization: `Bearer ${credential.key}` };
  if (credential.kind === 'bearer') return { authorization: `Bearer ${credential.token}` };
  throw new ProviderError('auth', 'rejected', 'OpenAI takes a key, not a service account');
}

const pathOf = (id: string): string => `/videos/${encodePath(id)}`;

async function submitVideo(task: MediaTask, ctx: ProviderContext): Promise<Submitted> {
  const call = {
    method: 'POST' as const,
    headers: auth(ctx),
    body: await videoForm(task),
    timeoutMs: SUBMIT_TIMEOUT_MS,
  };
  const answer = await exchange(ctx, `${ctx.endpoint}/videos`, call, 'buys');
  if (answer.status !== 200) throw toError(answer, 'buys', ctx.now());
  const { id } = parseBody(created, answer.text, 'buys');
  return { taskId: { id } satisfies TaskId };
}

/** The pictures are kept as they pass: the answer is the only place they are ever in. */
async function submitImages(task: MediaTask, route: ImageSettings, ctx: ProviderContext): Promise<Submitted> {
  const { path, headers, body } = await imageCall(task);
  const { count, contentType } = wantedOf(task);
  const call = {
    method: 'POST' as const,
    headers: { ...headers, ...auth(ctx) },
    body,
    maxBytes: ANSWER_MAX_BYTES,
    // Gateways may send the headers first and then work.
    timeoutMs: SUBMIT_TIMEOUT_MS,
    idleTimeoutMs: SUBMIT_TIMEOUT_MS,
  };
  const response = await request(ctx, `${ctx.endpoint}${path}`, call, 'buys');
  const { status } = response;
  if (status !== 200) {
    const text = await response.text().catch(() => '');
    throw toError({ status, headers: response.headers, text }, 'buys', ctx.now());
  }
  let taken: { text: string; values: Artifact[] };
  try {
    taken = await takeValues(response.body, IMAGE_KEY, (value) => ctx.keep({ type: 'image', contentType }, value));
  } catch (error) {
    const lost = fromTransport(error, 'buys');
    // The pictures were on their way.
    throw new ProviderError(lost.kind, 'unknown', lost.message, { ...lost.detail, upstreamStatus: status });
  }
  const { text, values: artifacts } = taken;
  const answer = parseBody(imagesAnswer, text, 'buys');
  if (artifacts.length === 0) {
    if (answer.error) throw toError({ status, headers: response.headers, text }, 'buys', ctx.now());
    throw new ProviderError('internal', 'unknown', 'the answer holds no picture', {
      upstreamStatus: status,
      raw: text.slice(0, RAW_MAX_CHARS),
    });
  }
  const upstreamCostMicroUsd = costOf(answer.usage, route.token_prices);
  return {
    taskId: null,
    artifacts,
    ...(upstreamCostMicroUsd !== undefined && { upstreamCostMicroUsd }),
    ...(artifacts.length < count && { warnings: [`the provider made ${artifacts.length} of ${count} pictures`] }),
  };
}

/** OpenAI's Videos and Images APIs, and servers that speak them. */
export const openai: Adapter = {
  id: 'openai',
  modalities: ['video', 'image'],
  can: (written) => ({
    // DELETE is for finished videos only.
    cancel: false,
    findByToken: false,
    callback: false,
    idempotencyKey: false,
    resubmitSafe: false,
    synchronous: settingsShape.parse(written).wire === 'images',
  }),
  options,
  settings,
  unsupported,

  async submit(task, ctx) {
    const route = settingsShape.parse(task.settings);
    return route.wire === 'videos' ? submitVideo(task, ctx) : submitImages(task, route, ctx);
  },

  async poll(taskId, ctx) {
    const { id } = parseTaskId(taskIdShape, taskId);
    const answer = await exchange(ctx, `${ctx.endpoint}${pathOf(id)}`, { headers: auth(ctx) }, 'reads');
    if (answer.status === 404) return { state: 'missing' };
    if (answer.status !== 200) throw toError(answer, 'reads', ctx.now());
    return fromVideo(parseBody(video, answer.text, 'reads'), ctx.now());
  },

  async openArtifact(artifact, taskId, ctx, offset) {
    const { variant } = source.parse(artifact.source);
    const { id } = parseTaskId(taskIdShape, taskId);
    const url = `${ctx.endpoint}${pathOf(id)}/content?variant=${variant}`;
    return openAt(ctx, addressOf(url, ctx, auth(ctx)), offset);
  },
};
