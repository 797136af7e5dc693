import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

export interface Account {
  name: string;
  uid: number;
  gid: number;
}

/** How to start a program as an account that PostgreSQL accepts: it refuses to run as root. */
export interface Launcher {
  account: Account | null;
  /** What to hand to `spawn`. */
  wrap(program: string, args: readonly string[]): { command: string; args: string[]; uid?: number; gid?: number };
}

/** Accounts tried in this order when Kiln runs as root. */
const CANDIDATES = ['postgres', 'nobody'];

export function parseAccounts(passwd: string): Account[] {
  return passwd
    .split('\n')
    .map((line) => line.split(':'))
    .filter((fields) => fields.length >= 4)
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
    .filter((account) => account.uid > 0 && Number.isInteger(account.uid) && Number.isInteger(account.gid));
}

/** Whether the account may walk into every folder above `path` by its permission bits. */
export function canReach(path: string, account: Account): boolean {
  for (let at = path; ; at = dirname(at)) {
    const { mode, uid, gid } = statSync(at);
    const bits = uid === account.uid ? mode >> 6 : gid === account.gid ? mode >> 3 : mode;
    if (!(bits & 0o1)) return false;
    if (at === dirname(at)) return true;
  }
}

/**
 * @param owner uid that owns the data already; it stays with that account.
 * @param reach folders the account must be able to enter. A clone below /root is closed to others: then the account gets
 * the one capability that opens folders, through util-linux' setpriv.
 */
export function findLauncher(reach: readonly string[], owner: number | null): Launcher {
  if (process.getuid?.() !== 0) return { account: null, wrap: (command, args) => ({ command, args: [...args] }) };
  const accounts = parseAccounts(readFileSync('/etc/passwd', 'utf8'));
  const wanted = CANDIDATES.map((name) => accounts.find((account) => account.name === name));
  const account = accounts.find(({ uid }) => uid === owner) ?? wanted.find((found) => found !== undefined);
  if (!account) {
    throw new Error(
      'PostgreSQL does not run as root and this machine has neither an account named postgres nor nobody: ' +
        'start Kiln as another user, or set DATABASE_URL.',
    );
  }
  const { uid, gid } = account;
  if (reach.every((path) => canReach(path, account))) {
    return { account, wrap: (command, args) => ({ command, args: [...args], uid, gid }) };
  }
  const powers = [
    `--reuid=${uid}`,
    `--regid=${gid}`,
    '--clear-groups',
    '--inh-caps=+dac_override',
    '--ambient-caps=+dac_override',
    '--',
  ];
  if (spawnSync('setpriv', [...powers, 'true']).status !== 0) {
    throw new Error(
      `PostgreSQL does not run as root, and the account ${account.name} may not enter ${reach.join(' or ')}: ` +
        'start Kiln as another user, set KILN_DATA_DIR to a folder others may enter, or set DATABASE_URL.',
    );
  }
  return { account, wrap: (program, args) => ({ command: 'setpriv', args: [...powers, program, ...args] }) };
}
