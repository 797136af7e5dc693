import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { SandboxContext } from '../context.js';
import { Generations } from '../generations.js';
import type { SandboxWire } from '../wire.js';
import { APPS } from './apps.js';
import { answerFalError, FalError } from './errors.js';
import { FalQueue } from './queue.js';
import { newSigner } from './signing.js';
import { FalStorage } from './storage.js';
import type { FalRequest } from './submit.js';

const PREFIX = '/fal';
const BODY_LIMIT_BYTES = 100 * 1024 * 1024;
/** How long fal keeps the payloads of a request. */
const LIFETIME_MS = 30 * 86_400_000;

function requireKey(request: FastifyRequest, key: string): void {
  const given = request.headers.authorization;
  if (given === `Key ${key}`) return;
  throw FalError.platform(
    401,
    given === undefined
      ? 'Authentication is required to access this application.'
      : 'Invalid authentication credentials',
  );
}

const pathOf = (request: FastifyRequest): string => (request.params as { '*': string })['*'];

/**
 * fal: the queue (https://queue.fal.run), direct calls (https://fal.run, here below `/direct`), storage and webhook keys
 * (https://rest.fal.ai), and the results' public links, all below one prefix.
 */
export async function openFal(context: SandboxContext): Promise<SandboxWire> {
  const generations = await Generations.open<FalRequest>(context, 'fal', LIFETIME_MS);
  const signer = newSigner();
  const queue = new FalQueue(context, generations, signer, PREFIX);
  const storage = new FalStorage(context, PREFIX);

  async function routes(app: FastifyInstance): Promise<void> {
    app.setErrorHandler(answerFalError);
    app.setNotFoundHandler((request) => {
      throw FalError.platform(404, `Path ${request.url} not found`);
    });
    // fal's client says JSON of a PUT without a body, too.
    app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
      try {
        done(null, body === '' ? undefined : JSON.parse(String(body)));
      } catch {
        done(FalError.platform(400, 'The body is not JSON', 'bad_request'));
      }
    });
    // Uploads are of any type.
    app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: BODY_LIMIT_BYTES }, (_request, body, done) =>
      done(null, body),
    );
    app.get('/.well-known/jwks.json', async () => signer.jwks);
    app.get<{ Params: { id: string; name: string } }>('/files/:id/:name', async (request, reply) =>
      queue.file(request.params.id, Number.parseInt(request.params.name, 10), request, reply),
    );
    app.put<{ Params: { id: string } }>('/storage/put/:id', { bodyLimit: BODY_LIMIT_BYTES }, async (request, reply) =>
      storage.put(request.params.id, request.body, reply),
    );
    app.get<{ Params: { id: string } }>('/storage/files/:id/*', async (request, reply) =>
      storage.send(request.params.id, request, reply),
    );
    app.post('/storage/upload/initiate', async (request) => {
      requireKey(request, context.key);
      return storage.initiate(request);
    });
    app.post('/direct/*', { bodyLimit: BODY_LIMIT_BYTES }, async (request, reply) => {
      requireKey(request, context.key);
      return queue.direct(pathOf(request), request, reply);
    });
    app.post('/*', { bodyLimit: BODY_LIMIT_BYTES }, async (request, reply) => {
      requireKey(request, context.key);
      return queue.submit(pathOf(request), request, reply);
    });
    app.get('/*', async (request, reply) => {
      requireKey(request, context.key);
      return queue.about('GET', pathOf(request), request, reply);
    });
    app.put('/*', async (request, reply) => {
      requireKey(request, context.key);
      return queue.about('PUT', pathOf(request), request, reply);
    });
  }

  return {
    prefix: PREFIX,
    routes,
    emulates: {
      fal: {
        base: PREFIX,
        auth: 'Authorization: Key',
        webhooks: 'signed; keys at /fal/.well-known/jwks.json',
        models: [...APPS.keys()],
      },
    },
    close: () => queue.close(),
  };
}
