import { JOB_STAGES, JOB_STATUSES, isTerminal } from './states.js';
import { INITIAL_POSITIONS, TRANSITIONS, eventType, next, type Position, type Transition } from './transitions.js';

const transitions = Object.keys(TRANSITIONS) as Transition[];
const everyPosition: Position[] = JOB_STATUSES.flatMap((status) =>
  [null, ...JOB_STAGES].map((stage) => ({ status, stage })),
);

test('a position has a stage exactly while it is live', () => {
  for (const transition of transitions) {
    const { from, to } = TRANSITIONS[transition];
    for (const { status, stage } of [...from, to]) expect(isTerminal(status)).toBe(stage === null);
  }
});

test('a succeeded job never moves again', () => {
  for (const transition of transitions) expect(next({ status: 'succeeded', stage: null }, transition)).toBeNull();
});

test('only a replay leaves a terminal position', () => {
  for (const transition of transitions.filter((one) => !one.startsWith('replayed'))) {
    for (const status of ['failed', 'canceled'] as const) expect(next({ status, stage: null }, transition)).toBeNull();
  }
});

test('once the provider has succeeded, no move leads back to a submit without a new attempt being admitted', () => {
  const fromStoring = transitions
    .map((one) => next({ status: 'running', stage: 'storing' }, one)?.stage)
    .filter((stage) => stage !== undefined);
  expect(new Set(fromStoring)).toEqual(new Set(['generating', 'processing', null]));
});

test('every live position reaches each terminal status', () => {
  for (const goal of ['succeeded', 'failed', 'canceled']) {
    for (const start of everyPosition.filter(
      ({ status, stage }) =>
        !isTerminal(status) && stage !== null && INITIAL_POSITIONS.some((one) => one.stage === stage),
    )) {
      const seen = new Set<string>();
      const todo: Position[] = [{ ...start, status: 'queued' }];
      while (todo.length > 0) {
        const position = todo.pop()!;
        const key = `${position.status}/${position.stage}`;
        if (seen.has(key)) continue;
        seen.add(key);
        for (const transition of transitions) {
          const to = next(position, transition);
          if (to) todo.push(to);
        }
      }
      expect([...seen]).toContain(`${goal}/null`);
    }
  }
});

test('clients hear of terminal moves by their status', () => {
  expect(['succeeded', 'failed', 'canceled', 'admitted'].map((one) => eventType(one as Transition))).toEqual([
    'job.succeeded',
    'job.failed',
    'job.canceled',
    'job.running',
  ]);
});
