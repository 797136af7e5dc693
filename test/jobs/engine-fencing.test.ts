import { jest } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { queryRow, sql } from '../../src/database/database.js';
import { Doorbell } from '../../src/jobs/engine/doorbell.js';
import { Engine } from '../../src/jobs/engine/engine.js';
import { dropGround, newGround, startKiln, type Ground, type Kiln } from '../support/kiln.js';
import {
  attemptsOf,
  bought,
  claimExpires,
  eventsOf,
  expectBooks,
  holdAt,
  image,
  jobRow,
  newPrompt,
  openGates,
  reconcile,
  seen,
  settled,
  statesOf,
  step,
  toldOps,
  until,
  video,
} from './engine-harness.js';

let ground: Ground;
let env: Record<string, string>;
let kiln: Kiln;
beforeAll(async () => {
  ground = await newGround();
  const catalog = join(ground.dir, 'overlay.yaml');
  await writeFile(catalog, 'lanes: { comfyui: { per_endpoint: 8 } }\n');
  env = { KILN_CATALOG: catalog };
});
afterAll(async () => dropGround(ground));
afterEach(async () => {
  openGates();
  await ground.sandbox.clearFaults();
});

const song = (prompt: string): Record<string, unknown> => ({
  model: 'ace-step',
  input: { prompt, duration_seconds: 10 },
});

