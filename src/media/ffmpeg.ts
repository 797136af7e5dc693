import { resolve } from 'node:path';
import createCommand, { type FfmpegCommand } from 'fluent-ffmpeg';
import { UnusableMedia } from './media.js';
import type { MediaType } from './media-type.js';
import { type ProcessResult, runProcess } from './run-process.js';

export interface FfmpegOptions {
  ffmpegPath: string;
  ffprobePath: string;
  timeoutMs: number;
  maxMemoryBytes: number;
}

/** What the limiting wrapper and the loader exit with: the server's fault, not the file's. */
const CANNOT_START: ReadonlySet<number> = new Set([126, 127]);

/** The one place where fluent-ffmpeg hands out what it has built. */
type ArgumentBuilder = FfmpegCommand & { _getArguments(): string[] };

/**
 * What every reader of a foreign file gets. The demuxer is forced and is the only one allowed, so that a playlist, whatever
 * its name, never opens the files it lists; nothing but plain files can be opened; `file:` keeps a name from being a URL.
 */
const inputOptions = (type: MediaType): string[] => {
  if (type.demuxer === null) throw new Error(`${type.contentType} is not read by ffmpeg`);
  return ['-protocol_whitelist', 'file', '-format_whitelist', type.demuxer, '-f', type.demuxer];
};

const fileUrl = (path: string): string => `file:${resolve(path)}`;

export class Ffmpeg {
  constructor(private readonly options: FfmpegOptions) {}

  /**
   * Runs what `build` adds to a command on one input. fluent-ffmpeg builds the arguments; the process is started here,
   * because its own runner can neither detach (a kill would miss grandchildren and the limiting wrapper) nor drop the
   * environment, and probes the binary's capabilities before each first run.
   */
  async run(
    path: string,
    type: MediaType,
    build: (command: FfmpegCommand) => FfmpegCommand,
    timeoutMs = this.options.timeoutMs,
  ): Promise<ProcessResult> {
    const command = createCommand(fileUrl(path)).inputOptions('-threads', '2', ...inputOptions(type));
    const built = build(command) as ArgumentBuilder;
    const args = ['-hide_banner', '-nostdin', '-v', 'error', '-filter_threads', '1', ...built._getArguments()];
    return this.start(this.options.ffmpegPath, args, type, timeoutMs);
  }

  /** ffprobe's JSON; started directly, fluent-ffmpeg's ffprobe has neither a timeout nor limits. */
  async probe(path: string, type: MediaType, timeoutMs = this.options.timeoutMs): Promise<unknown> {
    const args = [
      '-hide_banner',
      '-v',
      'error',
      ...inputOptions(type),
      '-of',
      'json',
      '-show_format',
      '-show_streams',
      '-i',
      fileUrl(path),
    ];
    const { stdout } = await this.start(this.options.ffprobePath, args, type, timeoutMs);
    return JSON.parse(stdout) as unknown;
  }

  private async start(program: string, args: string[], type: MediaType, timeoutMs: number): Promise<ProcessResult> {
    const limits = {
      timeoutMs: Math.min(timeoutMs, this.options.timeoutMs),
      maxMemoryBytes: this.options.maxMemoryBytes,
    };
    const result = await runProcess(program, args, limits);
    if (result.timedOut)
      throw new UnusableMedia('timeout', `the ${type.kind} could not be processed within ${limits.timeoutMs} ms`);
    if (result.code === 0) return result;
    if (result.code !== null && CANNOT_START.has(result.code))
      throw new Error(`${program} cannot be started: ${result.stderr.trim()}`);
    // The program's words name server paths: they stay in the cause, for operators.
    throw Object.assign(new UnusableMedia('damaged', `the ${type.kind} is damaged or cannot be decoded`), {
      cause: new Error(`exit ${result.code ?? 'by signal'}: ${result.stderr.trim()}`),
    });
  }
}

/** For an output option: the file to write, whatever characters its name has. */
export const outputUrl = fileUrl;
