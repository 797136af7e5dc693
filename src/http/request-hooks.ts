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
  // The server closes what is idle when it stops; what ends later would be kept alive, and waited for.
  let isClosing = false;
  fastify.addHook('preClose', (done) => {
    isClosing = true;
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
