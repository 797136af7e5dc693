import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { SandboxContext } from '../context.js';
import { sendFile } from '../transport.js';
import { answerGoogleError, GoogleError, showFault } from './errors.js';
import { filteredReasons, operationError } from './outcomes.js';
import type { VeoOperation, VeoOperations } from './operations.js';
import { submitVeo } from './submit.js';

const BODY_LIMIT_BYTES = 100 * 1024 * 1024;
const RESPONSE_TYPE = 'type.googleapis.com/google.ai.generativelanguage.v1beta.PredictLongRunningResponse';
const OFF_ORIGIN = 'http://169.254.169.254/latest/meta-data/';

/** Veo on the Gemini API: `:predictLongRunning`, the operation by GET, the file by a link to download with the key. */
export function geminiRoutes(context: SandboxContext, operations: VeoOperations) {
  return async function register(app: FastifyInstance, options: { prefix: string }): Promise<void> {
    app.setErrorHandler(answerGoogleError);
    app.setNotFoundHandler((request) => {
      throw new GoogleError('NOT_FOUND', `The requested URL ${request.url} was not found on this server.`);
    });
    app.addHook('onRequest', async (request) => checkKey(request, context.key));
    app.post<{ Params: { modelAndVerb: string } }>(
      '/v1beta/models/:modelAndVerb',
      { bodyLimit: BODY_LIMIT_BYTES },
      async (request, reply) => {
        const [model = '', verb = ''] = request.params.modelAndVerb.split(':');
        if (verb !== 'predictLongRunning') throw new GoogleError('NOT_FOUND', `Method ${verb} is not known.`);
        return submitVeo(context, operations, 'gemini', `models/${model}`, request, reply);
      },
    );
    app.get<{ Params: { model: string; id: string } }>(
      '/v1beta/models/:model/operations/:id',
      async (request, reply) => {
        context.recorder.count('gemini', 'polls');
        const name = `models/${request.params.model}/operations/${request.params.id}`;
        const operation = operations.find(request.params.id);
        if (operation?.name !== name || operation.wire !== 'gemini')
          throw new GoogleError('NOT_FOUND', `Operation ${name} not found.`);
        const fault = context.faults.during('gemini', 'poll', operation.id, operation.prompt, operation.faults);
        if (fault !== null && showFault(reply, fault, null)) return reply;
        return describe(operations, operation, `${request.protocol}://${request.host}${options.prefix}`);
      },
    );
    app.get<{ Params: { fileAndVerb: string }; Querystring: { alt?: string } }>(
      '/v1beta/files/:fileAndVerb',
      async (request, reply) => {
        const [file = '', verb = ''] = request.params.fileAndVerb.split(':');
        if (verb !== 'download' || request.query.alt !== 'media')
          throw new GoogleError('NOT_FOUND', 'Only :download?alt=media is known.');
        return download(context, operations, file, request, reply);
      },
    );
  };
}

function checkKey(request: FastifyRequest, key: string): void {
  const given = request.headers['x-goog-api-key'];
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

function describe(operations: VeoOperations, operation: VeoOperation, base: string): object {
  const { name, clips } = operation;
  const finished = (generateVideoResponse: object) => ({
    name,
    done: true,
    response: { '@type': RESPONSE_TYPE, generateVideoResponse },
  });
  switch (operations.stateOf(operation)) {
    case 'missing':
      throw new GoogleError('NOT_FOUND', `Operation ${name} not found.`);
    case 'running':
      return { name };
    case 'failed':
      return { name, done: true, error: operationError(operation) };
    case 'filtered':
      return finished({ raiMediaFilteredCount: clips.length, raiMediaFilteredReasons: filteredReasons('gemini') });
    case 'empty':
      return finished({});
    case 'done': {
      const uriOf = (index: number) =>
        'off-origin' in operation.faults
          ? OFF_ORIGIN
          : `${base}/v1beta/files/${operation.id}-${index}:download?alt=media`;
      return finished({ generatedSamples: clips.map((_clip, index) => ({ video: { uri: uriOf(index) } })) });
    }
  }
}

async function download(
  context: SandboxContext,
  operations: VeoOperations,
  file: string,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply | undefined> {
  context.recorder.count('gemini', 'downloads');
  const cut = file.lastIndexOf('-');
  const operation = operations.find(file.slice(0, cut));
  const clip = operation?.clips[Number(file.slice(cut + 1))];
  if (operation === null || clip === undefined || operations.stateOf(operation) !== 'done') throw unknownFile(file);
  const fault = context.faults.during('gemini', 'download', operation.id, operation.prompt, operation.faults);
  if (fault === 'expired') throw unknownFile(file);
  if (fault === 'zero-bytes') return reply.type('video/mp4').send(Buffer.alloc(0));
  if (fault === 'not-media') return reply.type('text/html').send('<!doctype html><title>Sign in</title>');
  const truncate = fault === 'truncate' || fault === 'truncate-always';
  const padToBytes = operation.faults.pad ?? undefined;
  return sendFile(request, reply, {
    path: await context.studio.clip(clip),
    contentType: 'video/mp4',
    truncate,
    padToBytes,
  });
}

function unknownFile(file: string): GoogleError {
  return new GoogleError('NOT_FOUND', `You do not have permission to access the File ${file} or it may not exist.`);
}
