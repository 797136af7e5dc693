// Adds to package-lock.json what npm leaves out when the registry at hand has packages of some platforms only: the optional
// packages of the others, which `npm ci` demands. Their versions are exact in the package that asks for them; os, cpu
// and libc are in their names. Run after `npm install` behind such a registry; does nothing where nothing is missing.
import { readFileSync, writeFileSync } from 'node:fs';

const FILE = 'package-lock.json';
const OS = {
  darwin: 'darwin',
  linux: 'linux',
  win32: 'win32',
  windows: 'win32',
  android: 'android',
  freebsd: 'freebsd',
  openbsd: 'openbsd',
  netbsd: 'netbsd',
  sunos: 'sunos',
  aix: 'aix',
  openharmony: 'openharmony',
};
const CPU = {
  x64: 'x64',
  arm64: 'arm64',
  arm: 'arm',
  ia32: 'ia32',
  ppc64: 'ppc64',
  s390x: 's390x',
  riscv64: 'riscv64',
  loong64: 'loong64',
  mips64el: 'mips64el',
  wasm32: 'wasm32',
};

const lock = JSON.parse(readFileSync(FILE, 'utf8'));
const { packages } = lock;
const added = {};
for (const [owner, { optionalDependencies = {} }] of Object.entries(packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    if (isLocked(owner, name)) continue;
    if (!/^\d+\.\d+\.\d+/.test(version.replace(/^\^/, '')))
      throw new Error(`${owner} wants ${name} ${version}: no exact version to lock`);
    added[`node_modules/${name}`] = { version: version.replace(/^\^/, ''), ...platform(name), optional: true };
  }
}
const [root, ...rest] = Object.entries({ ...packages, ...added });
lock.packages = Object.fromEntries([root, ...rest.toSorted(([a], [b]) => a.localeCompare(b, 'en'))]);
writeFileSync(FILE, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`${Object.keys(added).length} entries added`);

function isLocked(owner, name) {
  for (
    let at = owner;
    ;
    at = at.includes('node_modules/') ? at.slice(0, at.lastIndexOf('node_modules/')).replace(/\/$/, '') : ''
  ) {
    if (packages[`${at ? `${at}/` : ''}node_modules/${name}`]) return true;
    if (at === '') return false;
  }
}

function platform(name) {
  const words = name.split('/').at(-1).split(/[-.]/);
  const pick = (table) => Object.keys(table).find((word) => words.includes(word));
  const os = pick(OS);
  const cpu = pick(CPU);
  const libc = words.includes('musl')
    ? 'musl'
    : OS[os] === 'linux' && words.some((word) => word.startsWith('gnu'))
      ? 'glibc'
      : null;
  return { ...(cpu ? { cpu: [CPU[cpu]] } : {}), ...(os ? { os: [OS[os]] } : {}), ...(libc ? { libc: [libc] } : {}) };
}
