import { Catalog } from '../../src/catalog/catalog.service.js';
import { execute, sql } from '../../src/database/database.js';
import type { Capabilities } from '../../src/providers/contract.js';
import { adapterFor } from '../../src/providers/registry.js';
import { attemptsOf, bought, jobRow, newPrompt, reconcile, until } from '../jobs/engine-harness.js';
import { startKiln, type Kiln } from '../support/kiln.js';
import { sample } from '../support/run-alias.js';

/** A small request for each alias. */
const REQUESTS: Readonly<Record<string, { input: Record<string, unknown>; image?: true }>> = {
  'veo-3.1': { input: { duration_seconds: 4 } },
  'veo-3.1-fast': { input: { duration_seconds: 4 } },
  'sora-2': { input: { duration_seconds: 4 } },
  'seedance-2': { input: { duration_seconds: 4 } },
  'kling-3.0': { input: { duration_seconds: 3 } },
  'wan-2.2': { input: { duration_seconds: 2 } },
  'ltx-2': { input: {} },
  framepack: { input: { duration_seconds: 2 }, image: true },
  'skyreels-v2': { input: { duration_seconds: 4 } },
  'flux-dev': { input: {} },
  'gpt-image-1.5': { input: {} },
  'gpt-image-1': { input: {} },
  'nano-banana-2': { input: {} },
  'ace-step': { input: { duration_seconds: 10 } },
  'lyria-3': { input: {} },
};

interface Wire extends Capabilities {
  /** As the sandbox names it. */
  name: string;
}

/** `same`: the first route delivers all the same. `next`: the second does. A word: the job fails with that code. Null: this wire has no such thing. */
type Outcome = string | null;

/** May have been bought: sent again where that buys nothing twice or nobody can tell, else left behind for the next route. */
const unanswered = (wire: Wire): Outcome =>
  wire.findByToken || wire.idempotencyKey || wire.resubmitSafe || wire.synchronous ? 'same' : 'next';
const hasLinks = ({ name, synchronous }: Wire): boolean =>
  !synchronous && ['gemini', 'fal', 'kling', 'ark', 'replicate', 'acestep'].includes(name);

const BREAKS: readonly [fault: string, what: string, outcome: (wire: Wire) => Outcome][] = [
  ['429', 'too many requests', () => 'next'],
  [
    'policy-submit',
    'refused for its content',
    // ComfyUI has no filter, and ACE-Step no word of its own for one.
    ({ name }) => (name === 'comfyui' ? null : name === 'acestep' ? 'invalid_input' : 'content_policy'),
  ],
  ['policy', 'withheld by the filter', (wire) => (wire.resubmitSafe ? null : 'content_policy')],
  ['drop', 'the connection is cut', unanswered],
  ['drop-after', 'bought, and the connection is cut', unanswered],
  ['malformed-submit', 'bought, and the answer is unreadable', unanswered],
  ['fail', 'the run fails', (wire) => (wire.synchronous ? 'same' : 'next')],
  ['lost', 'the task vanishes', (wire) => (wire.synchronous ? null : wire.resubmitSafe ? 'same' : 'next')],
  ['truncate', 'the download breaks off', (wire) => (wire.synchronous ? null : 'same')],
  ['off-origin', 'the result is somewhere else', (wire) => (hasLinks(wire) ? 'invalid_result' : null)],
];

let kiln: Kiln;
beforeAll(async () => {
  kiln = await startKiln();
});
afterAll(async () => kiln.drop());
afterEach(async () => {
  await kiln.sandbox.clearFaults();
  await execute(kiln.database, sql`DELETE FROM route_state`);
  await execute(kiln.database, sql`DELETE FROM endpoint_state`);
  // An attempt that nobody knows the end of holds its slot for as long as it may run.
  await execute(kiln.database, sql`UPDATE attempt SET slot_until = now() WHERE state = 'unknown'`);
});

/** Those with a chain. */
const aliases = (): string[] =>
  kiln.app
    .get(Catalog)
    .models()
    .filter(({ routes }) => routes.length > 1)
    .map(({ id }) => id);

