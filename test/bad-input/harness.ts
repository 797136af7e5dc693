import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdir, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { delay } from '../../src/common/time.js';
import { findFfmpeg } from '../../src/media/find-ffmpeg.js';
import { queryRows, sql } from '../../src/database/database.js';
import { OBJECT_STORE, type ObjectStore } from '../../src/storage/object-store.js';
import type { Answer, Kiln } from '../support/kiln.js';

export interface Envelope {
  error: { message: string; type: string; code: string; param: string | null };
}

export const storeOf = (kiln: Kiln): ObjectStore => kiln.app.get<ObjectStore>(OBJECT_STORE);

export async function objectsOf(kiln: Kiln, prefix = ''): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of storeOf(kiln).list(prefix)) keys.push(key);
  return keys.toSorted();
}

const LOOKS = 40;
const LOOK_MS = 50;

/** Objects that no row names, and files in the folders for work in progress. */
export async function leftBehind(kiln: Kiln): Promise<string[]> {
  // The store's own canary comes and goes: what was left behind is what stays.
  for (let look = 0; ; look += 1) {
    const found = await strayFiles(kiln);
    if (found.length === 0 || look === LOOKS) return found;
    await delay(LOOK_MS);
  }
}

async function strayFiles(kiln: Kiln): Promise<string[]> {
  const rows = await queryRows<{ key: string }>(
    kiln.database,
    sql`SELECT object_key AS key FROM upload WHERE object_key IS NOT NULL AND deleted_at IS NULL
        UNION ALL SELECT object_key FROM output
        UNION ALL SELECT variant.value ->> 'key' FROM output, jsonb_each(variants) variant`,
  );
  const named = new Set(rows.map(({ key }) => key));
  const stray = (await objectsOf(kiln)).filter((key) => !named.has(key));
  const working = await Promise.all(
    [join(kiln.ground.dir, 'tmp'), join(kiln.ground.dir, 'objects', 'tmp')].map((dir) => readdir(dir).catch(() => [])),
  );
  return [...stray, ...working.flat()];
}

/** A multipart POST with one file. */
export function upload<T = Record<string, unknown>>(
  kiln: Kiln,
  bytes: Uint8Array,
  filename: string,
  contentType = 'application/octet-stream',
): Promise<Answer<T>> {
  const form = new FormData();
  form.append('file', new Blob([new Uint8Array(bytes)], { type: contentType }), filename);
  return kiln.call<T>('POST', '/v1/uploads', form);
}

export interface Presigned {
  upload: { id: string; status: string };
  method: string;
  url: string;
  headers: Record<string, string>;
}

/** Asks for a link, PUTs the bytes to it, says that they are there. */
export async function presignedUpload<T = Record<string, unknown>>(
  kiln: Kiln,
  bytes: Uint8Array,
  contentType: string,
  filename = 'file',
): Promise<{ put: Response; complete: Answer<T>; id: string }> {
  const granted = await kiln.call<Presigned>('POST', '/v1/uploads/presign', {
    content_type: contentType,
    bytes: bytes.length,
    filename,
  });
  if (granted.status !== 201) throw new Error(`presign: ${granted.status} ${JSON.stringify(granted.body)}`);
  const { url, method, headers, upload: granting } = granted.body;
  const put = await fetch(url, { method, headers, body: new Uint8Array(bytes) });
  return { put, complete: await kiln.call<T>('POST', `/v1/uploads/${granting.id}/complete`, {}), id: granting.id };
}

export const dataUri = (bytes: Uint8Array, contentType: string): string =>
  `data:${contentType};base64,${Buffer.from(bytes).toString('base64')}`;

/** A web server of a test's own; `hits` are the paths that were asked for. */
export interface Peer {
  /** `host:port` */
  host: string;
  origin: string;
  hits: string[];
  serve(path: string, answer: (response: ServerResponse, request: IncomingMessage) => void): string;
  close(): Promise<void>;
}

export async function startPeer(): Promise<Peer> {
  const answers = new Map<string, (response: ServerResponse, request: IncomingMessage) => void>();
  const hits: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    hits.push(path);
    const answer = answers.get(path);
    if (answer) answer(response, request);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    host,
    origin: `http://${host}`,
    hits,
    serve: (path, answer) => {
      answers.set(path, answer);
      return `http://${host}${path}`;
    },
    close: async () => {
      const closed = once(server, 'close');
      server.close().closeAllConnections();
      await closed;
    },
  };
}

/** What ffprobe says about a file, independently of the code under test. */
export interface ProbedFile {
  streams: { codec_type: string; codec_name: string; width?: number; height?: number; avg_frame_rate?: string }[];
  format: { duration?: string };
}

export async function ffprobe(dir: string, bytes: Uint8Array): Promise<ProbedFile> {
  const path = join(dir, `probed-${randomUUID()}`);
  await writeFile(path, bytes);
  const { ffprobePath } = await findFfmpeg();
  const args = ['-v', 'error', '-show_streams', '-show_format', '-of', 'json', path];
  const { stdout } = await promisify(execFile)(ffprobePath, args);
  return JSON.parse(stdout) as ProbedFile;
}
