import { once } from 'node:events';
import { Agent, request, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import Fastify from 'fastify';
import { registerRequestHooks } from './request-hooks.js';

test('a connection whose answer had begun when the server closes is not kept alive after it', async () => {
  const fastify = Fastify({ forceCloseConnections: 'idle', genReqId: () => 'req_1' });
  registerRequestHooks(fastify);
  const stream = new PassThrough();
  fastify.get('/stream', (_request, reply) => reply.send(stream));
  await fastify.listen({ port: 0, host: '127.0.0.1' });
  const { port } = fastify.server.address() as AddressInfo;
  const agent = new Agent({ keepAlive: true });
  const sent = request({ port, host: '127.0.0.1', path: '/stream', agent }).end();
  stream.write('begun');
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  response.resume();
  const closed = fastify.close();
  stream.end('ended');
  await once(response, 'end');
  // Without the hook it would stay open for as long as connections are kept alive: longer than this test may take.
  await closed;
  agent.destroy();
});
