import { type ArgumentMetadata, Injectable, StandardSchemaValidationPipe } from '@nestjs/common';
import { invalidRequest, type KilnError } from '../common/errors.js';

interface Issue {
  message: string;
  code?: string;
  keys?: string[];
  path?: readonly (PropertyKey | { key: PropertyKey })[];
}

const SHOWN_CHARS = 100;

/** Checks bodies, queries and params against their Zod schema; what does not fit is a 400 that names field, value and what is allowed. */
@Injectable()
export class ValidationPipe extends StandardSchemaValidationPipe {
  override async transform<T>(value: T, metadata: ArgumentMetadata): Promise<T> {
    const { schema } = metadata as { schema?: { '~standard': { validate(value: unknown): unknown } } };
    if (!schema) return value;
    const result = (await schema['~standard'].validate(value)) as { value: T; issues?: readonly Issue[] };
    const [issue] = result.issues ?? [];
    if (issue) throw toError(issue, value);
    return result.value;
  }
}

function toError(issue: Issue, value: unknown): KilnError {
  const path = (issue.path ?? []).map((segment) => (typeof segment === 'object' ? segment.key : segment));
  if (issue.code === 'unrecognized_keys') {
    const field = nameOf([...path, issue.keys?.[0] ?? '']);
    return invalidRequest(`Unknown parameter: '${field}'.`, field, 'unknown_parameter');
  }
  const field = nameOf(path);
  if (field === '')
    return invalidRequest(
      value === undefined || value === null
        ? 'The request needs a JSON body.'
        : `The body is not valid: ${issue.message}.`,
    );
  const came = path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | null | undefined)?.[key], value);
  return came === undefined
    ? invalidRequest(`'${field}' is required. ${issue.message}.`, field)
    : invalidRequest(`'${field}' is not valid: ${issue.message}; got ${shown(came)}.`, field);
}

/** `input.images[1]`, at most 200 characters of it. */
function nameOf(path: readonly PropertyKey[]): string {
  return path
    .reduce<string>(
      (name, key) =>
        typeof key === 'number' ? `${name}[${key}]` : name === '' ? String(key) : `${name}.${String(key)}`,
      '',
    )
    .slice(0, 200);
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= SHOWN_CHARS ? text : `${text.slice(0, SHOWN_CHARS)}… (${text.length} characters)`;
}
