import { readFile } from 'node:fs/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { SandboxContext } from '../context.js';
import { sendTruncated } from '../transport.js';
import { answerGoogleError, GoogleError, invalid, showFault } from './errors.js';
import { filteredReasons, operationError } from './outcomes.js';
import type { VeoOperation, VeoOperations } from './operations.js';
import { submitVeo } from './submit.js';

/** A poll answers "still running" rather than wait longer than this for a render. */
const MAX_RENDER_WAIT_MS = 5_000;
const BODY_LIMIT_BYTES = 100 * 1024 * 1024;

interface ModelParams {
  project: string;
  location: string;
  modelAndVerb: string;
}

/** Veo on Vertex AI: `:predictLongRunning` and `:fetchPredictOperation`, results inline as base64. */
export function vertexRoutes(context: SandboxContext, operations: VeoOperations) {
  return async function register(app: FastifyInstance): Promise<void> {
    app.setErrorHandler(answerGoogleError);
    app.setNotFoundHandler((request) => {
      throw new GoogleError('NOT_FOUND', `The requested URL ${request.url} was not found on this server.`);
    });
    app.addHook('onRequest', async (request) => {
      if (request.headers.authorization !== `Bearer ${context.key}`) {
        throw new GoogleError(
          'UNAUTHENTICATED',
          'Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential.',
        );
      }
    });
    app.post<{ Params: ModelParams }>(
      '/v1/projects/:project/locations/:location/publishers/google/models/:modelAndVerb',
      { bodyLimit: BODY_LIMIT_BYTES },
      async (request, reply) => {
        const { project, location, modelAndVerb } = request.params;
        const [model = '', verb = ''] = modelAndVerb.split(':');
        const modelPath = `projects/${project}/locations/${location}/publishers/google/models/${model}`;
        if (verb === 'predictLongRunning') return submitVeo(context, operations, 'vertex', modelPath, request, reply);
        if (verb === 'fetchPredictOperation') return poll(context, operations, modelPath, request, reply);
        throw new GoogleError('NOT_FOUND', `Method ${verb} is not known.`);
      },
    );
  };
}

async function poll(
  context: SandboxContext,
  operations: VeoOperations,
  modelPath: string,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<object> {
  context.recorder.count('vertex', 'polls');
  const name = operationNameOf(request.body);
  if (!name.startsWith(`${modelPath}/operations/`)) throw invalid(`Operation ${name} does not belong to ${modelPath}.`);
  const operation = operations.find(name.slice(name.lastIndexOf('/') + 1));
  if (operation?.name !== name || operation.wire !== 'vertex')
    throw new GoogleError('NOT_FOUND', `Operation ${name} not found.`);
  const fault = context.faults.during('vertex', 'poll', operation.id, operation.prompt, operation.faults);
  if (fault !== null && showFault(reply, fault, null)) return reply;
  const state = operations.stateOf(operation);
  switch (state) {
    case 'missing':
      throw new GoogleError('NOT_FOUND', `Operation ${name} not found.`);
    case 'running':
      return { name };
    case 'failed':
      return { name, done: true, error: operationError(operation) };
    case 'filtered':
      return {
        name,
        done: true,
        response: {
          '@type': RESPONSE_TYPE,
          raiMediaFilteredCount: operation.clips.length,
          raiMediaFilteredReasons: filteredReasons('vertex'),
        },
      };
    case 'empty':
      return { name, done: true, response: { '@type': RESPONSE_TYPE } };
    case 'done':
      return finished(context, operation, reply);
  }
}

const RESPONSE_TYPE = 'type.googleapis.com/cloud.ai.large_models.vision.GenerateVideoResponse';

async function finished(context: SandboxContext, operation: VeoOperation, reply: FastifyReply): Promise<object> {
  const { name } = operation;
  const rendered = Promise.all(operation.clips.map((clip) => context.studio.clip(clip)));
  const paths = await Promise.race([
    rendered,
    new Promise<null>((resolve) => setTimeout(resolve, MAX_RENDER_WAIT_MS, null).unref()),
  ]);
  if (paths === null) {
    rendered.catch((error: unknown) => reply.log.error(error));
    return { name };
  }
  context.recorder.count('vertex', 'downloads');
  const fault = context.faults.during('vertex', 'download', operation.id, operation.prompt, operation.faults);
  if (fault === 'expired') throw new GoogleError('NOT_FOUND', `Operation ${name} not found.`);
  const videos = await Promise.all(
    paths.map(async (path) => ({
      bytesBase64Encoded: (await contentOf(path, fault)).toString('base64'),
      mimeType: 'video/mp4',
    })),
  );
  const body = { name, done: true, response: { '@type': RESPONSE_TYPE, raiMediaFilteredCount: 0, videos } };
  if (fault === 'truncate' || fault === 'truncate-always') {
    sendTruncated(reply, 'application/json; charset=UTF-8', Buffer.from(JSON.stringify(body)));
    return reply;
  }
  return body;
}

async function contentOf(path: string, fault: string | null): Promise<Buffer> {
  if (fault === 'zero-bytes') return Buffer.alloc(0);
  if (fault === 'not-media') return Buffer.from('<!doctype html><title>Sign in</title>');
  return readFile(path);
}

function operationNameOf(body: unknown): string {
  if (typeof body !== 'object' || body === null) throw invalid('Invalid JSON payload received. Expected an object.');
  const unknown = Object.keys(body).find((key) => key !== 'operationName');
  if (unknown !== undefined)
    throw invalid(`Invalid JSON payload received. Unknown name "${unknown}": Cannot find field.`);
  const name = (body as { operationName?: unknown }).operationName;
  if (typeof name !== 'string' || name === '') throw invalid('`operationName` is required and must be a string.');
  return name;
}
