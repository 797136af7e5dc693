import type { z } from 'zod';
import { parseUsd } from '../common/money.js';
import { UsageError } from './usage-error.js';

interface KeyOption {
  /** Field of the API's body. */
  field: string;
  value: string;
  about: string;
  /** Throws UsageError where the text can't be meant. `none` lifts a limit and is not read. */
  read: (text: string, option: string) => unknown;
  /** What `none` means; absent where there is no such thing. */
  none?: null | readonly never[];
}

const asText = (text: string): string => text;
const asList = (text: string): string[] => text.split(',').map((entry) => entry.trim());
function asWhole(text: string, option: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new UsageError(`--${option} must be a whole number; got '${text}'.`);
  return Number(text);
}
function asUsd(text: string, option: string): number {
  const microUsd = parseUsd(text);
  if (microUsd === null)
    throw new UsageError(`--${option} must be dollars with at most six decimals, such as 25 or 0.50; got '${text}'.`);
  return microUsd;
}

/** Options of `keys create` and `keys update`, in the order in which help shows them. */
export const KEY_OPTIONS: Readonly<Record<string, KeyOption>> = {
  name: { field: 'name', value: 'NAME', about: 'what people call it', read: asText },
  description: { field: 'description', value: 'TEXT', about: 'for people', read: asText, none: null },
  role: { field: 'role', value: 'ROLE', about: 'app (default), viewer, operator or admin', read: asText },
  'daily-budget-usd': {
    field: 'daily_budget_micro_usd',
    value: 'DOLLARS',
    about: 'a day in UTC, such as 25 or 0.50',
    read: asUsd,
    none: null,
  },
  models: {
    field: 'allowed_models',
    value: 'LIST',
    about: "models it may call, * for any run of characters: 'veo-*,flux-dev'",
    read: asList,
    none: [],
  },
  'max-concurrent-jobs': {
    field: 'max_concurrent_jobs',
    value: 'N',
    about: 'jobs that run at once',
    read: asWhole,
    none: null,
  },
  'max-queued-jobs': {
    field: 'max_queued_jobs',
    value: 'N',
    about: 'jobs that wait at once',
    read: asWhole,
    none: null,
  },
  weight: { field: 'weight', value: 'N', about: 'share of a busy lane, relative to other keys (1)', read: asWhole },
  'requests-per-minute': {
    field: 'requests_per_minute',
    value: 'N',
    about: 'requests for work a minute',
    read: asWhole,
    none: null,
  },
  'expires-at': { field: 'expires_at', value: 'TIME', about: 'such as 2027-01-31T00:00:00Z', read: asText, none: null },
  'allowed-ips': {
    field: 'allowed_ips',
    value: 'LIST',
    about: 'addresses and CIDR ranges it may be used from: 203.0.113.0/24,2001:db8::1',
    read: asList,
    none: [],
  },
};

/** The API's body of what was given, checked as the API checks it. Throws UsageError that names the option. */
export function keyBody<S extends z.ZodType>(
  schema: S,
  given: Readonly<Record<string, string | boolean | undefined>>,
): z.output<S> {
  const body: Record<string, unknown> = {};
  for (const [option, { field, read, none }] of Object.entries(KEY_OPTIONS)) {
    const text = given[option];
    if (typeof text !== 'string') continue;
    body[field] = text === 'none' && none !== undefined ? none : read(text, option);
  }
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = String(issue?.path[0]);
  const [option = field] = Object.keys(KEY_OPTIONS).filter((name) => KEY_OPTIONS[name]?.field === field);
  if (given[option] === undefined) throw new UsageError(`--${option} is required.`);
  throw new UsageError(`--${option} is not valid: ${issue?.message}; got '${String(given[option])}'.`);
}
