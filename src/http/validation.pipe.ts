import { type ArgumentMetadata, Injectable, StandardSchemaValidationPipe } from '@nestjs/common';
import { assertText, requestError, type RequestIssue } from '../common/request-errors.js';

/** Checks bodies, queries and params against their Zod schema; what does not fit is a 400 that names field, value and what is allowed. */
@Injectable()
export class ValidationPipe extends StandardSchemaValidationPipe {
  override async transform<T>(value: T, metadata: ArgumentMetadata): Promise<T> {
    const { schema } = metadata as { schema?: { '~standard': { validate(value: unknown): unknown } } };
    if (!schema) return value;
    const result = (await schema['~standard'].validate(value)) as { value: T; issues?: readonly RequestIssue[] };
    const [issue] = result.issues ?? [];
    if (issue) throw requestError(schema, issue, value);
    assertText(result.value);
    return result.value;
  }
}
