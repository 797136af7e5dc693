// npm run start:dev: builds again and starts anew whenever a source changes.
import { spawn, spawnSync } from 'node:child_process';
import { watch } from 'node:fs';

const QUIET_MS = 200;
let child = start();
let timer = null;
let stopping = false;

function start() {
  return spawn(process.execPath, ['--enable-source-maps', 'dist/src/main.js', ...process.argv.slice(2)], {
    stdio: 'inherit',
  });
}

async function restart() {
  if (spawnSync('nest', ['build'], { stdio: 'inherit' }).status !== 0) return;
  const ended = new Promise((resolve) => (child.exitCode === null ? child.once('exit', resolve) : resolve()));
  child.kill('SIGTERM');
  await ended;
  if (!stopping) child = start();
}

for (const folder of ['src', 'workers']) {
  watch(folder, { recursive: true }, (_event, file) => {
    if (!file?.endsWith('.ts') || file.endsWith('.test.ts')) return;
    clearTimeout(timer);
    timer = setTimeout(() => void restart(), QUIET_MS);
  });
}
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    stopping = true;
    child.once('exit', (code) => process.exit(code ?? 0));
    if (child.exitCode !== null) process.exit(0);
    if (signal === 'SIGTERM' || !process.stdin.isTTY) child.kill(signal);
  });
}
