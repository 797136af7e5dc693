import { Readable } from 'node:stream';
import type { EgressOptions, EgressResponse } from '../../src/egress/egress.js';
import type { MediaKind, ProviderContext, ReferenceRole, ResolvedReference } from '../../src/providers/contract.js';

/** What an upstream answers once: a status with a body, or no answer at all. */
export type CannedAnswer =
  | {
      status?: number;
      headers?: Record<string, string>;
      json?: unknown;
      text?: string;
      bytes?: Buffer;
      chunkBytes?: number;
    }
  | Error;

export interface WireCall {
  method: string;
  url: string;
  headers: Record<string, string>;
  /** Parsed where it is JSON. */
  body: unknown;
  trust: 'endpoint' | 'foreign';
}

export const TOKEN = '0b6c1c4e-6a38-4d52-9f0e-1d2c3b4a5f60';
export const NOW_MS = Date.parse('2026-11-23T12:00:00Z');

function split(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) => bytes.subarray(at * size, (at + 1) * size));
}

function respond(answer: Exclude<CannedAnswer, Error>, url: string): EgressResponse {
  const bytes =
    answer.bytes ?? Buffer.from(answer.text ?? (answer.json === undefined ? '' : JSON.stringify(answer.json)));
  const text = async (): Promise<string> => bytes.toString('utf8');
  return {
    status: answer.status ?? 200,
    headers: new Headers(answer.headers),
    url,
    body: Readable.from(split(bytes, answer.chunkBytes ?? 64 * 1024), { objectMode: false }),
    text,
    json: async () => JSON.parse(await text()) as unknown,
    discard: async () => undefined,
  };
}

/** An upstream of canned answers by method and path; the last answer of a path is repeated, an unknown path fails the test. */
export class CannedWire {
  readonly calls: WireCall[] = [];
  /** What `ctx.keep` was given, by the name it gave. */
  readonly kept = new Map<string, Buffer>();
  private readonly answers = new Map<string, CannedAnswer[]>();

  /** `at`: `POST /prompt`, or a whole URL for foreign addresses. */
  on(at: string, ...answers: CannedAnswer[]): this {
    this.answers.set(at, answers);
    return this;
  }

  context(endpoint: string, more: Partial<ProviderContext> = {}): ProviderContext {
    const call =
      (trust: WireCall['trust']) =>
      async (url: string, options: EgressOptions = {}): Promise<EgressResponse> =>
        this.answer(trust, endpoint, url, options);
    return {
      endpoint,
      credential: { kind: 'api_key', key: 'test-key' },
      token: TOKEN,
      fetch: call('endpoint'),
      fetchForeign: call('foreign'),
      now: () => NOW_MS,
      signal: new AbortController().signal,
      keep: async (artifact, body) => {
        const name = `kept-${this.kept.size}`;
        this.kept.set(name, Buffer.alloc(0));
        this.kept.set(name, Buffer.isBuffer(body) ? body : await readAll(body));
        return { ...artifact, source: null, kept: name };
      },
      ...more,
    };
  }

  /** Calls to a path, e.g. `POST /prompt`. */
  callsTo(at: string): WireCall[] {
    return this.calls.filter((call) => `${call.method} ${call.url}`.includes(at));
  }

  private answer(trust: WireCall['trust'], endpoint: string, url: string, options: EgressOptions): EgressResponse {
    const method = options.method ?? 'GET';
    const body = typeof options.body === 'string' ? (JSON.parse(options.body) as unknown) : options.body;
    this.calls.push({ method, url, headers: options.headers ?? {}, body, trust });
    const path = url.startsWith(endpoint) ? url.slice(endpoint.length) : url;
    const queue = this.answers.get(`${method} ${path}`);
    const answer = queue && queue.length > 1 ? queue.shift() : queue?.[0];
    if (answer === undefined) throw new Error(`no canned answer for ${method} ${path}`);
    if (answer instanceof Error) throw answer;
    return respond(answer, url);
  }
}

/** A small file as a server of media answers it. */
export function servedFile(contentType: string): CannedAnswer {
  const bytes = Buffer.from('AAAAIGZ0eXBpc29tAAACAA==', 'base64');
  return { bytes, headers: { 'content-length': String(bytes.length), 'content-type': contentType } };
}

export function reference(
  role: ReferenceRole,
  kind: MediaKind,
  bytes: Buffer,
  more: Partial<ResolvedReference> = {},
): ResolvedReference {
  return {
    role,
    index: 0,
    kind,
    contentType: kind === 'image' ? 'image/png' : kind === 'video' ? 'video/mp4' : 'audio/mpeg',
    bytes: bytes.length,
    width: kind === 'audio' ? null : 1280,
    height: kind === 'audio' ? null : 720,
    durationSeconds: kind === 'image' ? null : 10,
    filename: kind === 'audio' ? 'song.mp3' : 'picture.png',
    open: async () => Readable.from([bytes]),
    read: async () => bytes,
    url: async () => 'https://files.example.com/reference',
    ...more,
  };
}

export async function readAll(body: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
