import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** What the demo reads of Kiln's answers; they hold more. */
export interface Job {
  id: string;
  status: string;
  stage: string | null;
  progress: number | null;
  queue_position: number | null;
  eta_seconds: number | null;
  created_at: string;
  finished_at: string | null;
  sandbox: boolean;
  outputs: Output[];
  error: { code: string; message: string } | null;
  warnings: string[];
  cost: { held_micro_usd: number; charged_micro_usd: number | null };
  route: { id: string } | null;
  webhook: { deliveries: { id: string; status: string; attempts: number; error: string | null }[] } | null;
  urls: { self: string; events: string };
}

export interface Output {
  type: string;
  url: string;
  content_type: string;
  bytes: number;
  sha256: string;
  width: number | null;
  height: number | null;
  duration_seconds: number | null;
  variants: Record<string, { url: string } | undefined>;
}

export interface Model {
  id: string;
  modality: 'video' | 'image' | 'music';
  input_schema: { properties: Record<string, unknown> };
}

/** Kiln refused a request; the message is its own. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** The few calls of Kiln's API that a job takes, with nothing but fetch. */
export class KilnApi {
  constructor(
    private readonly url: string,
    private readonly key: string,
    private readonly signal: AbortSignal,
  ) {}

  /** The models this key may call. */
  async models(): Promise<Model[]> {
    return (await this.json<{ data: Model[] }>('GET', '/v1/models')).data;
  }

  async webhookSecret(): Promise<string> {
    return (await this.json<{ secret: string }>('GET', '/v1/webhooks/secret')).secret;
  }

  async upload(path: string): Promise<{ id: string; width: number | null; height: number | null }> {
    const form = new FormData();
    form.append('file', new Blob([await readFile(path)]), basename(path));
    return this.json('POST', '/v1/uploads', form);
  }

  async createJob(body: Record<string, unknown>, idempotencyKey: string): Promise<Job> {
    return this.json('POST', '/v1/jobs', body, { 'idempotency-key': idempotencyKey });
  }

  async job(id: string): Promise<Job> {
    return this.json('GET', `/v1/jobs/${id}`);
  }

  /** The job's event stream; null when it has said everything (204). */
  async events(id: string, lastEventId: string): Promise<ReadableStream<Uint8Array> | null> {
    const response = await this.call('GET', `/v1/jobs/${id}/events`, undefined, { 'last-event-id': lastEventId });
    return response.status === 204 ? null : response.body;
  }

  /** Media type of what a signed link leads to. */
  async contentType(link: string): Promise<string> {
    const response = await fetch(link, { method: 'HEAD', signal: this.signal });
    if (!response.ok) throw new ApiError(response.status, `${link.split('?')[0]} answered ${response.status}.`);
    return (response.headers.get('content-type') ?? '').split(';')[0] ?? '';
  }

  /** Streams a signed link, which needs no key, to a file and gives the SHA-256 of what arrived. */
  async download(link: string, path: string): Promise<{ sha256: string; bytes: number }> {
    const response = await fetch(link, { signal: this.signal });
    if (!response.ok || !response.body) throw new ApiError(response.status, await messageOf(response));
    const hash = createHash('sha256');
    let bytes = 0;
    await pipeline(
      Readable.fromWeb(response.body as never),
      async function* (source: AsyncIterable<Buffer>) {
        for await (const chunk of source) {
          hash.update(chunk);
          bytes += chunk.length;
          yield chunk;
        }
      },
      createWriteStream(path),
    );
    return { sha256: hash.digest('hex'), bytes };
  }

  private async json<T>(
    method: string,
    path: string,
    body?: FormData | Record<string, unknown>,
    headers: Record<string, string> = {},
  ): Promise<T> {
    return (await this.call(method, path, body, headers)).json() as Promise<T>;
  }

  private async call(
    method: string,
    path: string,
    body: FormData | Record<string, unknown> | undefined,
    headers: Record<string, string>,
  ): Promise<Response> {
    const isForm = body instanceof FormData;
    const response = await fetch(this.url + path, {
      method,
      signal: this.signal,
      headers: {
        authorization: `Bearer ${this.key}`,
        ...(body === undefined || isForm ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: isForm ? body : JSON.stringify(body) }),
    });
    if (!response.ok) throw new ApiError(response.status, await messageOf(response));
    return response;
  }
}

async function messageOf(response: Response): Promise<string> {
  const text = await response.text();
  try {
    return (JSON.parse(text) as { error: { message: string } }).error.message;
  } catch {
    return `${response.status} ${text.slice(0, 200)}`;
  }
}
