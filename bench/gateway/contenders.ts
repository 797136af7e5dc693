import { join } from 'node:path';
import { type Child, startChild } from '../child.js';
import type { Cleanup } from '../cleanup.js';
import { Kiln } from '../kiln.js';
import type { Servers } from '../servers.js';
import { portkeyHeaders, startPortkey } from './portkey.js';

export type ContenderName = 'direct' | 'bare proxy' | 'Kiln' | 'Portkey';

export interface Contender {
  name: ContenderName;
  url: string;
  headers: Record<string, string>;
  /** Null for the upstream itself, whose memory is not measured. */
  pid: number | null;
}

export const ALIAS = 'bench-text';
const PATH = '/v1/chat/completions';
/** More than a run can use, so that the budget is checked and never ends. */
const DAILY_BUDGET_MICRO_USD = 1e12;

/** A text model whose only route is the upstream. */
const models = (upstreamUrl: string): Record<string, unknown> => ({
  [ALIAS]: {
    modality: 'text',
    title: 'Bench',
    description: 'The upstream of the gateway bench.',
    created: '2026-11-26',
    context_tokens: 128_000,
    max_output_tokens: 4096,
    routes: {
      upstream: {
        provider: 'openai_compatible',
        model: 'up-model',
        endpoints: [`${upstreamUrl}/v1`],
        price: { rates: { input: 1, cache_read: 0.1, output: 4 }, source: 'bench', date: '2026-11-26' },
      },
    },
  },
});

const script = (name: string): string => join(import.meta.dirname, `${name}.js`);

/** A process of this folder that says its URL when it is ready. */
export async function startScript(
  name: string,
  env: Record<string, string>,
  cleanup: Cleanup,
): Promise<Child & { url: string }> {
  const child = await startChild(
    { command: process.execPath, args: [script(name)], env, isReady: (line) => line.startsWith('{"url"') },
    cleanup,
  );
  return { ...child, url: (JSON.parse(child.readyLine) as { url: string }).url };
}

/** Everyone in front of the same upstream. Portkey is missing where npm can't bring it; `say` tells. */
export async function startContenders(
  servers: Servers,
  cleanup: Cleanup,
  say: (text: string) => void,
): Promise<Contender[]> {
  const upstream = await startScript('upstream', {}, cleanup);
  const bare = await startScript('bare-proxy', { UPSTREAM_URL: upstream.url }, cleanup);
  const kiln = new Kiln(
    {
      databaseUrl: await servers.database(),
      redisUrl: null,
      dataDir: await servers.folder('gateway'),
      sandboxUrl: null,
      models: models(upstream.url),
    },
    cleanup,
  );
  const api = await kiln.start('api', { NODE_ENV: 'production' });
  const key = await kiln.newKey({ daily_budget_micro_usd: DAILY_BUDGET_MICRO_USD });
  const portkey = await startPortkey(cleanup).catch((error: unknown) => {
    say(`  without Portkey, which npm could not install or which did not start: ${String(error)}`);
    return null;
  });
  const bearer = { authorization: 'Bearer client' };
  return [
    { name: 'direct', url: upstream.url + PATH, headers: bearer, pid: null },
    { name: 'bare proxy', url: bare.url + PATH, headers: bearer, pid: bare.pid },
    { name: 'Kiln', url: api.url + PATH, headers: { authorization: `Bearer ${key}` }, pid: api.pid },
    ...(portkey
      ? [{ name: 'Portkey' as const, url: portkey.url + PATH, headers: portkeyHeaders(upstream.url), pid: portkey.pid }]
      : []),
  ];
}
