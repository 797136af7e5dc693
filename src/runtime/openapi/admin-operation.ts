import type { ErrorType } from '../../common/error-types.js';
import type { Operation } from './operations.js';

/** An operation of /admin: beside its own errors it may find the key's role too low. */
export const admin = (
  id: string,
  summary: string,
  answers: Operation['answers'],
  errors: ErrorType[] = [],
): Operation => ({
  id,
  tag: 'Admin',
  summary,
  answers,
  errors: ['permission_denied', ...errors],
});