const mountOf = (endpoint: string): string => new URL(endpoint).pathname.split('/')[1] ?? '';

function firstWire(alias: string): Wire {
  const route = kiln.app.get(Catalog).get(alias)?.routes[0];
  if (!route) throw new Error(`${alias} has no route`);
  return { ...adapterFor(route.provider).can(route.settings), name: mountOf(route.endpoints[0] ?? '') };
}

async function post(alias: string, prompt: string): Promise<string> {
  const { input, image } = REQUESTS[alias] ?? { input: {} };
  const { id } = await kiln.post({
    model: alias,
    input: { prompt, ...input, ...(image ? { image: await sample('image') } : {}) },
    routing: { on_unknown: 'next' },
  });
  return id;
}

async function allOver(ids: readonly string[]): Promise<void> {
  const live = async () => {
    const rows = await Promise.all(ids.map((id) => jobRow(kiln.database, id)));
    return rows.filter(({ status }) => status === 'queued' || status === 'running');
  };
  const over = until(
    'all jobs are over',
    async () => {
      await reconcile(kiln);
      // What was cut off is looked up once its lease is over; a look that came before waits for the lease as it was.
      await execute(
        kiln.database,
        sql`UPDATE attempt SET lease_until = now() WHERE state = 'unknown' AND lease_until > now()`,
      );
      await execute(
        kiln.database,
        sql`UPDATE job SET wake_at = now() WHERE stage = 'submitting' AND wake_at > now() + interval '5 seconds'
              AND EXISTS (SELECT 1 FROM attempt WHERE attempt.job_id = job.id AND attempt.state = 'unknown')`,
      );
      return (await live()).length === 0;
    },
    60_000,
  );
  await over.catch(async (error: unknown) => {
    const left = (await live()).map(({ model, stage, route, wakeAt }) => ({ model, stage, route: route?.id, wakeAt }));
    throw new Error(`${String(error)}: ${JSON.stringify(left)}`);
  });
}

test('every alias has a small request here', () => {
  expect(Object.keys(REQUESTS).toSorted()).toEqual(aliases().toSorted());
});

test.each(BREAKS)('%s on the first route of every alias: %s', async (fault, _what, outcomeOf) => {
  const cases: { alias: string; id: string; prompt: string; wire: Wire; outcome: string }[] = [];
  for (const alias of aliases()) {
    const wire = firstWire(alias);
    const outcome = outcomeOf(wire);
    if (outcome === null) continue;
    const prompt = newPrompt(`${alias} and`);
    await kiln.sandbox.arm({ provider: wire.name, fault, match: prompt });
    cases.push({ alias, id: await post(alias, prompt), prompt, wire, outcome });
  }
  expect(cases.length).toBeGreaterThan(2);
  await allOver(cases.map(({ id }) => id));

  const seen = [];
  for (const { alias, id, prompt, wire } of cases) {
    const job = await jobRow(kiln.database, id);
    const attempts = await attemptsOf(kiln.database, id);
    const at = job.plan.findIndex((route) => route.id === attempts.at(-1)?.route.id);
    const outcome = job.status === 'succeeded' ? (['same', 'next'][at] ?? `route ${at}`) : job.error?.code;
    // Bought twice at the first provider only where a second run costs nobody money, or nobody can tell.
    const times = await bought(kiln.sandbox, wire.name, prompt);
    const tried = new Set(
      attempts.filter(({ endpoint }) => mountOf(endpoint) === wire.name).map(({ route }) => route.id),
    );
    const overbought = times > tried.size + (wire.resubmitSafe || wire.synchronous ? 1 : 0);
    const charged = job.status === 'succeeded' ? job.heldMicroUsd : 0n;
    expect({ alias, charged: job.chargedMicroUsd ?? charged }).toEqual({ alias, charged });
    seen.push({ alias, outcome, overbought });
  }
  expect(seen).toEqual(cases.map(({ alias, outcome }) => ({ alias, outcome, overbought: false })));
});
