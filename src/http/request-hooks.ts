import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { invalidRequest } from '../common/errors.js';
import { withRequestId } from '../telemetry/request-id.js';
import { assertContentType } from './bodies.js';

/** OpenAI's, Anthropic's and our own name for it: every client library finds the one it logs. */
const REQUEST_ID_HEADERS = ['x-request-id', 'request-id', 'x-kiln-request-id'];

export function identify(request: FastifyRequest, reply: FastifyReply): void {
  for (const name of REQUEST_ID_HEADERS) reply.header(name, request.id);
}

/** What happens to every request before its handler: an id, and refusal of what no handler should see. */
export function registerRequestHooks(fastify: FastifyInstance): void {
  // The server closes what is idle when it stops. What ends later would be kept alive, and a connection on which nothing was
  // said yet counts as busy: both would be waited for.
  let isClosing = false;
  const connections = new Set<Socket>();
  fastify.server.on('connection', (socket: Socket) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
  });
  fastify.addHook('preClose', (done) => {
    isClosing = true;
    for (const socket of connections) if (socket.bytesRead === 0) socket.destroy();
    done();
  });
  fastify.addHook('onResponse', (request, _reply, done) => {
    if (isClosing) request.raw.socket.end();
    done();
  });
  fastify.addHook('onRequest', (request, reply, done) => {
    identify(request, reply);
    withRequestId(request.id, () => {
      try {
        // PostgreSQL keeps no NUL, so nothing can be named by one.
        if (/%00/.test(request.url)) throw invalidRequest("The URL contains '%00', which is no text.");
        assertContentType(request);
        done();
      } catch (error) {
        done(error as Error);
      }
    });
  });
}
