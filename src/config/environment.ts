import type { Env } from './config.js';

/** The environment this process was started with; everything but the start reads KilnConfig. */
export const environment = (): Env => process.env;

/** What a child process of ours needs to find programs and temporary folders; secrets stay here. */
export function childEnvironment(): Record<string, string> {
  const names = ['PATH', 'HOME', 'TMPDIR', 'LANG'];
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}
