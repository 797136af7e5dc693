import { z } from 'zod';
import { invalidRequest } from '../common/errors.js';
import { DAY_MS } from '../common/time.js';

/** What usage can be told apart by, in the order in which it is. */
export const DIMENSIONS = ['day', 'model', 'key', 'endpoint', 'route'] as const;
export type Dimension = (typeof DIMENSIONS)[number];

/** A UTC day, YYYY-MM-DD. */
export const utcDay = z.iso
  .date('a day as YYYY-MM-DD, in UTC')
  .refine((day) => day >= '2000-01-01', 'a day as YYYY-MM-DD, from 2000-01-01 on');

/** Groups of one answer; CSV reads so many at a time. */
export const GROUPS_PER_PAGE = 1000;

const usageFields = {
  from: utcDay.optional(),
  to: utcDay.optional(),
  group_by: z.string().max(100).default('day,model'),
  format: z.enum(['json', 'csv']).optional(),
  limit: z.coerce.number().int().min(1).max(GROUPS_PER_PAGE).optional(),
  after: z.string().min(1).max(4000).optional(),
};
export const usageQuery = z.strictObject(usageFields);
export type UsageQuery = z.output<typeof usageQuery>;

export const adminUsageQuery = z.strictObject({ ...usageFields, key: z.string().min(1).max(64).optional() });
export type AdminUsageQuery = z.output<typeof adminUsageQuery>;

/** Usage of the days from `from` to `to`, both included, by these dimensions. */
export interface UsageAsk {
  from: string;
  to: string;
  by: readonly Dimension[];
}

const DEFAULT_DAYS = 30;
const MAX_DAYS = 400;

const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

/** By default the last 30 days, today included. Throws 400 that names the field. */
export function readUsageQuery({ from, to, group_by: by }: UsageQuery, now = Date.now()): UsageAsk {
  const last = to ?? dayOf(now);
  const first = from ?? dayOf(Date.parse(last) - (DEFAULT_DAYS - 1) * DAY_MS);
  const days = (Date.parse(last) - Date.parse(first)) / DAY_MS + 1;
  if (days < 1) throw invalidRequest(`'from' is ${first}, which is after 'to', ${last}.`, 'from');
  if (days > MAX_DAYS)
    throw invalidRequest(
      `'from' ${first} to 'to' ${last} are ${days} days; at most ${MAX_DAYS} can be asked for.`,
      'from',
    );
  return { from: first, to: last, by: readDimensions(by) };
}

function readDimensions(text: string): Dimension[] {
  const names = text.split(',').map((name) => name.trim());
  const isKnown = names.every((name) => (DIMENSIONS as readonly string[]).includes(name));
  if (!isKnown || new Set(names).size < names.length)
    throw invalidRequest(
      `'group_by' must be some of ${DIMENSIONS.join(', ')}, each once, with commas between; got '${text}'.`,
      'group_by',
    );
  return DIMENSIONS.filter((one) => names.includes(one));
}

/** CSV where `format` or the `Accept` header names it and not JSON. */
export const wantsCsv = (format: 'json' | 'csv' | undefined, accept: string | undefined): boolean =>
  format === undefined
    ? /\btext\/csv\b/i.test(accept ?? '') && !/\bapplication\/json\b/i.test(accept ?? '')
    : format === 'csv';

/** Where a page ended: the last group's values. */
export function writePlace({ by }: UsageAsk, values: readonly string[]): string {
  return Buffer.from(JSON.stringify([by.join(','), ...values])).toString('base64url');
}

const place = z.array(z.string().regex(/^[^\0]*$/)).min(2);

/** Throws 400 for what `writePlace` has not written for the same `group_by`. */
export function readPlace({ by }: UsageAsk, written: string): string[] {
  const [of, ...values] = place.safeParse(parsed(written)).data ?? [];
  const isDay = by[0] !== 'day' || utcDay.safeParse(values[0]).success;
  if (of !== by.join(',') || values.length !== by.length || !isDay || !values.every((one) => one.isWellFormed()))
    throw invalidRequest("'after' is no 'last_id' of an answer with the same 'group_by'.", 'after');
  return values;
}

function parsed(written: string): unknown {
  try {
    return JSON.parse(Buffer.from(written, 'base64url').toString());
  } catch {
    return null;
  }
}
