import { spawnSync } from 'node:child_process';

const answers = (command: string, option: string): boolean => spawnSync(command, [option]).status === 0;

/**
 * A suite that runs a Python server which calls ffmpeg. Where the machine lacks one of the two it stands in the counts as
 * skipped, with the reason in its name: it is never silently absent.
 */
export function describeWithPython(name: string, suite: () => void): void {
  if (answers('python3', '--version') && answers('ffmpeg', '-version')) describe(name, suite);
  else describe.skip(`${name} (skipped: no python3 or no ffmpeg on this machine)`, suite);
}
