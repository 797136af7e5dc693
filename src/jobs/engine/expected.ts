import type { JsonObject } from '../../common/json.js';

/** Input fields that change how long a run takes. */
const SHAPING = [
  'duration_seconds',
  'resolution',
  'size',
  'width',
  'height',
  'n',
  'steps',
  'generate_audio',
  'aspect_ratio',
] as const;

/** Runs with the same bucket take about the same time on one route. */
export function timingBucket(operation: string, input: JsonObject): string {
  const parts = SHAPING.flatMap((field) =>
    input[field] === undefined ? [] : [`${field}=${JSON.stringify(input[field])}`],
  );
  return [operation, ...parts].join('&').slice(0, 200);
}
