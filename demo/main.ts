import { ApiError } from './api.js';
import { HELP, readOptions, UsageError, type DemoOptions } from './options.js';
import { jsonReport, readableReport } from './report.js';
import { JobFailed, runDemo, say } from './run.js';
import { ServiceError, startService, type Service } from './service.js';
import { WebhookReceiver } from './webhook-receiver.js';

class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

const EXIT = { failed: 1, usage: 2, interrupted: 130 } as const;

/** Runs the demo and stops everything it started, whatever happens. */
async function demo(options: DemoOptions, signal: AbortSignal): Promise<void> {
  const server = new WebhookReceiver();
  let service: Service | null = null;
  try {
    const { url, host } = await server.listen();
    const startedAt = Date.now();
    say('Starting    Kiln: database, queue, object store and the sandbox of providers');
    service = await startService({ dataDir: options.dataDir, allow: host, signal });
    say(`Ready       ${service.url} in ${((Date.now() - startedAt) / 1000).toFixed(1)} s, data in ${options.dataDir}`);
    const result = await Promise.race([runDemo(service, { server, url }, options, signal), service.died]);
    process.stdout.write(`${options.json ? jsonReport(result) : readableReport(result)}\n`);
    if (options.keep) await untilInterrupted(service, signal);
  } finally {
    server.close();
    await service?.stop();
  }
}

async function untilInterrupted(service: Service, signal: AbortSignal): Promise<void> {
  say(`\nKiln goes on at ${service.url} (docs at ${service.url}/docs) until Ctrl-C.\nYour key    ${service.key}`);
  const stopped = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await Promise.race([stopped, service.died]);
}

/** What happened in a sentence, with what to do where that is known; a stack where it is a fault of the demo. */
function explain(error: unknown): string {
  if (error instanceof JobFailed || error instanceof ServiceError || error instanceof UsageError) return error.message;
  if (error instanceof Interrupted) return 'Stopped.';
  if (error instanceof ApiError) return `Kiln refused (${error.status}): ${error.message}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

async function main(): Promise<number> {
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(name, () => stop.abort(new Interrupted(`stopped by ${name}`)));
  const json = process.argv.includes('--json');
  try {
    const options = readOptions(process.argv.slice(2));
    if (options === null) {
      process.stdout.write(`${HELP}\n`);
      return 0;
    }
    await demo(options, stop.signal);
    return 0;
  } catch (error) {
    const cause = stop.signal.aborted ? stop.signal.reason : error;
    say(`\n${explain(cause)}`);
    if (json) process.stdout.write(`${JSON.stringify({ ok: false, error: explain(cause) })}\n`);
    if (cause instanceof Interrupted) return EXIT.interrupted;
    return cause instanceof UsageError ? EXIT.usage : EXIT.failed;
  }
}

process.exitCode = await main();
