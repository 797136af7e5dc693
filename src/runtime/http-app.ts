import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppModule, type AppParts } from '../app.module.js';
import { registerUploadBodies } from '../assets/register-bodies.js';
import { isAddressAllowed } from '../common/address-ranges.js';
import { newId } from '../common/ids.js';
import { acceptJson } from '../http/bodies.js';
import { ErrorFilter, sendError, toKilnError } from '../http/error.filter.js';
import { serveOpenApi } from './openapi/serve.js';
import { identify, registerRequestHooks } from '../http/request-hooks.js';
import { ValidationPipe } from '../http/validation.pipe.js';
import { Idempotency } from '../idempotency/idempotency.js';
import { NestLog } from '../telemetry/logger.js';

const MAX_PARAM_CHARS = 300;

/** The API on Fastify, ready to listen. Bodies are capped, every answer has a request id, every error the envelope. */
export async function createHttpApp(parts: AppParts): Promise<NestFastifyApplication> {
  const { maxBodyBytes, trustedProxies } = parts.config.http;
  const adapter = new FastifyAdapter({
    bodyLimit: maxBodyBytes,
    trustProxy: trustedProxies.length > 0 && ((peer: string) => isAddressAllowed(trustedProxies, peer)),
    genReqId: () => newId('req'),
    routerOptions: { maxParamLength: MAX_PARAM_CHARS },
    forceCloseConnections: 'idle',
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) => {
      identify(request, reply);
      sendError(reply, request.url, toKilnError(error));
    },
  });
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.with(parts), adapter, {
    logger: new NestLog(parts.logger),
    abortOnError: false,
  });
  const fastify = app.getHttpAdapter().getInstance();
  await registerUploadBodies(fastify);
  acceptJson(app, maxBodyBytes);
  registerRequestHooks(fastify);
  app.get(Idempotency).register(fastify);
  app.useGlobalPipes(new ValidationPipe());
  app.useGlobalFilters(new ErrorFilter(parts.logger, maxBodyBytes));
  serveOpenApi(app);
  return app;
}
