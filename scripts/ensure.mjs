// node scripts/ensure.mjs <script> [arguments]
//
// Makes a clone ready (packages, Prisma client, build), then runs <script> on the Node 24 that npm installed. Works on any
// Node from 20 on, without node_modules, and does nothing where nothing changed.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const MODULES = join(ROOT, 'node_modules');
const BIN = join(MODULES, '.bin');
const NODE = join(MODULES, 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
const SOURCES = [
  'src',
  'workers',
  'sandbox',
  'demo',
  'bench',
  'nest-cli.json',
  '.swcrc',
  'tsconfig.json',
  'package-lock.json',
];

const path = (...parts) => join(ROOT, ...parts);
const hash = (text) => createHash('sha256').update(text).digest('hex');
const read = (file) => (existsSync(file) ? readFileSync(file, 'utf8') : null);
const stamped = (file, value) => read(file) === value;
const say = (text) => process.stderr.write(`${text}\n`);

function run(label, command, args, env = {}) {
  const started = Date.now();
  say(`· ${label} …`);
  const result = spawnSync(command, args, {
    cwd: ROOT,
    encoding: 'utf8',
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 1 << 28,
  });
  if (result.status !== 0) {
    say(`${result.stdout ?? ''}${result.stderr ?? ''}${result.error?.message ?? ''}`);
    say(`${label} failed (${command} ${args.join(' ')})`);
    process.exit(result.status || 1);
  }
  say(`· ${label}: ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

/** Whether every package of the lock file that belongs on this machine is installed in the locked version. */
function isInstalled(lockText) {
  const installed = JSON.parse(read(join(MODULES, '.package-lock.json')) ?? '{"packages":{}}').packages;
  const wanted = Object.entries(JSON.parse(lockText).packages).filter(([name]) => name !== '');
  return (
    existsSync(NODE) &&
    wanted.every(([name, { version, optional, devOptional, peer }]) =>
      installed[name] ? installed[name].version === version : optional || devOptional || peer,
    )
  );
}

function ensurePackages() {
  const lockText = readFileSync(path('package-lock.json'), 'utf8');
  const stamp = join(MODULES, '.kiln-lock');
  const value = hash(lockText);
  if (stamped(stamp, value) && existsSync(NODE)) return;
  if (!isInstalled(lockText)) {
    // npm names its own script in the environment when it runs us; else it is the npm on the path.
    const npm = process.env.npm_execpath?.endsWith('.js')
      ? [process.execPath, process.env.npm_execpath]
      : [process.platform === 'win32' ? 'npm.cmd' : 'npm'];
    run('installing packages', npm[0], [...npm.slice(1), 'ci', '--no-audit', '--no-fund']);
  }
  writeFileSync(stamp, value);
}

function ensurePrismaClient() {
  const out = path('src', 'database', 'generated');
  const stamp = join(out, '.schema');
  const value = hash(
    readFileSync(path('prisma', 'schema.prisma'), 'utf8') + read(join(MODULES, 'prisma', 'package.json')),
  );
  if (stamped(stamp, value) && existsSync(join(out, 'client.ts'))) return;
  // `prisma generate` downloads a schema engine that it never runs, unless it is told of an executable: any will do.
  run('generating the database client', NODE, [join(MODULES, 'prisma', 'build', 'index.js'), 'generate'], {
    PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
  });
  writeFileSync(stamp, value);
}

function* filesBelow(name) {
  const at = path(name);
  if (!existsSync(at)) return;
  if (!statSync(at).isDirectory()) return yield name;
  for (const entry of readdirSync(at).toSorted()) yield* filesBelow(join(name, entry));
}

function ensureBuild() {
  const list = [];
  for (const source of SOURCES) {
    for (const file of filesBelow(source)) {
      if (file.endsWith('.test.ts') || file.includes('fixtures')) continue;
      const { size, mtimeMs } = statSync(path(file));
      list.push(`${file} ${size} ${mtimeMs}`);
    }
  }
  const stamp = path('dist', '.built');
  const value = hash(list.join('\n'));
  if (stamped(stamp, value)) return;
  rmSync(path('dist'), { recursive: true, force: true });
  run('building', NODE, [join(MODULES, '@nestjs', 'cli', 'bin', 'nest.js'), 'build']);
  mkdirSync(path('dist'), { recursive: true });
  writeFileSync(stamp, value);
}

// V8 sizes its heap by the machine's memory and collects late on a large one: a worker that needs 100 MB would take 600.
const HEAP_FLAGS = ['--max-old-space-size=512', '--max-semi-space-size=8'];
// glibc keeps freed memory per thread, in up to eight arenas a core.
const HEAP_ENV = { MALLOC_ARENA_MAX: '2' };

function start([script, ...args]) {
  const env = { ...HEAP_ENV, ...process.env, PATH: BIN + delimiter + process.env.PATH };
  const child = spawn(NODE, ['--enable-source-maps', ...HEAP_FLAGS, path(script), ...args], { stdio: 'inherit', env });
  // A terminal sends Ctrl-C to the child too; what other programs send reaches only us.
  const forward = (signal) => () => {
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, forward(signal));
  child.on('error', (error) => {
    say(String(error));
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 1)));
}

if (process.argv.length < 3) {
  say('usage: node scripts/ensure.mjs <script> [arguments]');
  process.exit(2);
}
ensurePackages();
ensurePrismaClient();
ensureBuild();
start(process.argv.slice(2));
