import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { SandboxContext } from '../context.js';
import { linkTo, sendOutput } from '../media.js';
import { submitContent } from './content.js';
import { answerGoogleError, GoogleError, showFault } from './errors.js';
import { interactionRoutes } from './interactions.js';
import { failedStatus, filteredReasons } from './outcomes.js';
import { submitVeo } from './veo-submit.js';
import { fileName, type GoogleGeneration, type GoogleWork, outputNamed } from './work.js';

const BODY_LIMIT_BYTES = 140 * 1024 * 1024;
const RESPONSE_TYPE = 'type.googleapis.com/google.ai.generativelanguage.v1beta.PredictLongRunningResponse';

/**
 * The Gemini API: Veo's `:predictLongRunning`, the operation by GET, the file by a link to download with the key;
 * `:generateContent`; interactions.
 */
export function geminiRoutes(context: SandboxContext, work: GoogleWork) {
  return async function register(app: FastifyInstance, options: { prefix: string }): Promise<void> {
    app.setErrorHandler(answerGoogleError);
    app.setNotFoundHandler((request) => {
      throw new GoogleError('NOT_FOUND', `The requested URL ${request.url} was not found on this server.`);
    });
    app.addHook('onRequest', async (request) => checkKey(request, context.key));
    // Google's SDKs took the beta until 2, and take the other since 3.
    for (const version of ['v1beta', 'v1']) {
      const linked = (id: string, index: number): string =>
        `${options.prefix}/${version}/files/${fileName(id, index)}:download?alt=media`;
      await app.register(modelRoutes(context, work, linked), { prefix: version });
      await app.register(interactionRoutes(context, work, linked), { prefix: version });
    }
  };
}

function modelRoutes(context: SandboxContext, work: GoogleWork, linked: (id: string, index: number) => string) {
  return async function register(app: FastifyInstance): Promise<void> {
    app.post<{ Params: { modelAndVerb: string } }>(
      '/models/:modelAndVerb',
      { bodyLimit: BODY_LIMIT_BYTES },
      async (request, reply) => {
        const [model = '', verb = ''] = request.params.modelAndVerb.split(':');
        if (verb === 'predictLongRunning') return submitVeo(context, work, 'gemini', `models/${model}`, request, reply);
        if (verb === 'generateContent') return submitContent(context, 'gemini', model, request, reply);
        throw new GoogleError('NOT_FOUND', `Method ${verb} is not known.`);
      },
    );
    app.get<{ Params: { model: string; id: string } }>('/models/:model/operations/:id', async (request, reply) => {
      context.recorder.count('gemini', 'polls');
      const name = `models/${request.params.model}/operations/${request.params.id}`;
      const operation = work.gemini.find(request.params.id);
      if (operation?.request.kind !== 'operation' || operation.request.name !== name)
        throw new GoogleError('NOT_FOUND', `Operation ${name} not found.`);
      const fault = context.faults.during('gemini', 'poll', operation.id, operation.prompt, operation.faults);
      if (fault !== null && showFault(reply, fault, null)) return reply;
      return describe(work, operation, name, (index) => linkTo(request, linked(operation.id, index), operation));
    });
    app.get<{ Params: { fileAndVerb: string }; Querystring: { alt?: string } }>(
      '/files/:fileAndVerb',
      async (request, reply) => {
        const [file = '', verb = ''] = request.params.fileAndVerb.split(':');
        if (verb !== 'download' || request.query.alt !== 'media')
          throw new GoogleError('NOT_FOUND', 'Only :download?alt=media is known.');
        return sendOutput(context, work.gemini, outputNamed(file), request, reply, () => {
          throw new GoogleError(
            'NOT_FOUND',
            `You do not have permission to access the File ${file} or it may not exist.`,
          );
        });
      },
    );
  };
}

/** The key comes in its header, or in the address, where Vercel's AI SDK puts it to download. */
function checkKey(request: FastifyRequest, key: string): void {
  const given = request.headers['x-goog-api-key'] ?? (request.query as { key?: string }).key;
  if (given === undefined) {
    throw new GoogleError(
      'PERMISSION_DENIED',
      "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API.",
    );
  }
  if (given !== key) {
    throw new GoogleError('INVALID_ARGUMENT', 'API key not valid. Please pass a valid API key.', [
      { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'API_KEY_INVALID', domain: 'googleapis.com' },
    ]);
  }
}

function describe(
  work: GoogleWork,
  operation: GoogleGeneration,
  name: string,
  uriOf: (index: number) => string,
): object {
  const finished = (generateVideoResponse: object) => ({
    name,
    done: true,
    response: { '@type': RESPONSE_TYPE, generateVideoResponse },
  });
  switch (work.gemini.stateOf(operation)) {
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
      return finished({
        raiMediaFilteredCount: operation.outputs.length,
        raiMediaFilteredReasons: filteredReasons('gemini'),
      });
    case 'empty':
      return finished({});
    case 'done':
      return finished({
        generatedSamples: operation.outputs.map((_output, index) => ({ video: { uri: uriOf(index) } })),
      });
  }
}
