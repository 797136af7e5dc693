import type { LoggerService } from '@nestjs/common';
import { type DestinationStream, type Logger as PinoLogger, type LevelWithSilent, pino } from 'pino';
import { readable } from './readable-log.js';
import { scrub, scrubText } from './redaction.js';
import { currentRequestId } from './request-id.js';

/** Ids and numbers; `err` takes an error. Never what a user wrote: redaction is the second line, not the first. */
export type LogFields = Record<string, unknown>;

export interface LoggerOptions {
  level: LevelWithSilent;
  /** One line a person reads instead of JSON; for a terminal. */
  readable?: boolean;
  /** Default: standard output. */
  destination?: DestinationStream;
  /** Fields of every line, e.g. the role. */
  fields?: LogFields;
}

/** Structured log. Fields first, then the message; the current request id comes by itself. */
export class Logger {
  private constructor(private readonly pino: PinoLogger) {}

  static create({ level, readable: isReadable = false, destination, fields = {} }: LoggerOptions): Logger {
    const target = destination ?? pino.destination({ fd: 1, sync: false });
    return new Logger(
      pino(
        {
          level,
          base: fields,
          timestamp: pino.stdTimeFunctions.isoTime,
          formatters: {
            level: (label) => ({ level: label }),
            log: (entry) => scrub(entry) as Record<string, unknown>,
          },
          // scrub has made plain objects of errors already.
          serializers: { err: (error: unknown) => error },
          mixin: () => {
            const requestId = currentRequestId();
            return requestId === undefined ? {} : { request_id: requestId };
          },
        },
        isReadable ? readable(target) : target,
      ),
    );
  }

  /** For tests, and for what must stay quiet. */
  static silent(): Logger {
    return Logger.create({ level: 'silent' });
  }

  child(fields: LogFields): Logger {
    return new Logger(this.pino.child(scrub(fields) as LogFields));
  }

  debug(fields: LogFields, message: string): void {
    this.pino.debug(fields, scrubText(message));
  }

  info(fields: LogFields, message: string): void {
    this.pino.info(fields, scrubText(message));
  }

  warn(fields: LogFields, message: string): void {
    this.pino.warn(fields, scrubText(message));
  }

  error(fields: LogFields, message: string): void {
    this.pino.error(fields, scrubText(message));
  }

  fatal(fields: LogFields, message: string): void {
    this.pino.fatal(fields, scrubText(message));
  }

  /** Writes what is still in memory; call before the process ends. */
  flush(): Promise<void> {
    return new Promise((resolve) => this.pino.flush(() => resolve()));
  }
}

/** Nest's own messages, in the same log: its start-up chatter as debug, the rest at its level. */
export class NestLog implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, context?: string): void {
    this.logger.debug({ context }, String(message));
  }
  debug(message: unknown, context?: string): void {
    this.logger.debug({ context }, String(message));
  }
  verbose(message: unknown, context?: string): void {
    this.logger.debug({ context }, String(message));
  }
  warn(message: unknown, context?: string): void {
    this.logger.warn({ context }, String(message));
  }
  error(message: unknown, ...more: unknown[]): void {
    const err = message instanceof Error ? message : undefined;
    this.logger.error({ err, context: more.at(-1) }, err ? 'Nest reports an error' : String(message));
  }
  fatal(message: unknown, context?: string): void {
    this.logger.fatal({ context }, String(message));
  }
}
