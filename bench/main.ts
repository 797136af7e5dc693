import { availableParallelism, totalmem } from 'node:os';
import { inspect } from 'node:util';
import { Cleanup } from './cleanup.js';
import { createBench } from './create.bench.js';
import { fleetBench } from './fleet.bench.js';
import { gatewayBench } from './gateway.bench.js';
import { ledgerBench } from './ledger.bench.js';
import { type Finding, table } from './report.js';
import { type Servers, startServers } from './servers.js';
import { isSize, readSizes, type Sizes } from './sizes.js';
import { soakBench } from './soak.bench.js';
import { storeBench } from './store.bench.js';
import { submitBench } from './submit.bench.js';

type Bench = (servers: Servers, cleanup: Cleanup, quick: boolean, sizes: Sizes) => Promise<Finding[]>;

const BENCHES: Readonly<Record<string, Bench>> = {
  create: createBench,
  submit: submitBench,
  fleet: fleetBench,
  store: storeBench,
  ledger: ledgerBench,
  gateway: gatewayBench,
  soak: soakBench,
};
/** It takes as long as all the others together, and measures nothing: only by its name. */
const BY_NAME_ONLY = ['soak'];

const say = (text: string): void => void process.stderr.write(`${text}\n`);

interface Chosen {
  names: string[];
  quick: boolean;
  /** The findings as JSON in the place of the table. */
  json: boolean;
  sizes: Sizes;
}

function chosen(args: readonly string[]): Chosen {
  const names = args.filter((arg) => arg !== '--quick' && arg !== '--json' && !isSize(arg));
  const unknown = names.find((name) => !Object.hasOwn(BENCHES, name));
  if (unknown !== undefined) {
    throw new Error(
      `unknown bench '${unknown}'; allowed are ${Object.keys(BENCHES).join(', ')}, --quick, --json, --requests=100000, and of soak --jobs=5000, --keys=20 and --seed=1`,
    );
  }
  return {
    names: names.length > 0 ? names : Object.keys(BENCHES).filter((name) => !BY_NAME_ONLY.includes(name)),
    quick: args.includes('--quick'),
    json: args.includes('--json'),
    sizes: readSizes(args),
  };
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
  const { names, quick, json, sizes } = chosen(process.argv.slice(2));
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
        findings.push(...((await BENCHES[name]?.(servers, bench, quick, sizes)) ?? []));
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
  process.stdout.write(
    json
      ? `${JSON.stringify({ machine, quick, findings }, null, 2)}\n`
      : `\n${machine}${quick ? ', --quick' : ''}\n\n${table(findings)}\n`,
  );
  return broken === 0 ? 0 : 1;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    say(inspect(error));
    process.exit(1);
  },
);
