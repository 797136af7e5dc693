import {
  type ArgumentsHost,
  Catch,
  type DynamicModule,
  type ExceptionFilter,
  Global,
  Module,
  type Type,
} from '@nestjs/common';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { KilnError } from '../../src/common/errors.js';
import { Database } from '../../src/database/database.js';

/** Gives an open Database to the modules under test, and leaves its closing to the test. */
@Global()
@Module({})
export class DatabaseTestModule {
  static with(db: Database): DynamicModule {
    return { module: DatabaseTestModule, providers: [{ provide: Database, useValue: db }], exports: [Database] };
  }
}

@Catch(KilnError)
class EnvelopeFilter implements ExceptionFilter<KilnError> {
  catch(error: KilnError, host: ArgumentsHost): void {
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    void reply
      .status(error.status)
      .headers(error.detail.headers ?? {})
      .send(error.toBody());
  }
}

/** A Nest application on Fastify of just these modules, with errors in the envelope; closed after the file's tests. */
export async function startTestApp(
  modules: (Type | DynamicModule)[],
  prepare: (fastify: FastifyInstance) => Promise<void> = async () => undefined,
): Promise<NestFastifyApplication> {
  const testing = await Test.createTestingModule({ imports: modules }).compile();
  const app = testing.createNestApplication<NestFastifyApplication>(new FastifyAdapter(), { logger: false });
  await prepare(app.getHttpAdapter().getInstance());
  app.useGlobalFilters(new EnvelopeFilter());
  await app.init();
  await app.getHttpAdapter().getInstance().ready();
  open.push(app);
  return app;
}

const open: NestFastifyApplication[] = [];
afterAll(async () => {
  for (const app of open.splice(0)) await app.close();
});
