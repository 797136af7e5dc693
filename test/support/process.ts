import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

export interface KilnProcess {
  child: ChildProcess;
  /** Everything it printed so far. */
  output(): string;
  /** Resolves with the first match in its output; rejects when it ends before. */
  printed(pattern: RegExp): Promise<RegExpExecArray>;
  /** Exit code, or the signal's name. */
  ended: Promise<number | string>;
}

/** Starts an entry of `dist` with just this environment. */
export function run(entry: string, env: Record<string, string>, args: string[] = []): KilnProcess {
  const child = spawn(process.execPath, [join(ROOT, 'dist', entry), ...args], {
    cwd: tmpdir(),
    env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let text = '';
  const watchers = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      for (const watcher of watchers) watcher();
    });
  }
  const ended = new Promise<number | string>((resolve) =>
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'gone')),
  );
  return {
    child,
    ended,
    output: () => text,
    printed: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const match = pattern.exec(text);
          if (!match) return;
          watchers.delete(look);
          resolve(match);
        };
        watchers.add(look);
        look();
        void ended.then((code) => reject(new Error(`ended with ${code} before printing ${pattern}:\n${text}`)));
      }),
  };
}

/** The whole service as a stranger starts it, on a data folder. */
export async function startAll(
  dataDir: string,
  env: Record<string, string> = {},
): Promise<KilnProcess & { url: string; key: string }> {
  const process = run('src/main.js', { KILN_DATA_DIR: dataDir, PORT: '0', KILN_SANDBOX_SPEED: '0.05', ...env });
  const [, url = ''] = await process.printed(/Kiln +(http:\S+)/);
  await process.printed(/Your key +(\S+)/);
  const key = (await readFile(join(dataDir, 'developer-key'), 'utf8')).trim();
  return { ...process, url, key };
}

export const newFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'kiln-process-'));
