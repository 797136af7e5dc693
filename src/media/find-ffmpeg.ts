import { access, constants } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { runProcess } from './run-process.js';

export interface FoundFfmpeg {
  ffmpegPath: string;
  ffprobePath: string;
  /** Of ffmpeg, as it names itself. */
  version: string;
  /** The last year of its copyright: the year of the release, patch releases included. */
  year: number;
  /** Too old to be given strangers' files: production must refuse it. */
  isOutdated: boolean;
}

const SYSTEM_FOLDERS = ['/usr/local/bin', '/usr/bin', '/bin', '/opt/homebrew/bin'];
/** Years of decoder fixes lie behind anything older; the bundled static build is of 2018. */
const OLDEST_YEAR = 2022;
const VERSION_LIMITS = { timeoutMs: 10_000, maxMemoryBytes: 4 * 1024 ** 3 };

const isExecutable = (path: string): Promise<boolean> =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  );

/** Version and year from the first line of `ffmpeg -version`. */
export function parseVersion(output: string): { version: string; year: number } | null {
  const match = /^ff\w+ version (\S+) .*?Copyright \(c\) (?:\d{4}-)?(\d{4})/.exec(output);
  return match === null ? null : { version: match[1] ?? '', year: Number(match[2]) };
}

async function describe(ffmpegPath: string, ffprobePath: string): Promise<FoundFfmpeg | null> {
  const { stdout } = await runProcess(ffmpegPath, ['-version'], VERSION_LIMITS);
  const parsed = parseVersion(stdout);
  return parsed === null ? null : { ffmpegPath, ffprobePath, ...parsed, isOutdated: parsed.year < OLDEST_YEAR };
}

/** The static builds that come with the npm packages, so that a first start needs nothing installed. */
export async function findBundledFfmpeg(): Promise<FoundFfmpeg | null> {
  try {
    // Both throw while being imported on a platform they have no build for.
    const [{ default: ffmpeg }, { default: ffprobe }] = await Promise.all([
      import('@ffmpeg-installer/ffmpeg'),
      import('@ffprobe-installer/ffprobe'),
    ]);
    return await describe(ffmpeg.path, ffprobe.path);
  } catch {
    return null;
  }
}

/** What an operator has set; an ffprobe that isn't named is looked for beside ffmpeg. */
export interface GivenFfmpeg {
  ffmpegPath: string | null;
  ffprobePath: string | null;
}

async function useGiven(ffmpegPath: string, ffprobePath: string): Promise<FoundFfmpeg> {
  for (const path of [ffmpegPath, ffprobePath]) {
    if (!(await isExecutable(path))) throw new Error(`${path} can not be run: it must be an executable file`);
  }
  const found = await describe(ffmpegPath, ffprobePath);
  if (found === null) throw new Error(`${ffmpegPath} is no ffmpeg: it does not tell its version`);
  return found;
}

/** The given ffmpeg; else the system's, ffmpeg and ffprobe from one folder; else the bundled one. */
export async function findFfmpeg(given: GivenFfmpeg = { ffmpegPath: null, ffprobePath: null }): Promise<FoundFfmpeg> {
  if (given.ffmpegPath !== null) {
    return useGiven(given.ffmpegPath, given.ffprobePath ?? join(dirname(given.ffmpegPath), 'ffprobe'));
  }
  for (const folder of SYSTEM_FOLDERS) {
    const [ffmpegPath, ffprobePath] = [join(folder, 'ffmpeg'), given.ffprobePath ?? join(folder, 'ffprobe')];
    if (!(await isExecutable(ffmpegPath)) || !(await isExecutable(ffprobePath))) continue;
    const found = await describe(ffmpegPath, ffprobePath);
    if (found !== null) return found;
  }
  const bundled = await findBundledFfmpeg();
  if (bundled === null) {
    throw new Error('ffmpeg and ffprobe were not found: install them (apt-get install ffmpeg, brew install ffmpeg)');
  }
  return bundled;
}
