import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Callbacks } from '../callbacks.js';
import type { SandboxContext } from '../context.js';
import { Generations } from '../generations.js';
import { sendOutput } from '../media.js';
import type { SandboxWire } from '../wire.js';
import { createPrediction, type Desk } from './create.js';
import { answerError, notFound, ReplicateError, showFault } from './errors.js';
import { describeFile, InputFiles } from './files.js';
import { listPredictions } from './list.js';
import { MODELS } from './models.js';
import {
  describePrediction,
  fileName,
  isOver,
  isRemoved,
  LIFETIME_MS,
  statusOf,
  type Prediction,
  type PredictionRequest,
  type Status,
} from './predictions.js';
import { signingSecret } from './webhooks.js';

const originOf = (request: FastifyRequest): string => `${request.protocol}://${request.host}`;

function requireToken(request: FastifyRequest, key: string): void {
  const given = request.headers.authorization;
  if (given !== `Bearer ${key}` && given !== `Token ${key}`)
    throw new ReplicateError(401, 'Unauthenticated', 'You did not pass a valid authentication token');
}

/** Throws 404. */
function find({ context, store }: Desk, id: string): { prediction: Prediction; status: Status } {
  const prediction = store.find(id);
  const status = prediction === null ? null : statusOf(context, store, prediction);
  if (prediction === null || status === null) throw notFound();
  return { prediction, status };
}

function predictionRoutes(desk: Desk, app: FastifyInstance): void {
  const { context, store } = desk;
  app.post<{ Params: { owner: string; name: string } }>('/models/:owner/:name/predictions', async (request, reply) =>
    createPrediction(desk, `${request.params.owner}/${request.params.name}`, request, reply),
  );
  app.post('/predictions', async (request, reply) => createPrediction(desk, null, request, reply));
  app.get<{ Querystring: Record<string, string | undefined> }>('/predictions', async (request) =>
    listPredictions(desk, request.query, originOf(request)),
  );
  app.get<{ Params: { id: string } }>('/predictions/:id', async (request, reply) => {
    context.recorder.count('replicate', 'polls');
    const { prediction, status } = find(desk, request.params.id);
    const { id, prompt, faults } = prediction;
    const fault = context.faults.during('replicate', 'poll', id, prompt, faults);
    if (fault !== null && showFault(reply, fault, null)) return reply;
    return describePrediction(context, store, prediction, status, originOf(request));
  });
  app.post<{ Params: { id: string } }>('/predictions/:id/cancel', async (request) => {
    context.recorder.count('replicate', 'cancels');
    const { prediction, status } = find(desk, request.params.id);
    if (!isOver(status)) await store.cancel(prediction);
    return describePrediction(context, store, prediction, find(desk, prediction.id).status, originOf(request));
  });
}

function fileRoutes({ files }: Desk, app: FastifyInstance): void {
  const apiOf = (request: FastifyRequest): string => `${originOf(request)}/replicate/v1`;
  app.post('/files', async (request, reply) =>
    reply.code(201).send(describeFile(await files.create(request), apiOf(request))),
  );
  app.get('/files', async (request) => ({
    previous: null,
    next: null,
    results: files.list().map((file) => describeFile(file, apiOf(request))),
  }));
  app.get<{ Params: { id: string } }>('/files/:id', async (request) =>
    describeFile(files.find(request.params.id), apiOf(request)),
  );
  app.delete<{ Params: { id: string } }>('/files/:id', async (request, reply) => {
    files.remove(request.params.id);
    return reply.code(204).send();
  });
}

/** What replicate.delivery serves: without a credential, and no longer than the prediction's data. */
function deliveryRoutes({ context, store }: Desk, app: FastifyInstance): void {
  app.get<{ Params: { id: string; name: string } }>('/delivery/:id/:name', async (request, reply) => {
    const gone = (): FastifyReply => reply.code(404).type('text/plain').send('Not Found');
    const { id, name } = request.params;
    const prediction = store.find(id);
    const status = prediction === null ? null : statusOf(context, store, prediction);
    if (prediction === null || status !== 'succeeded' || isRemoved(context, status, prediction)) return gone();
    const index = prediction.outputs.findIndex((_output, at) => fileName(prediction, at) === name);
    return sendOutput(context, store, { id, index }, request, reply, gone);
  });
}

/** Replicate's HTTP API below `/replicate/v1`, and its delivery below `/replicate/delivery`. */
export async function openReplicate(context: SandboxContext): Promise<SandboxWire> {
  const store = await Generations.open<PredictionRequest>(context, 'replicate', LIFETIME_MS);
  const callbacks = new Callbacks(context);
  const desk: Desk = { context, store, files: new InputFiles(context), callbacks };
  return {
    prefix: '/replicate',
    routes: async (app) => {
      app.setErrorHandler(answerError);
      app.setNotFoundHandler(() => {
        throw notFound();
      });
      // The official client names JSON also where it sends nothing, as with a cancel.
      app.removeContentTypeParser('application/json');
      app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
        try {
          done(null, body === '' ? undefined : JSON.parse(String(body)));
        } catch {
          done(new ReplicateError(400, 'Bad request', 'JSON parse error'));
        }
      });
      deliveryRoutes(desk, app);
      await app.register(
        async (api) => {
          api.addHook('onRequest', async (request) => requireToken(request, context.key));
          predictionRoutes(desk, api);
          fileRoutes(desk, api);
          api.get('/webhooks/default/secret', async () => ({ key: signingSecret(context.key) }));
        },
        { prefix: '/v1' },
      );
    },
    emulates: {
      replicate: {
        base: '/replicate/v1',
        auth: 'Authorization: Bearer',
        models: MODELS.map(({ name, version, official }) => ({ name, version, official })),
      },
    },
    close: () => callbacks.close(),
  };
}
