import 'reflect-metadata';
import { runKeys } from './cli/keys-command.js';
import { CommandError, UsageError } from './cli/usage-error.js';
import { KilnError, messageOf } from './common/errors.js';
import { ConfigError } from './config/config.js';
import { environment } from './config/environment.js';

const HELP = `Usage: npm run kiln -- <what> <command> [options]

  keys          make, change and end API keys: npm run kiln -- keys --help`;

async function run([what = '', ...rest]: readonly string[]): Promise<string> {
  if (what === '' || what === '--help' || what === '-h') return HELP;
  if (what !== 'keys') throw new UsageError(`There is no '${what}'; there is keys.`);
  return runKeys(rest, environment());
}

/** What a person can mend is told in a sentence; anything else with its stack. */
function tell(error: unknown): void {
  const known =
    error instanceof UsageError ||
    error instanceof CommandError ||
    error instanceof KilnError ||
    error instanceof ConfigError;
  const text = known || !(error instanceof Error) ? messageOf(error) : (error.stack ?? error.message);
  process.stderr.write(`${text}\n${error instanceof UsageError ? 'See: npm run kiln -- keys --help\n' : ''}`);
}

run(process.argv.slice(2)).then(
  (text) => void process.stdout.write(`${text}\n`),
  (error: unknown) => {
    tell(error);
    process.exitCode = error instanceof UsageError ? 2 : 1;
  },
);
