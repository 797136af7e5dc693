import { startSandbox } from './server.js';

/** A number from the environment; a wrong one stops the start with its name. */
function numberFrom(name: string): number | undefined {
  const text = process.env[name];
  if (text === undefined || text === '') return undefined;
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0)
    throw new Error(`${name} must be a number of 0 or more, got ${JSON.stringify(text)}`);
  return value;
}

const sandbox = await startSandbox({
  host: process.env['SANDBOX_HOST'] || undefined,
  port: numberFrom('SANDBOX_PORT'),
  dataDir: process.env['SANDBOX_DATA_DIR'] || undefined,
  speed: numberFrom('SANDBOX_SPEED'),
  key: process.env['SANDBOX_KEY'] || undefined,
});

let isStopping = false;
function stop(): void {
  if (isStopping) return;
  isStopping = true;
  void sandbox.close().finally(() => process.exit(0));
}
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
if (process.env['SANDBOX_PARENT'] === '1') {
  // The parent holds the other end of stdin: it ends even when the parent is killed with -9.
  process.stdin.once('end', stop).once('error', stop).once('close', stop).resume();
}
process.stdout.write(`${JSON.stringify({ url: sandbox.url })}\n`);
