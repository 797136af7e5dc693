import type { DestinationStream } from 'pino';

const LEVEL_WIDTH = 5;

/** `12:30:01.123 warn  a tick could not run job_id=job_… err="connection refused"` */
export function readableLine(json: string): string {
  const { time, level, msg, err, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const clock = String(time).slice(11, 23);
  const shown = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  const { message, stack } = (err ?? {}) as { message?: string; stack?: string };
  const failure = err === undefined ? '' : ` err=${JSON.stringify(message)}${stack ? `\n${stack}` : ''}`;
  return `${clock} ${String(level).padEnd(LEVEL_WIDTH)} ${String(msg)}${shown.join('')}${failure}\n`;
}

/** A destination that turns JSON lines into lines for a person. */
export const readable = (target: DestinationStream): DestinationStream => ({
  write: (line) => target.write(readableLine(line)),
});
