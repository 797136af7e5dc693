import { invalidInput, ReplicateError, type InvalidField } from './errors.js';
import type { Input, InputField, SandboxModel } from './models.js';

export const EVENTS = ['start', 'output', 'logs', 'completed'] as const;
export type WebhookEvent = (typeof EVENTS)[number];

export interface CreateBody {
  input: Input;
  version: string | null;
  webhook: string | null;
  /** Null: outputs and the end, as when left out. */
  events: WebhookEvent[] | null;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const wrong = (field: string, description: string, type = 'invalid_type'): ReplicateError =>
  invalidInput([{ type, field, description }]);

/** Replicate calls https only; a receiver on this machine is let through, as Kiln's is in tests. */
function isReceiver(url: unknown): url is string {
  if (typeof url !== 'string' || !URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  return protocol === 'https:' || (protocol === 'http:' && ['127.0.0.1', 'localhost', '[::1]'].includes(hostname));
}

/** The body of a create; `versioned`: by `/predictions`, where the version stands in it. */
export function readCreate(body: unknown, versioned: boolean): CreateBody {
  if (!isRecord(body)) throw new ReplicateError(400, 'Bad request', 'The body must be a JSON object.');
  const known = ['input', 'webhook', 'webhook_events_filter', 'stream', ...(versioned ? ['version'] : [])];
  const stranger = Object.keys(body).find((field) => !known.includes(field));
  if (stranger !== undefined)
    throw wrong('(root)', `Additional property ${stranger} is not allowed`, 'additional_property_not_allowed');
  const { input, version, webhook, webhook_events_filter: events, stream } = body;
  if (input === undefined) throw wrong('(root)', 'input is required', 'required');
  if (!isRecord(input)) throw wrong('input', `Invalid type. Expected: object, given: ${typeName(input)}`);
  if (versioned && typeof version !== 'string') throw wrong('(root)', 'version is required', 'required');
  if (stream !== undefined && typeof stream !== 'boolean')
    throw wrong('stream', `Invalid type. Expected: boolean, given: ${typeName(stream)}`);
  if (webhook !== undefined && !isReceiver(webhook)) throw wrong('webhook', 'must be an HTTPS URL', 'format');
  if (events !== undefined && !(Array.isArray(events) && events.every((event) => EVENTS.some((one) => one === event))))
    throw wrong('webhook_events_filter', `must hold only ${EVENTS.join(', ')}`, 'enum');
  if (events !== undefined && webhook === undefined) throw wrong('(root)', 'webhook is required', 'required');
  return {
    input,
    version: typeof version === 'string' ? version : null,
    webhook: typeof webhook === 'string' ? webhook : null,
    events: (events as WebhookEvent[] | undefined) ?? null,
  };
}

function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return Number.isInteger(value) ? 'integer' : typeof value;
}

function problemOf(name: string, field: InputField, value: unknown): Omit<InvalidField, 'field'> | null {
  const expected = field.type === 'file' ? 'string' : field.type;
  const given = typeName(value);
  if (given !== expected && !(expected === 'number' && given === 'integer'))
    return { type: 'invalid_type', description: `Invalid type. Expected: ${expected}, given: ${given}` };
  if (field.values !== undefined && !field.values.some((one) => one === value))
    return {
      type: 'enum',
      description: `${name} must be one of the following: ${field.values.map((one) => `"${one}"`).join(', ')}`,
    };
  if (typeof value === 'number' && field.min !== undefined && value < field.min)
    return { type: 'number_gte', description: `Must be greater than or equal to ${field.min}` };
  if (typeof value === 'number' && field.max !== undefined && value > field.max)
    return { type: 'number_lte', description: `Must be less than or equal to ${field.max}` };
  if (typeof value === 'string' && value.length > (field.maxLength ?? Number.POSITIVE_INFINITY))
    return { type: 'string_lte', description: `String length must be less than or equal to ${field.maxLength}` };
  if (field.type === 'file' && !/^(?:https?:\/\/|data:)/i.test(value as string))
    return { type: 'format', description: "Does not match format 'uri'" };
  return null;
}

/** Throws 422 with every field that the model's schema refuses. Real models let some unknown fields pass; a request that has one is a mistake. */
export function checkInput(model: SandboxModel, input: Input): void {
  const invalid: InvalidField[] = [];
  for (const [name, field] of Object.entries(model.fields)) {
    if (field.required && input[name] === undefined)
      invalid.push({ type: 'required', field: 'input', description: `${name} is required` });
    else if (input[name] !== undefined) {
      const problem = problemOf(name, field, input[name]);
      if (problem !== null) invalid.push({ ...problem, field: `input.${name}` });
    }
  }
  for (const name of Object.keys(input))
    if (!Object.hasOwn(model.fields, name))
      invalid.push({
        type: 'additional_property_not_allowed',
        field: 'input',
        description: `Additional property ${name} is not allowed`,
      });
  if (invalid.length > 0) throw invalidInput(invalid);
}

const MIN_DEADLINE_MS = 5000;

/** `Cancel-After: 1h30m` in ms. */
export function readDeadline(header: string | undefined): number | null {
  if (header === undefined) return null;
  const match = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(header);
  const [hours = 0, minutes = 0, seconds = 0] = (match?.slice(1) ?? []).map((part) => Number(part ?? 0));
  const ms = ((hours * 60 + minutes) * 60 + seconds) * 1000;
  if (ms < MIN_DEADLINE_MS)
    throw new ReplicateError(400, 'Bad request', 'Cancel-After must be a duration of at least 5s, such as 1m30s.');
  return ms;
}

const LONGEST_WAIT_SECONDS = 60;

/** `Prefer: wait` or `wait=n` in ms; null without it. */
export function readWait(header: string | undefined): number | null {
  const match = /(?:^|,)\s*wait(?:=(\d+))?\s*(?:,|$)/.exec(header ?? '');
  if (match === null) return null;
  const seconds = match[1] === undefined ? LONGEST_WAIT_SECONDS : Number(match[1]);
  if (seconds < 1 || seconds > LONGEST_WAIT_SECONDS)
    throw new ReplicateError(400, 'Bad request', 'Prefer: wait takes 1 to 60 seconds.');
  return seconds * 1000;
}
