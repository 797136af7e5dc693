import { execute, sql } from '../../src/database/database.js';
import { OBJECT_STORE, type ObjectStore } from '../../src/storage/object-store.js';
import { startKiln, type Kiln } from '../support/kiln.js';
import {
  attemptsOf,
  bought,
  claimExpires,
  expectBooks,
  holdAt,
  jobRow,
  newPrompt,
  openGates,
  reconcile,
  settled,
  statesOf,
  until,
} from './engine-harness.js';

// OpenAI's Images answer with the picture: the submit is the work.
let kiln: Kiln;
beforeAll(async () => {
  kiln = await startKiln();
});
afterEach(async () => {
  openGates();
  await kiln.sandbox.clearFaults();
});
afterAll(async () => kiln.drop());

const post = (prompt: string, more: Record<string, unknown> = {}) =>
  kiln.post({
    model: 'gpt-image-1.5',
    input: { prompt, size: '1024x1024', ...more },
    routing: { only: ['openai'], allow_fallback: false },
  });

async function keptOf(jobId: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of kiln.app.get<ObjectStore>(OBJECT_STORE).list(`outputs/${jobId}/`)) keys.push(key);
  return keys.filter((key) => key.includes('/kept/'));
}

test('every picture of the answer becomes an output, and nothing is kept beside it', async () => {
  const prompt = newPrompt();
  const { id } = await post(prompt, { n: 2 });
  const done = await settled(kiln, id);
  expect(done).toMatchObject({ status: 'succeeded', error: null });
  expect(done.outputs.map(({ type, width, height }) => [type, width, height])).toEqual([
    ['image', 1024, 1024],
    ['image', 1024, 1024],
  ]);
  expect(await bought(kiln.sandbox, 'openai', prompt)).toBe(1);
  expect(await keptOf(id)).toEqual([]);
  await expectBooks(kiln, id, ['settle']);
});

test('a worker that dies after the answer was saved buys nothing again', async () => {
  const prompt = newPrompt();
  const gate = holdAt('submit.saved');
  const { id } = await post(prompt);
  expect(await gate.reached).toBe(id);
  await claimExpires(kiln.database, id);
  expect(await settled(kiln, id)).toMatchObject({ status: 'succeeded' });
  gate.open(new Error('it was dead'));
  expect(await bought(kiln.sandbox, 'openai', prompt)).toBe(1);
  expect(await statesOf(kiln.database, id)).toEqual(['succeeded']);
  await expectBooks(kiln, id, ['settle']);
});

test('an answer that never came is asked for once more, and charged once', async () => {
  const prompt = newPrompt();
  await kiln.sandbox.arm({ provider: 'openai', fault: 'drop-after', match: prompt });
  const { id } = await post(prompt);
  expect(await settled(kiln, id)).toMatchObject({ status: 'succeeded' });
  expect(await bought(kiln.sandbox, 'openai', prompt)).toBe(2);
  await expectBooks(kiln, id, ['settle']);
});

test('a late answer beside the one that was bought meanwhile ends alone: the job stores its own', async () => {
  const prompt = newPrompt();
  const first = holdAt('submit.answered');
  const { id } = await post(prompt);
  await first.reached;
  const second = holdAt('submit.saved');
  let saved = false;
  void second.reached.then(() => (saved = true));
  await claimExpires(kiln.database, id);
  await until('the second answer is saved', async () => {
    await reconcile(kiln);
    return saved;
  });
  first.open();
  await until('the first stands beside it', async () => (await statesOf(kiln.database, id)).includes('orphan'));
  second.open();
  const done = await settled(kiln, id);
  expect(done).toMatchObject({ status: 'succeeded', error: null, outputs: [{ type: 'image' }] });
  expect(await bought(kiln.sandbox, 'openai', prompt)).toBe(2);
  expect(await attemptsOf(kiln.database, id)).toHaveLength(2);
  await until('no bytes are kept', async () => (await keptOf(id)).length === 0);
  await expectBooks(kiln, id, ['settle']);
});

