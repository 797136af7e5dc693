import { availableParallelism, totalmem } from 'node:os';
import { inspect } from 'node:util';
import { Cleanup } from './cleanup.js';
import { createBench } from './create.bench.js';
import { fleetBench } from './fleet.bench.js';
import { ledgerBench } from './ledger.bench.js';
import { type Finding, table } from './report.js';
import { type Servers, startServers } from './servers.js';
import { storeBench } from './store.bench.js';
import { submitBench } from './submit.bench.js';

type Bench = (servers: Servers, cleanup: Cleanup, quick: boolean) => Promise<Finding[]>;

const BENCHES: Readonly<Record<string, Bench>> = {
  create: createBench,
  submit: submitBench,
  fleet: fleetBench,
  store: storeBench,
  ledger: ledgerBench,
};

const say = (text: string): void => void process.stderr.write(`${text}\n`);

function chosen(args: readonly string[]): { names: string[]; quick: boolean } {
  const names = args.filter((arg) => arg !== '--quick');
  const unknown = names.find((name) => !Object.hasOwn(BENCHES, name));
  if (unknown !== undefined) {
    throw new Error(`unknown bench '${unknown}'; allowed are ${Object.keys(BENCHES).join(', ')} and --quick`);
  }
  return { names: names.length > 0 ? names : Object.keys(BENCHES), quick: args.includes('--quick') };
}

async function endBoth(inner: Cleanup, outer: Cleanup): Promise<void> {
  try {
    await inner.run();
  } finally {
    await outer.run();
  }
}

/** Runs the benches and prints their table. A missed aim is a finding; only what broke makes the exit code 1. */
async function main(): Promise<number> {
  const { names, quick } = chosen(process.argv.slice(2));
  const run = new Cleanup();
  const bench = new Cleanup();
  let isInterrupted = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      isInterrupted = true;
      void endBoth(bench, run).finally(() => process.exit(1));
    });
  }
  const findings: Finding[] = [];
  let broken = 0;
  try {
    const servers = await startServers(run);
    for (const name of names) {
      if (isInterrupted) break;
      say(`· ${name} …`);
      const started = performance.now();
      try {
        findings.push(...((await BENCHES[name]?.(servers, bench, quick)) ?? []));
      } catch (error) {
        broken += 1;
        say(inspect(error));
      } finally {
        await bench.run();
      }
      say(`· ${name}: ${((performance.now() - started) / 1000).toFixed(0)} s`);
    }
  } finally {
    await run.run();
  }
  const machine = `${availableParallelism()} cores, ${(totalmem() / 1e9).toFixed(0)} GB, Node ${process.versions.node}, ${process.platform}`;
  process.stdout.write(`\n${machine}${quick ? ', --quick' : ''}\n\n${table(findings)}\n`);
  return broken === 0 ? 0 : 1;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    say(inspect(error));
    process.exit(1);
  },
);