describe('with workers', () => {
  beforeAll(async () => {
    kiln = await startKiln({ ground, env });
  });
  afterAll(async () => kiln.close());

  test('a job whose creator dies after the insert runs all the same', async () => {
    const prompt = newPrompt();
    const gate = holdAt('create.inserted');
    const answer = kiln.call('POST', '/v1/jobs', image(prompt));
    const id = await gate.reached;
    gate.open(new Error('the process died'));
    expect((await answer).status).toBe(500);
    const done = await settled(kiln, id);
    expect(done).toMatchObject({ status: 'succeeded', error: null });
    expect(await seen(kiln.sandbox, 'comfyui', prompt)).toBe(1);
    await expectBooks(kiln, id, ['settle']);
  });

  test('an attempt that was reserved, and nobody told, is rung again', async () => {
    const prompt = newPrompt();
    const gate = holdAt('admission.reserved');
    const { id } = await kiln.post(image(prompt));
    await gate.reached;
    gate.open(new Error('the process died'));
    const done = await settled(kiln, id);
    expect(done).toMatchObject({ status: 'succeeded', error: null });
    expect(await seen(kiln.sandbox, 'comfyui', prompt)).toBe(1);
    expect(await statesOf(kiln.database, id)).toEqual(['succeeded']);
    await expectBooks(kiln, id, ['settle']);
  });

  test('a late answer names the task that its token led to already: nothing is submitted or canceled twice', async () => {
    const prompt = newPrompt();
    const gate = holdAt('submit.answered');
    const { id } = await kiln.post(image(prompt));
    await gate.reached;
    await claimExpires(kiln.database, id);
    const done = await settled(kiln, id);
    gate.open();
    expect(done).toMatchObject({ status: 'succeeded', error: null });
    expect(await seen(kiln.sandbox, 'comfyui', prompt)).toBe(1);
    await expectBooks(kiln, id, ['settle']);
    await reconcile(kiln);
    expect(await statesOf(kiln.database, id)).toEqual(['succeeded']);
  });

  test('a late answer to an attempt that nobody took over is what the job goes on with', async () => {
    const prompt = newPrompt();
    const gate = holdAt('submit.answered');
    const { id } = await kiln.post(video(prompt));
    await gate.reached;
    await claimExpires(kiln.database, id);
    await until('the attempt is unknown', async () => {
      await reconcile(kiln);
      return (await statesOf(kiln.database, id))[0] === 'unknown';
    });
    gate.open();
    await until('the task is adopted', async () => (await statesOf(kiln.database, id))[0] !== 'unknown');
    await kiln.app.get(Doorbell).ring(id);
    const done = await settled(kiln, id);
    expect(done).toMatchObject({ status: 'succeeded', error: null });
    expect(await seen(kiln.sandbox, 'vertex', prompt)).toBe(1);
    expect(await statesOf(kiln.database, id)).toEqual(['succeeded']);
    await expectBooks(kiln, id, ['settle']);
  });

  test('a late answer to an attempt that another claim submitted again stands beside it as an orphan until it ends', async () => {
    const prompt = newPrompt();
    const gate = holdAt('submit.answered');
    const { id } = await kiln.post(song(prompt));
    await gate.reached;
    const second = holdAt('submit.saved');
    let saved = false;
    void second.reached.then(() => (saved = true));
    await claimExpires(kiln.database, id);
    await until('the second submit is saved', async () => {
      await reconcile(kiln);
      return saved;
    });
    gate.open();
    await until('the first stands beside it', async () => (await statesOf(kiln.database, id)).includes('orphan'));
    second.open();
    const done = await settled(kiln, id);
    expect(done).toMatchObject({ status: 'succeeded', error: null, outputs: [{ type: 'audio' }] });
    expect(await toldOps(kiln.database, id)).toContain('attempt.orphan');
    // Closed or not, the orphan is never what the job goes on with.
    expect(await bought(kiln.sandbox, 'acestep', prompt)).toBe(2);
    const attempts = await attemptsOf(kiln.database, id);
    expect(attempts).toHaveLength(2);
    const [attempt, orphan] = attempts;
    expect(attempt).toMatchObject({ state: 'succeeded', seq: 1 });
    expect(orphan).toMatchObject({ seq: 2, token: attempt?.token });
    expect(orphan?.taskId).not.toEqual(attempt?.taskId);
    await expectBooks(kiln, id, ['settle']);
  });

  test.each([
    ['by the submit that brought it', false],
    ['by the reconciler, where that ring was lost', true],
  ])('an orphan that holds the slot its own job waits for is tended %s', async (_how, isLost) => {
    const prompt = newPrompt();
    const gate = holdAt('submit.answered');
    const { id } = await kiln.post(song(prompt));
    await gate.reached;
    await kiln.call('POST', `/v1/jobs/${id}/cancel`);
    await claimExpires(kiln.database, id);
    expect(await settled(kiln, id)).toMatchObject({ status: 'canceled' });
    const lane = (await attemptsOf(kiln.database, id))[0]?.lane ?? '';
    // A full lane, until the orphan is there.
    await kiln.call('POST', `/admin/lanes/${lane}/pause`);
    expect((await kiln.call('POST', `/v1/jobs/${id}/replay`)).status).toBe(202);
    const ring = jest.spyOn(Doorbell.prototype, 'ring');
    if (isLost) ring.mockResolvedValue();
    gate.open();
    const closed = async (): Promise<boolean> => {
      if (isLost) await reconcile(kiln);
      const states = await statesOf(kiln.database, id);
      return states.length === 2 && !states.includes('orphan');
    };
    await until('the orphan is closed while the job waits', closed).finally(() => ring.mockRestore());
    expect(await kiln.get(id)).toMatchObject({ status: 'queued', stage: 'waiting' });
    await kiln.call('POST', `/admin/lanes/${lane}/resume`);
    expect(await settled(kiln, id)).toMatchObject({ status: 'succeeded', error: null });
    await expectBooks(kiln, id, ['release', 'settle']);
  });

  test("an orphan of a run before the replay is tended, and the replay's money does not wait for it", async () => {
    const prompt = newPrompt();
    const gate = holdAt('submit.answered');
    const { id } = await kiln.post(song(prompt));
    await gate.reached;
    await kiln.call('POST', `/v1/jobs/${id}/cancel`);
    await claimExpires(kiln.database, id);
    expect(await settled(kiln, id)).toMatchObject({ status: 'canceled' });
    expect((await kiln.call('POST', `/v1/jobs/${id}/replay`)).status).toBe(202);
    gate.open();
    const done = await settled(kiln, id);
    expect(done).toMatchObject({ status: 'succeeded', error: null });
    const attempts = await attemptsOf(kiln.database, id);
    expect(attempts.map(({ run, seq }) => ({ run, seq }))).toEqual([
      { run: 1, seq: 1 },
      { run: 1, seq: 2 },
      { run: 2, seq: 1 },
    ]);
    await expectBooks(kiln, id, ['release', 'settle']);
  });

  test.each([
    ['comfyui', 'canceled', 'release', image],
    ['vertex', 'succeeded', 'settle', video],
  ] as const)(
    'canceled during the submit at %s: the task is saved, and %s in the end: %s',
    async (provider, state, close, body) => {
      const prompt = newPrompt();
      if (provider === 'comfyui') await kiln.sandbox.arm({ provider, fault: 'never', match: prompt });
      const gate = holdAt('submit.answered');
      const { id } = await kiln.post(body(prompt));
      await gate.reached;
      const canceled = await kiln.call('POST', `/v1/jobs/${id}/cancel`);
      expect(canceled).toMatchObject({ status: 200, body: { status: 'canceled', cost: { charged_micro_usd: null } } });
      gate.open();
      const done = await settled(kiln, id);
      expect(done).toMatchObject({ status: 'canceled', outputs: [] });
      expect(done.cost.charged_micro_usd).toBe(close === 'settle' ? done.cost.held_micro_usd : 0);
      expect(await bought(kiln.sandbox, provider, prompt)).toBe(1);
      expect(await statesOf(kiln.database, id)).toEqual([state]);
      await expectBooks(kiln, id, [close]);
    },
  );

  test('canceled during a submit that is refused: the hold is free at once', async () => {
    const prompt = newPrompt();
    await kiln.sandbox.arm({ provider: 'vertex', fault: '503', match: prompt });
    const gate = holdAt('submit.leased');
    const { id } = await kiln.post(video(prompt));
    await gate.reached;
    await kiln.call('POST', `/v1/jobs/${id}/cancel`);
    gate.open();
    const done = await settled(kiln, id);
    expect(done).toMatchObject({ status: 'canceled', cost: { charged_micro_usd: 0 } });
    expect(await statesOf(kiln.database, id)).toEqual(['failed']);
    expect(await bought(kiln.sandbox, 'vertex', prompt)).toBe(0);
    await expectBooks(kiln, id, ['release']);
  });

  test('a poll whose claim was lost meanwhile changes nothing', async () => {
    const prompt = newPrompt();
    const saved = holdAt('submit.saved');
    const { id } = await kiln.post(image(prompt));
    await saved.reached;
    const { endpoint, token } = (await attemptsOf(kiln.database, id))[0]!;
    await until('the picture is made', async () => {
      const history = (await (await fetch(`${endpoint}/history/${token}`)).json()) as object;
      return Object.keys(history).length > 0;
    });
    const first = holdAt('poll.answered', id);
    saved.open();
    await first.reached;
    await claimExpires(kiln.database, id);
    const second = holdAt('poll.answered', id);
    let isAtPoll = false;
    void second.reached.then(() => (isAtPoll = true));
    await until('another claim is at the poll', async () => {
      await reconcile(kiln);
      return isAtPoll;
    });
    // Both know of the success; only the claim that holds the job may say so.
    first.open();
    for (let rounds = 0; rounds < 5; rounds += 1) await reconcile(kiln);
    expect(await statesOf(kiln.database, id)).toEqual(['running']);
    second.open();
    const done = await settled(kiln, id);
    expect(done).toMatchObject({ status: 'succeeded', error: null });
    expect(await statesOf(kiln.database, id)).toEqual(['succeeded']);
    expect(await seen(kiln.sandbox, 'comfyui', prompt)).toBe(1);
    expect((await eventsOf(kiln.database, id)).filter((type) => type === 'job.storing')).toHaveLength(1);
    await expectBooks(kiln, id, ['settle']);
  });
});

