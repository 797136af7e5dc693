import { z } from 'zod';
import { isAddressRange } from '../common/address-ranges.js';

/** One environment variable: how its text becomes a value, and what documentation and errors say of it. */
export interface Variable<T = unknown> {
  schema: z.ZodType<T, string>;
  /** Completes "allowed is …". */
  allowed: string;
  group: string;
  about: string;
  /** Text used when the variable is unset or blank; null where it then has no value. */
  fallback: string | null;
  /** What documentation shows as the default, where that is not `fallback`. */
  shownDefault?: string;
  /** Never shown, neither in errors nor in logs. */
  secret?: boolean;
}

type Kind<T> = Pick<Variable<T>, 'schema' | 'allowed'>;

export const text = (allowed: string, pattern = /^[^\0\r\n]+$/): Kind<string> => ({
  schema: z.string().regex(pattern),
  allowed,
});

export const whole = (min: number, max: number, unit = ''): Kind<number> => ({
  schema: z
    .string()
    .regex(/^\d{1,15}$/)
    .transform(Number)
    .refine((value) => value >= min && value <= max),
  allowed: `a whole number${unit && ` of ${unit}`} from ${min} to ${max}`,
});

export const decimal = (min: number, max: number): Kind<number> => ({
  schema: z
    .string()
    .regex(/^\d{1,9}(\.\d{1,6})?$/)
    .transform(Number)
    .refine((value) => value >= min && value <= max),
  allowed: `a number from ${min} to ${max}`,
});

export const oneOf = <const T extends string>(...values: readonly [T, ...T[]]): Kind<T> => ({
  schema: z.enum(values),
  allowed: values.map((value) => `\`${value}\``).join(', '),
});

export const flag = (): Kind<boolean> => ({
  schema: z.enum(['true', 'false', '1', '0']).transform((value) => value === 'true' || value === '1'),
  allowed: '`true`, `false`, `1`, `0`',
});

/** An absolute URL with one of the schemes; kept as written, without a slash at its end. */
export const url = (...schemes: readonly string[]): Kind<string> => ({
  schema: z
    .string()
    .refine((value) => URL.canParse(value) && schemes.includes(new URL(value).protocol.slice(0, -1)))
    .transform((value) => value.replace(/\/+$/, '')),
  allowed: `a URL that starts with ${schemes.map((scheme) => `\`${scheme}://\``).join(' or ')}`,
});

const HOST_PORT = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/;

export const hostPorts = (): Kind<string[]> => ({
  schema: z
    .string()
    .transform((value) => value.split(',').map((entry) => entry.trim()))
    .refine((entries) =>
      entries.every(
        (entry) => Number(HOST_PORT.exec(entry)?.[2] ?? 0) > 0 && Number(HOST_PORT.exec(entry)?.[2]) < 65_536,
      ),
    ),
  allowed: 'exact `host:port` pairs, comma separated',
});

/** Addresses and CIDR ranges. */
export const addressRanges = (): Kind<string[]> => ({
  schema: z
    .string()
    .transform((value) => value.split(',').map((entry) => entry.trim()))
    .refine((entries) => entries.every(isAddressRange)),
  allowed: 'IPv4 or IPv6 addresses and CIDR ranges, comma separated',
});

export const MIN_SECRET_LENGTH = 32;
const SAMPLE_SECRET =
  /^(.)\1+$|change.?me|example|secret-secret|your.?secret|kiln-development|0123456789abcdef0123456789abcdef|placeholder/i;

/** Current secret first, then the one before it while rotating. */
export const secrets = (): Kind<string[]> => ({
  schema: z
    .string()
    .transform((value) => value.split(',').map((entry) => entry.trim()))
    .refine(
      (list) =>
        list.length <= 2 && list.every((entry) => entry.length >= MIN_SECRET_LENGTH && !SAMPLE_SECRET.test(entry)),
    ),
  allowed: `one secret of at least ${MIN_SECRET_LENGTH} characters, or two (current,previous); sample values are refused (make one with: openssl rand -base64 48)`,
});
