import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { Ledger, type DayProof } from '../../src/billing/ledger.js';
import { queryRows, sql } from '../../src/database/database.js';
import { dropGround, type Kiln, newGround, startKiln } from '../support/kiln.js';
import { startUpstream, type Upstream } from './upstream.js';

export interface GatewayKiln extends Kiln {
  upstream: Upstream;
  end(): Promise<void>;
}

const PRICE = {
  rates: { input: 1, cache_read: 0.1, cache_write: 1.25, cache_write_1h: 2, output: 2 },
  source: 'test',
  date: '2026-11-26',
};
export const FEATURES = [
  'tools',
  'parallel_tools',
  'vision',
  'audio',
  'json_object',
  'json_schema',
  'n',
  'seed',
  'logprobs',
];

/** A route on the scripted server. */
export const routeOn = (
  upstream: Upstream,
  name: string,
  more: Record<string, unknown> = {},
): Record<string, unknown> => ({
  provider: 'openai_compatible',
  model: 'up-model',
  endpoints: [`${upstream.url}/${name}/v1`],
  price: PRICE,
  ...more,
});

export const textModel = (
  routes: Record<string, unknown>,
  more: Record<string, unknown> = {},
): Record<string, unknown> => ({
  modality: 'text',
  title: 'Test',
  description: 'A model of a test.',
  created: '2026-11-26',
  context_tokens: 4000,
  max_output_tokens: 1000,
  traits: { features: FEATURES },
  routes,
  ...more,
});

/** Kiln with a catalog of the test's own beside the shipped one, on a scripted upstream. */
export async function startGateway(
  models: (upstream: Upstream) => Record<string, unknown>,
  env: Record<string, string> = {},
): Promise<GatewayKiln> {
  const upstream = await startUpstream();
  const ground = await newGround();
  const overlay = join(ground.dir, 'catalog.yaml');
  await writeFile(overlay, stringify({ models: models(upstream) }));
  const kiln = await startKiln({ ground, env: { KILN_CATALOG: overlay, ...env } });
  return {
    ...kiln,
    upstream,
    end: async () => {
      await kiln.close();
      await upstream.close();
      await dropGround(ground);
    },
  };
}

export interface UsageRow {
  status: string;
  route: string | null;
  inputTokens: number;
  outputTokens: number;
  chargedMicroUsd: number;
  attempts: number;
  errorCode: string | null;
  ttfbMs: number | null;
}

/** The request's row of the books. */
export async function usageOf(kiln: Kiln, requestId: string | null): Promise<UsageRow | undefined> {
  const [row] = await queryRows<Omit<UsageRow, 'chargedMicroUsd'> & { chargedMicroUsd: bigint }>(
    kiln.database,
    sql`SELECT status, route, input_tokens::float8 AS "inputTokens", output_tokens::float8 AS "outputTokens", charged_micro_usd AS "chargedMicroUsd",
          attempts, error_code AS "errorCode", ttfb_ms AS "ttfbMs" FROM usage_record WHERE id = ${requestId}`,
  );
  return row && { ...row, chargedMicroUsd: Number(row.chargedMicroUsd) };
}

/** The row once it is there: after a disconnect nothing is left to wait for but the books. */
export async function usageOnce(kiln: Kiln, requestId: string | null): Promise<UsageRow> {
  for (;;) {
    const row = await usageOf(kiln, requestId);
    if (row) return row;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Today's books of a key. */
export const proofOf = (kiln: Kiln, keyId: string): Promise<DayProof> =>
  kiln.app.get(Ledger).proof(keyId, new Date().toISOString().slice(0, 10));
