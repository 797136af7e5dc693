import type { INestApplicationContext } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { delay } from '../common/time.js';
import type { KilnConfig } from '../config/config.js';
import { InFlight } from '../gateway/router/in-flight.js';
import { Engine } from '../jobs/engine/engine.js';
import { JobHub } from '../jobs/events/hub.js';
import { JobWaiter } from '../jobs/events/wait.js';
import { Readiness } from '../ops/readiness.js';
import type { Logger } from '../telemetry/logger.js';

const CLOSE_TIMEOUT_MS = 5000;

export interface Running {
  app: INestApplicationContext & Partial<Pick<NestFastifyApplication, 'getHttpServer'>>;
  config: KilnConfig;
  logger: Logger;
  /** Stops intake of queues and timers; resolves when running steps have ended. */
  stopWorkers: () => Promise<void>;
}

/**
 * Graceful stop: not ready any more, answer who waits for a job, wait until the balancer knows, stop intake, end waiting requests and streams, let steps
 * run to `drainTimeoutMs`, then cut what is left: its jobs are found again by their leases. True when nothing had to be cut.
 */
export async function drain({ app, config, logger, stopWorkers }: Running): Promise<boolean> {
  app.get(Readiness).drain();
  app.get(JobWaiter).release();
  logger.info({}, 'stopping: not ready any more');
  await delay(config.shutdown.drainDelayMs);
  const timeout = new AbortController();
  const late = delay(config.shutdown.drainTimeoutMs, timeout.signal).then(
    () => false,
    () => true,
  );
  const stopped = (async () => {
    await app.get(JobHub).close();
    await Promise.all([stopWorkers(), app.get(InFlight).idle()]);
    return true;
  })();
  const clean = await Promise.race([stopped, late]);
  if (!clean) {
    logger.warn({}, 'work is still running at the drain timeout: answers end, steps are cut and will be found again');
    app.get(InFlight).stop();
    app.get(Engine).abort();
    await Promise.race([stopped, delay(2000)]);
  }
  timeout.abort();
  // A queue whose server is away never closes by itself.
  const closed = await Promise.race([app.close().then(() => true), delay(CLOSE_TIMEOUT_MS).then(() => false)]);
  if (!closed) logger.warn({}, 'connections did not close in time; the process ends all the same');
  return clean && closed;
}