describe('step by step', () => {
  beforeAll(async () => {
    kiln = await startKiln({ ground, env, workers: false });
  });
  afterAll(async () => kiln.close());

  const admitted = async (prompt: string): Promise<string> => {
    const { id } = await kiln.post(image(prompt));
    await until('it is admitted', async () => (await jobRow(kiln.database, id)).stage === 'submitting');
    return id;
  };

  test('a doorbell during a poll is not lost to the back-off', async () => {
    const prompt = newPrompt();
    await kiln.sandbox.arm({ provider: 'comfyui', fault: 'never', match: prompt });
    const id = await admitted(prompt);
    const gate = holdAt('poll.answered');
    const { tick } = await jobRow(kiln.database, id);
    let gateOpened = false;
    const walking = (async () => {
      for (;;) {
        const ms = await kiln.app.get(Engine).advance('tick', id, tick);
        if (ms === null || gateOpened) return ms;
        await until('it is due', async () => (await jobRow(kiln.database, id)).wakeAt! <= new Date());
      }
    })();
    await gate.reached;
    await kiln.app.get(Doorbell).ring(id);
    gateOpened = true;
    gate.open();
    // The old message is done: the doorbell's own goes on, at once.
    expect(await walking).toBeNull();
    const row = await queryRow<{ late: boolean; tick: number }>(
      kiln.database,
      sql`SELECT wake_at <= now() AS late, tick FROM job WHERE id = ${id}`,
    );
    expect(row).toEqual({ late: true, tick: tick + 1 });
    await kiln.call('POST', `/v1/jobs/${id}/cancel`);
  });

  test('two workers with the same message submit once', async () => {
    const prompt = newPrompt();
    const id = await admitted(prompt);
    const gate = holdAt('submit.leased');
    const first = step(kiln, id);
    await gate.reached;
    const other = await step(kiln, id);
    expect(other).toBeGreaterThan(0);
    gate.open();
    await first;
    expect(await seen(kiln.sandbox, 'comfyui', prompt)).toBe(1);
    await kiln.call('POST', `/v1/jobs/${id}/cancel`);
  });

  test('stale and made-up messages do nothing', async () => {
    const id = await admitted(newPrompt());
    const before = await jobRow(kiln.database, id);
    const engine = kiln.app.get(Engine);
    for (const n of [before.tick - 1, before.tick + 1, 0]) expect(await engine.advance('tick', id, n)).toBeNull();
    expect(await engine.advance('tick', `job_${'0'.repeat(id.length - 4)}`, 1)).toBeNull();
    expect(await jobRow(kiln.database, id)).toEqual(before);
    await kiln.call('POST', `/v1/jobs/${id}/cancel`);
  });
});
