import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from './root.js';

export interface DemoOptions {
  model: string;
  /** Null: one that suits the model. */
  prompt: string | null;
  /** Absolute path; null: the shipped picture, where the model starts from one. */
  image: string | null;
  durationSeconds: number | null;
  outDir: string;
  dataDir: string;
  json: boolean;
  /** The service goes on after the job, until Ctrl-C. */
  keep: boolean;
}

/** An argument is wrong; the message names it and says what is allowed. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const HELP = `npm run demo -- [options]

Starts Kiln with everything it needs on free ports, uploads a reference image, runs a job, receives its signed webhook
and saves what came out.

  --model <alias>      veo-3.1 (default), another of docs/models.md, or one of your KILN_CATALOG
  --prompt <text>      what to make
  --image <file>       reference image (default: demo/reference.jpg for video; none for pictures)
  --seconds <number>   length of a clip or piece (default: 4 for video, 20 for music)
  --out <folder>       where results go (default: demo-output)
  --data <folder>      database and object store, kept for the next run (default: .kiln-demo)
  --keep               leave Kiln running afterwards, to try the API
  --json               one JSON line on standard output, everything else on standard error
  --help               this text

Exit code: 0 the job succeeded and its webhook was verified, 1 something failed, 2 wrong arguments, 130 Ctrl-C.`;

/** Relative paths count from where npm was called, not from the project's folder that npm changes to. */
const fromCaller = (path: string): string => resolve(process.env['INIT_CWD'] ?? process.cwd(), path);

/** Null when help was asked for. Throws UsageError. */
export function readOptions(args: readonly string[]): DemoOptions | null {
  const values = parsed(args);
  if (values.help) return null;
  const image = values.image === undefined ? null : fromCaller(values.image);
  if (image !== null && !existsSync(image)) throw new UsageError(`--image: there is no file ${image}.`);
  return {
    model: values.model,
    prompt: values.prompt ?? null,
    image,
    durationSeconds: readSeconds(values.seconds),
    outDir: values.out === undefined ? join(ROOT, 'demo-output') : fromCaller(values.out),
    dataDir: values.data === undefined ? join(ROOT, '.kiln-demo') : fromCaller(values.data),
    json: values.json,
    keep: values.keep,
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        model: { type: 'string', default: 'veo-3.1' },
        prompt: { type: 'string' },
        image: { type: 'string' },
        seconds: { type: 'string' },
        out: { type: 'string' },
        data: { type: 'string' },
        keep: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\nnpm run demo -- --help lists what there is.`);
  }
}

function readSeconds(text: string | undefined): number | null {
  if (text === undefined) return null;
  const seconds = Number(text);
  if (Number.isFinite(seconds) && seconds > 0) return seconds;
  throw new UsageError(`--seconds must be a number above 0; got '${text}'.`);
}
