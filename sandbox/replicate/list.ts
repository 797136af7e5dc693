import type { Desk } from './create.js';
import { ReplicateError } from './errors.js';
import { describePrediction, statusOf } from './predictions.js';

const PAGE = 100;

function timeOf(name: string, value: string | undefined): number | null {
  if (value === undefined) return null;
  const ms = Date.parse(value);
  if (Number.isNaN(ms)) throw new ReplicateError(400, 'Bad request', `${name} must be an ISO 8601 time.`);
  return ms;
}

/** GET /predictions: newest first, a hundred a page, whole URLs as cursors. */
export function listPredictions(
  { context, store }: Desk,
  query: Record<string, string | undefined>,
  origin: string,
): object {
  const after = timeOf('created_after', query['created_after']) ?? Number.NEGATIVE_INFINITY;
  const before = timeOf('created_before', query['created_before']) ?? Number.POSITIVE_INFINITY;
  // All are made by the API.
  const all = query['source'] === 'web' ? [] : store.list();
  const shown = all.flatMap((prediction) => {
    const status = statusOf(context, store, prediction);
    const isIn = prediction.createdAtMs >= after && prediction.createdAtMs < before;
    return status === null || !isIn ? [] : [{ prediction, status }];
  });
  const start = Math.max(
    0,
    shown.findIndex(({ prediction }) => prediction.id === query['cursor']),
  );
  const linkTo = (index: number): string | null => {
    const at = shown[index]?.prediction.id;
    if (at === undefined) return null;
    const params = new URLSearchParams(
      Object.entries({ ...query, cursor: at }).filter((entry): entry is [string, string] => entry[1] !== undefined),
    );
    return `${origin}/replicate/v1/predictions?${params.toString()}`;
  };
  return {
    previous: start > 0 ? linkTo(Math.max(0, start - PAGE)) : null,
    next: linkTo(start + PAGE),
    results: shown
      .slice(start, start + PAGE)
      .map(({ prediction, status }) => describePrediction(context, store, prediction, status, origin)),
  };
}
