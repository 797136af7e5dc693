import { spawn, spawnSync } from 'node:child_process';
import installer from '@ffmpeg-installer/ffmpeg';

const TIMEOUT_MS = 120_000;
const MAX_AT_ONCE = 2;
const STDERR_KEPT = 2_000;

/** The given path, else `ffmpeg` on PATH, else the binary that came with the npm package. */
export function findFfmpeg(given?: string): string {
  if (given !== undefined) return given;
  return spawnSync('ffmpeg', ['-version'], { stdio: 'ignore' }).status === 0 ? 'ffmpeg' : installer.path;
}

/** Runs ffmpeg, at most two at once, without network or terminal. */
export class Ffmpeg {
  private running = 0;
  private readonly waiting: (() => void)[] = [];
  private readonly children = new Set<ReturnType<typeof spawn>>();

  constructor(private readonly path: string) {}

  /** `args` in groups, an option with its value each. */
  async run(args: string[][]): Promise<void> {
    if (this.running >= MAX_AT_ONCE) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else this.running += 1;
    try {
      await this.spawn(args.flat());
    } finally {
      const next = this.waiting.shift();
      if (next === undefined) this.running -= 1;
      else next();
    }
  }

  /** Length of a recording or clip as ffmpeg reads it; null of what it can't read. */
  async secondsOf(file: string): Promise<number | null> {
    // Without an output it says what it was given and ends with an error.
    const said = await this.spawn(['-i', file], 'info').then(
      () => '',
      (error: Error) => error.message,
    );
    const [, hours, minutes, seconds] = /Duration: (\d+):(\d+):([\d.]+)/.exec(said) ?? [];
    return seconds === undefined ? null : Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
  }

  /** Kills what still runs. */
  close(): void {
    for (const child of this.children) child.kill('SIGKILL');
  }

  private spawn(args: string[], loglevel = 'error'): Promise<void> {
    return new Promise((resolve, reject) => {
      const child = spawn(this.path, ['-nostdin', '-hide_banner', '-loglevel', loglevel, '-y', ...args], {
        stdio: ['ignore', 'ignore', 'pipe'],
        timeout: TIMEOUT_MS,
        killSignal: 'SIGKILL',
      });
      this.children.add(child);
      let stderr = '';
      child.stderr?.on('data', (chunk: Buffer) => {
        stderr = (stderr + chunk.toString()).slice(-STDERR_KEPT);
      });
      child.once('error', (error) => {
        this.children.delete(child);
        reject(error);
      });
      child.once('close', (code, signal) => {
        this.children.delete(child);
        if (code === 0) resolve();
        else reject(new Error(`ffmpeg ended with ${signal ?? String(code)}: ${stderr}`));
      });
    });
  }
}
