import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppModule, type AppParts } from '../app.module.js';
import { registerUploadBodies } from '../assets/register-bodies.js';
import { newId } from '../common/ids.js';
import { ErrorFilter, sendError, toKilnError } from '../http/error.filter.js';
import { serveOpenApi } from '../http/openapi.js';
import { ValidationPipe } from '../http/validation.pipe.js';
import { NestLog } from '../telemetry/logger.js';
import { withRequestId } from '../telemetry/request-id.js';

const MAX_PARAM_CHARS = 300;

/** The API on Fastify, ready to listen. Bodies are capped, every answer has a request id, every error the envelope. */
export async function createHttpApp(parts: AppParts): Promise<NestFastifyApplication> {
  const adapter = new FastifyAdapter({
    bodyLimit: parts.config.http.maxBodyBytes,
    genReqId: () => newId('req'),
    routerOptions: { maxParamLength: MAX_PARAM_CHARS },
    forceCloseConnections: 'idle',
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) =>
      sendError(reply, request.url, toKilnError(error)),
  });
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.with(parts), adapter, {
    logger: new NestLog(parts.logger),
    abortOnError: false,
  });
  const fastify = app.getHttpAdapter().getInstance();
  await registerUploadBodies(fastify);
  fastify.addHook('onRequest', (request, reply, done) => {
    for (const name of ['x-request-id', 'request-id', 'x-kiln-request-id']) reply.header(name, request.id);
    withRequestId(request.id, done);
  });
  app.useGlobalPipes(new ValidationPipe());
  app.useGlobalFilters(new ErrorFilter(parts.logger));
  serveOpenApi(app);
  return app;
}
