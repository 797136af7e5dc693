// npm test [-- jest arguments]: every check, then every test; the last line is the counts.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const SOURCES = '{src,workers,sandbox,demo,bench,test}/**/*.ts';
/** @type {[name: string, command: string, args: string[]][]} */
const CHECKS = [
  ['lint', 'oxlint', []],
  ['format', 'oxfmt', ['--check']],
  ['types', 'tsc', ['--noEmit', '-p', '.']],
  ['imports', 'depcruise', ['--config', '.dependency-cruiser.cjs', SOURCES]],
];

/** @type {string[]} */
const failedChecks = [];
for (const [name, command, args] of CHECKS) {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  console.log(`${status === 0 ? '✓' : '✕'} ${name}`);
  if (status === 0) continue;
  failedChecks.push(name);
  console.log(`${stdout ?? ''}${stderr ?? ''}`.trim());
}

const dir = mkdtempSync(join(tmpdir(), 'kiln-jest-'));
const outputFile = join(dir, 'result.json');
const env = {
  ...process.env,
  NODE_OPTIONS:
    `${process.env.NODE_OPTIONS ?? ''} --experimental-vm-modules --disable-warning=ExperimentalWarning`.trim(),
};
const jest = spawnSync('jest', ['--maxWorkers=3', '--json', `--outputFile=${outputFile}`, ...process.argv.slice(2)], {
  env,
  // The JSON on standard output is the file's.
  stdio: ['inherit', 'ignore', 'inherit'],
});
const result = readResult(outputFile);
rmSync(dir, { recursive: true, force: true });

for (const { assertionResults } of result.testResults) {
  for (const { status, fullName } of assertionResults)
    if (status === 'pending' || status === 'todo') console.log(`skipped: ${fullName}`);
}
if (failedChecks.length > 0) console.log(`Checks failed: ${failedChecks.join(', ')}`);
// A file that does not even load has no failed test of its own.
const failed = result.numFailedTests + result.numRuntimeErrorTestSuites;
const skipped = result.numPendingTests + result.numTodoTests;
console.log(`Tests: ${result.numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exit(jest.status === 0 && failed === 0 && failedChecks.length === 0 ? 0 : 1);

function readResult(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    console.log('Jest did not finish');
    return {
      testResults: [],
      numPassedTests: 0,
      numFailedTests: 0,
      numRuntimeErrorTestSuites: 1,
      numPendingTests: 0,
      numTodoTests: 0,
    };
  }
}
