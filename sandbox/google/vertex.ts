import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { SandboxContext } from '../context.js';
import { submitContent } from './content.js';
import { answerGoogleError, GoogleError, invalid, showFault } from './errors.js';
import { inlined, renderedSoon, sendWithResults } from './inline.js';
import { failedStatus, filteredReasons } from './outcomes.js';
import { submitVeo } from './veo-submit.js';
import type { GoogleGeneration, GoogleWork } from './work.js';

const BODY_LIMIT_BYTES = 140 * 1024 * 1024;

interface ModelParams {
  project: string;
  location: string;
  modelAndVerb: string;
}

/** Vertex AI: Veo's `:predictLongRunning` and `:fetchPredictOperation`, with results inline, and `:generateContent`. */
export function vertexRoutes(context: SandboxContext, work: GoogleWork) {
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
    // The SDKs take the beta where nobody says otherwise.
    for (const version of ['v1', 'v1beta1'])
      app.post<{ Params: ModelParams }>(
        `/${version}/projects/:project/locations/:location/publishers/google/models/:modelAndVerb`,
        { bodyLimit: BODY_LIMIT_BYTES },
        async (request, reply) => {
          const { project, location, modelAndVerb } = request.params;
          const [model = '', verb = ''] = modelAndVerb.split(':');
          const modelPath = `projects/${project}/locations/${location}/publishers/google/models/${model}`;
          if (verb === 'predictLongRunning') return submitVeo(context, work, 'vertex', modelPath, request, reply);
          if (verb === 'fetchPredictOperation') return poll(context, work, modelPath, request, reply);
          if (verb === 'generateContent') {
            // Image models are served from there only.
            if (location !== 'global')
              throw new GoogleError('NOT_FOUND', `Publisher Model \`${modelPath}\` not found.`);
            return submitContent(context, 'vertex', model, request, reply);
          }
          throw new GoogleError('NOT_FOUND', `Method ${verb} is not known.`);
        },
      );
  };
}

async function poll(
  context: SandboxContext,
  work: GoogleWork,
  modelPath: string,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<object> {
  context.recorder.count('vertex', 'polls');
  const name = operationNameOf(request.body);
  if (!name.startsWith(`${modelPath}/operations/`)) throw invalid(`Operation ${name} does not belong to ${modelPath}.`);
  const operation = work.vertex.find(name.slice(name.lastIndexOf('/') + 1));
  if (operation?.request.kind !== 'operation' || operation.request.name !== name)
    throw new GoogleError('NOT_FOUND', `Operation ${name} not found.`);
  const fault = context.faults.during('vertex', 'poll', operation.id, operation.prompt, operation.faults);
  if (fault !== null && showFault(reply, fault, null)) return reply;
  switch (work.vertex.stateOf(operation)) {
    case 'missing':
      throw new GoogleError('NOT_FOUND', `Operation ${name} not found.`);
    case 'queued':
    case 'running':
    // Nobody can cancel an operation.
    case 'canceled':
      return { name };
    case 'failed':
      return { name, done: true, error: failedStatus(operation.faults) };
    case 'filtered':
      return {
        name,
        done: true,
        response: {
          '@type': RESPONSE_TYPE,
          raiMediaFilteredCount: operation.outputs.length,
          raiMediaFilteredReasons: filteredReasons('vertex'),
        },
      };
    case 'empty':
      return { name, done: true, response: { '@type': RESPONSE_TYPE } };
    case 'done':
      return finished(context, operation, name, reply);
  }
}

const RESPONSE_TYPE = 'type.googleapis.com/cloud.ai.large_models.vision.GenerateVideoResponse';

async function finished(
  context: SandboxContext,
  operation: GoogleGeneration,
  name: string,
  reply: FastifyReply,
): Promise<object> {
  const paths = await renderedSoon(context, operation.outputs, reply);
  if (paths === null) return { name };
  context.recorder.count('vertex', 'downloads');
  const fault = context.faults.during('vertex', 'download', operation.id, operation.prompt, operation.faults);
  if (fault === 'expired') throw new GoogleError('NOT_FOUND', `Operation ${name} not found.`);
  const videos = await Promise.all(
    paths.map(async (path) => ({ bytesBase64Encoded: await inlined(path, fault), mimeType: 'video/mp4' })),
  );
  const response = { '@type': RESPONSE_TYPE, raiMediaFilteredCount: 0, videos };
  return sendWithResults(reply, { name, done: true, response }, fault);
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