test('a worker that dies while it writes down a failed submit: once more after the lease, not after a day', async () => {
  const prompt = newPrompt();
  const gate = holdAt('submit.answered');
  const { id } = await post(prompt);
  await gate.reached;
  // As its first write left the row; the second, which frees it for another try, never came.
  await execute(
    kiln.database,
    sql`UPDATE attempt SET state = 'unknown', lease_token = NULL, wake_at = now() + interval '30 seconds' WHERE job_id = ${id}`,
  );
  await claimExpires(kiln.database, id);
  await until('the second submit', async () => {
    await reconcile(kiln);
    return (await bought(kiln.sandbox, 'openai', prompt)) === 2;
  });
  gate.open(new Error('it was dead'));
  expect(await settled(kiln, id)).toMatchObject({ status: 'succeeded' });
  expect(await statesOf(kiln.database, id)).toEqual(['succeeded']);
  await expectBooks(kiln, id, ['settle']);
});

test('an object store that is away when the answer comes loses nothing, and nothing is bought again', async () => {
  const prompt = newPrompt();
  const store = kiln.app.get<ObjectStore>(OBJECT_STORE);
  const works = store.put.bind(store);
  let tries = 0;
  store.put = async (key, ...more) => {
    if (!key.includes('/kept/') || ++tries > 2) return works(key, ...more);
    throw new Error('it is away');
  };
  try {
    const { id } = await post(prompt);
    expect(await settled(kiln, id)).toMatchObject({ status: 'succeeded', outputs: [{ type: 'image' }] });
    expect(tries).toBe(3);
    expect(await bought(kiln.sandbox, 'openai', prompt)).toBe(1);
    expect(await keptOf(id)).toEqual([]);
    await expectBooks(kiln, id, ['settle']);
  } finally {
    store.put = works;
  }
});

test('kept bytes that are gone end the job soon, and nothing is charged', async () => {
  const gate = holdAt('submit.saved');
  const { id } = await post(newPrompt());
  await gate.reached;
  await kiln.app.get<ObjectStore>(OBJECT_STORE).delete(await keptOf(id));
  gate.open();
  expect(await settled(kiln, id)).toMatchObject({
    status: 'failed',
    error: { code: 'result_lost' },
    cost: { charged_micro_usd: 0 },
  });
});

test('twice is enough: where the client wants the next route, the job goes on there', async () => {
  const prompt = newPrompt();
  await kiln.sandbox.arm({ provider: 'openai', fault: 'drop-after', match: prompt, times: 2 });
  const { id } = await kiln.post({
    model: 'gpt-image-1.5',
    input: { prompt, size: '1024x1024' },
    routing: { only: ['openai'], on_unknown: 'next' },
  });
  expect(await settled(kiln, id)).toMatchObject({ status: 'succeeded', outputs: [{ type: 'image' }] });
  expect(await bought(kiln.sandbox, 'openai', prompt)).toBe(3);
  expect(await statesOf(kiln.database, id)).toEqual(['lost', 'succeeded']);
  await expectBooks(kiln, id, ['settle']);
});

test('twice is enough: then the job fails, and nothing is charged', async () => {
  const prompt = newPrompt();
  await kiln.sandbox.arm({ provider: 'openai', fault: 'drop-after', match: prompt, times: 5 });
  const { id } = await post(prompt);
  expect(await settled(kiln, id)).toMatchObject({ status: 'failed', cost: { charged_micro_usd: 0 } });
  expect(await bought(kiln.sandbox, 'openai', prompt)).toBe(2);
  expect(await keptOf(id)).toEqual([]);
  await expectBooks(kiln, id, ['release']);
});

test('canceled while the answer is on its way: what was bought is paid for, and its bytes go', async () => {
  const prompt = newPrompt();
  const gate = holdAt('submit.answered');
  const { id } = await post(prompt);
  await gate.reached;
  expect((await kiln.call('POST', `/v1/jobs/${id}/cancel`)).status).toBe(200);
  gate.open();
  const done = await settled(kiln, id);
  expect(done).toMatchObject({ status: 'canceled' });
  expect(done.cost.charged_micro_usd).toBe(done.cost.held_micro_usd);
  expect((await attemptsOf(kiln.database, id)).map(({ state }) => state)).toEqual(['succeeded']);
  await until('its bytes are gone', async () => (await keptOf(id)).length === 0);
  await expectBooks(kiln, id, ['settle']);
});

test('a content block is no failure of the route', async () => {
  const prompt = newPrompt();
  await kiln.sandbox.arm({ provider: 'openai', fault: 'policy-submit', match: prompt });
  const { id } = await post(prompt);
  expect(await settled(kiln, id)).toMatchObject({ status: 'failed', error: { code: 'content_policy' } });
  await until('it is over', async () => (await jobRow(kiln.database, id)).chargedMicroUsd === 0n);
  await expectBooks(kiln, id, ['release']);
});
