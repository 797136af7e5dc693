import { progressRetryMs } from './progress-event.js';

const middle = (): number => 0.5;

it('tries once more, soon, and within the minute', () => {
  expect(progressRetryMs(1, 0, null, middle)).toBe(5000);
  expect(progressRetryMs(1, 1000, 20_000, middle)).toBe(20_000);
  expect(progressRetryMs(2, 6000, null, middle)).toBeNull();
});

it('gives up what would come later than a minute', () => {
  expect(progressRetryMs(1, 0, 60_000, middle)).toBe(60_000);
  expect(progressRetryMs(1, 0, 60_001, middle)).toBeNull();
  expect(progressRetryMs(1, 56_000, null, middle)).toBeNull();
});
