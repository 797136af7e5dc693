import { execFile } from 'node:child_process';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Child, freePort, startChild } from '../child.js';
import type { Cleanup } from '../cleanup.js';

/** With the newer server that npm would choose, its streams answer 500. */
const PINNED = { hono: '4.9.7', '@hono/node-server': '1.14.1' };
const PACKAGE = { private: true, dependencies: { '@portkey-ai/gateway': '1.15.2', ...PINNED }, overrides: PINNED };
const FOLDER = join(tmpdir(), 'kiln-bench-portkey-1.15.2');
const SERVER = join(FOLDER, 'node_modules', '@portkey-ai', 'gateway', 'build', 'start-server.js');
const INSTALL_TIMEOUT_MS = 180_000;

/** What sends a request of it to the upstream. It trusts 127.0.0.1. */
export const portkeyHeaders = (upstreamUrl: string): Record<string, string> => ({
  authorization: 'Bearer upstream',
  'x-portkey-provider': 'openai',
  'x-portkey-custom-host': `${upstreamUrl}/v1`,
});

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** Portkey's gateway, which is no dependency of Kiln: npm puts it into a folder that stays. Throws where it can't. */
export async function startPortkey(cleanup: Cleanup): Promise<Child & { url: string }> {
  if (!(await isThere(SERVER))) {
    await mkdir(FOLDER, { recursive: true });
    await writeFile(join(FOLDER, 'package.json'), JSON.stringify(PACKAGE));
    const args = ['install', '--no-audit', '--no-fund', '--ignore-scripts'];
    await promisify(execFile)('npm', args, { cwd: FOLDER, timeout: INSTALL_TIMEOUT_MS });
  }
  const port = await freePort();
  const child = await startChild(
    {
      command: process.execPath,
      args: [SERVER, '--headless', `--port=${port}`],
      env: { NODE_ENV: 'production' },
      isReady: (line) => line.includes('Ready for connections'),
    },
    cleanup,
  );
  return { ...child, url: `http://127.0.0.1:${port}` };
}
