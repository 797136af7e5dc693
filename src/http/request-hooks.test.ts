import { once } from 'node:events';
import { Agent, request, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
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

test('a connection on which nothing was said holds up no stop', async () => {
  const fastify = Fastify({ forceCloseConnections: 'idle', genReqId: () => 'req_1' });
  registerRequestHooks(fastify);
  await fastify.listen({ port: 0, host: '127.0.0.1' });
  const accepted = once(fastify.server, 'connection');
  const { port } = fastify.server.address() as AddressInfo;
  const silent = connect({ port, host: '127.0.0.1' });
  const ended = once(silent, 'close');
  await accepted;
  // Without the hook the server waits for its first request: for longer than this test may take.
  await fastify.close();
  await ended;
}, 20_000);
