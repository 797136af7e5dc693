import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ffprobe from '@ffprobe-installer/ffprobe';

/** Helpers of the sandbox's own tests. */
export interface Answer<Body = Record<string, unknown>> {
  status: number;
  headers: Headers;
  body: Body;
}

export async function call<Body = Record<string, unknown>>(
  url: string,
  init: RequestInit & { json?: unknown } = {},
): Promise<Answer<Body>> {
  const { json, ...rest } = init;
  const headers = new Headers(init.headers);
  if (json !== undefined) headers.set('content-type', 'application/json');
  const response = await fetch(url, {
    ...rest,
    headers,
    ...(json === undefined ? {} : { method: init.method ?? 'POST', body: JSON.stringify(json) }),
  });
  const text = await response.text();
  let body: unknown = text;
  try {
    body = JSON.parse(text);
  } catch {
    // Not every wire answers JSON.
  }
  return { status: response.status, headers: response.headers, body: body as Body };
}

const RETRY_MS = 10;
const PATIENCE_MS = 60_000;

/** Asks until the answer is there. */
export async function until<T>(ask: () => Promise<T | null | undefined | false>): Promise<T> {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end;) {
    const answer = await ask();
    if (answer !== null && answer !== undefined && answer !== false) return answer;
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
  throw new Error(`no answer within ${PATIENCE_MS} ms`);
}

export interface Stream {
  codec_name: string;
  codec_type: string;
  pix_fmt?: string;
  width?: number;
  height?: number;
  nb_read_frames?: string;
  r_frame_rate?: string;
}

/** What ffprobe reads in these bytes. */
export function probe(bytes: Buffer, extension: string): { streams: Stream[]; seconds: number } {
  const folder = mkdtempSync(join(tmpdir(), 'kiln-probe-'));
  try {
    const file = join(folder, `file.${extension}`);
    writeFileSync(file, bytes);
    const output = execFileSync(ffprobe.path, [
      '-v',
      'error',
      '-count_frames',
      '-show_streams',
      '-show_format',
      '-of',
      'json',
      file,
    ]);
    const read = JSON.parse(output.toString()) as { streams: Stream[]; format: { duration: string } };
    return { streams: read.streams, seconds: Number(read.format.duration) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export async function download(url: string, headers: Record<string, string> = {}): Promise<Buffer> {
  const response = await fetch(url, { headers });
  if (!response.ok && response.status !== 206) throw new Error(`${response.status} for ${url}`);
  return Buffer.from(await response.arrayBuffer());
}

/** The fetch fails without an answer within `waitMs` (hang), or before that because the socket was cut (drop). */
export async function unanswered(url: string, init: RequestInit, waitMs = 150): Promise<'hang' | 'drop' | number> {
  try {
    return (await fetch(url, { ...init, signal: AbortSignal.timeout(waitMs) })).status;
  } catch (error) {
    return (error as Error).name === 'TimeoutError' ? 'hang' : 'drop';
  }
}
