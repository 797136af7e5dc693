/** The command line is wrong; the message says how. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What was asked for could not be done; the message says why. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}
