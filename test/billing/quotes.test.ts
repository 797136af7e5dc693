import { Ledger } from '../../src/billing/ledger.js';
import { Catalog } from '../../src/catalog/catalog.service.js';
import { isValidInput } from '../../src/catalog/input.js';
import { loadCatalog } from '../../src/catalog/load-catalog.js';
import type { FieldSpec, Model } from '../../src/catalog/schema.js';
import { execute, queryRow, sql } from '../../src/database/database.js';
import { Outcomes } from '../../src/jobs/engine/outcome.js';
import type { JobView } from '../../src/jobs/view/job-view.js';
import { adapters } from '../../src/providers/registry.js';
import { type Kiln, startKiln } from '../support/kiln.js';

let kiln: Kiln;
beforeAll(async () => {
  // No workers, and no lane that would reserve an attempt: what a provider does changes no price, and the engine's own tests run each alias.
  kiln = await startKiln({ workers: false });
  await execute(kiln.database, sql`UPDATE lane SET state = 'paused'`);
});
afterAll(() => kiln.drop());

const models = loadCatalog({
  overlayPath: null,
  sandbox: null,
  hasCredential: () => false,
  endpointsFrom: () => [],
  adapters,
  now: () => new Date('2026-11-26T00:00:00Z'),
}).models();

/** Of an https link nothing is fetched before a worker prepares the job. */
const LINKS: Readonly<Record<string, string>> = {
  image: 'https://example.com/a.png',
  video: 'https://example.com/a.mp4',
  audio: 'https://example.com/a.mp3',
};

/** Some value that the field takes, for those that a model must be given. */
function sampleOf(spec: FieldSpec): unknown {
  if (spec.type === 'media') return LINKS[spec.media];
  if (spec.type === 'media_list') return [LINKS[spec.media]];
  return spec.type === 'text' ? 'a fox' : undefined;
}

/** Values that may have a price of their own. */
function pricedValues(model: Model, name: string): unknown[] {
  const spec = model.fields[name];
  if (spec?.type === 'boolean') return [true, false];
  if (spec?.type === 'choice') return [...spec.values];
  if (spec?.type === 'integer' || spec?.type === 'number') return spec.values ? [...spec.values] : [spec.min, spec.max];
  return [];
}

/** The model's least input, and each with one of the fields that its price hangs on changed; only what the model takes. */
function inputsOf(model: Model): Record<string, unknown>[] {
  const media = Object.entries(model.fields).filter(([, spec]) => spec.type === 'media' || spec.type === 'media_list');
  const required = Object.entries(model.fields).filter(([name, spec]) => spec.required || name === 'prompt');
  const least = Object.fromEntries(required.map(([name, spec]) => [name, sampleOf(spec)]));
  const base = [least, ...media.map(([name, spec]) => ({ ...least, [name]: sampleOf(spec) }))].find((input) =>
    isValidInput(model, input),
  );
  if (!base) throw new Error(`no input of ${model.id} was found`);
  const names = new Set(['duration_seconds', 'n', ...model.price.rates.flatMap(({ when }) => Object.keys(when))]);
  const changed = [...names].flatMap((name) => pricedValues(model, name).map((value) => ({ ...base, [name]: value })));
  return [base, ...changed.filter((input) => isValidInput(model, input))];
}

/** Ends the job as the engine does once everything is stored. */
async function succeed(id: string): Promise<void> {
  await execute(
    kiln.database,
    sql`UPDATE job SET status = 'running', stage = 'processing', started_at = now() WHERE id = ${id}`,
  );
  const ended = await kiln.app.get(Outcomes).end({ jobId: id, transition: 'succeeded' });
  if (!ended) throw new Error(`${id} could not succeed`);
}

async function chargedFor(model: string, input: Record<string, unknown>): Promise<void> {
  const quote = await kiln.call<{ price_micro_usd: number }>('POST', '/v1/jobs/quote', { model, input });
  const price = quote.body.price_micro_usd;
  expect({ body: quote.body, price: price > 0 }).toMatchObject({ price: true });
  const { id, cost } = await kiln.post({ model, input });
  expect(cost).toEqual({ held_micro_usd: price, charged_micro_usd: null });
  await succeed(id);
  expect((await kiln.get(id)).cost).toEqual({ held_micro_usd: price, charged_micro_usd: price });
  const keyId =
    (await queryRow<{ k: string }>(kiln.database, sql`SELECT key_id AS k FROM job WHERE id = ${id}`))?.k ?? '';
  expect(await kiln.app.get(Ledger).forWork(keyId, id)).toMatchObject([
    { kind: 'hold', amountMicroUsd: price, price: { amountMicroUsd: price, model } },
    { kind: 'settle', amountMicroUsd: price, price: { amountMicroUsd: price, model } },
  ]);
}

test('every media alias of the service is here', () => {
  const served = kiln.app.get(Catalog).models();
  expect(models.map(({ id }) => id)).toEqual(served.map(({ id }) => id));
});

test.each(models.map((model) => [model.id, model] as const))(
  '%s: what is quoted is what is held and what is charged',
  async (id, model) => {
    const inputs = inputsOf(model);
    expect(inputs.length).toBeGreaterThan(0);
    await Promise.all(inputs.map((input) => chargedFor(id, input)));
  },
);

test.each([
  ['content_policy', 420_000n, 420_000],
  ['content_policy', null, 0],
  ['invalid_input', 9_000_000_000n, 3_200_000],
  ['provider_error', 420_000n, 0],
  ['result_expired', 420_000n, 0],
])('a job that failed with %s and cost us %p costs its owner %p', async (code, upstreamCost, charged) => {
  const job = await kiln.post({
    model: 'veo-3.1',
    input: { prompt: 'a fox', duration_seconds: 4 },
    routing: { only: ['vertex'] },
  });
  await execute(
    kiln.database,
    sql`INSERT INTO attempt (id, job_id, key_id, run, seq, lane, route, provider, model, token, endpoint, state, error, upstream_cost_micro_usd, finished_at)
        SELECT ${`att_${job.id.slice(4)}`}, id, key_id, 1, 1, lane, plan -> 0, 'google', 'veo', gen_random_uuid()::text, 'http://127.0.0.1', 'failed',
          ${JSON.stringify({ code, kind: 'internal', outcome: 'rejected', message: 'm' })}::jsonb, ${upstreamCost}::bigint, now()
        FROM job WHERE id = ${job.id}`,
  );
  const error = { code, message: 'it failed', param: null, retryable: false };
  await kiln.app.get(Outcomes).end({ jobId: job.id, transition: 'failed', error });
  const { body } = await kiln.call<JobView>('GET', `/v1/jobs/${job.id}`);
  expect(body.cost).toEqual({ held_micro_usd: 3_200_000, charged_micro_usd: charged });
});
