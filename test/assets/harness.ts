import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DynamicModule, Global, Module } from '@nestjs/common';
import { AssetsModule } from '../../src/assets/assets.module.js';
import { registerUploadBodies } from '../../src/assets/register-bodies.js';
import { Uploads } from '../../src/assets/uploads.js';
import { loadConfig } from '../../src/config/config.js';
import { ConfigModule } from '../../src/config/config.module.js';
import { Keyring } from '../../src/config/secret.js';
import { Database } from '../../src/database/database.js';
import { createEgress } from '../../src/egress/create-egress.js';
import { EGRESS, type Egress } from '../../src/egress/egress.js';
import { createKeyBody } from '../../src/keys/key-bodies.js';
import { Keys } from '../../src/keys/keys.js';
import { KeysModule } from '../../src/keys/keys.module.js';
import { createMedia } from '../../src/media/create-media.js';
import { findFfmpeg } from '../../src/media/find-ffmpeg.js';
import { MEDIA } from '../../src/media/media.js';
import { Enqueue } from '../../src/queue/enqueue.js';
import { createFileStore } from '../../src/storage/file-store.js';
import { OBJECT_STORE, type ObjectStore } from '../../src/storage/object-store.js';
import { startTestApp } from '../support/app.js';
import { createTestDatabase } from '../support/postgres.js';

export const MAX_UPLOAD_BYTES = 2_000_000;

export interface TestKey {
  id: string;
  secret: string;
}

export interface Answer<T = Record<string, never>> {
  status: number;
  headers: Headers;
  body: T;
}

export interface AssetsHarness {
  url: string;
  db: Database;
  store: ObjectStore;
  uploads: Uploads;
  key: TestKey;
  other: TestKey;
  /** Serves what the test wants under a `host:port` that egress may reach. */
  peer: { origin: string; answer: RequestListener };
  get<T>(token: new (...args: never[]) => T): T;
  /** Whether messages on the queue are worked at once, as an embedded worker does. */
  worker: { on: boolean };
  messages: string[];
  call<T = Record<string, never>>(method: string, path: string, options?: CallOptions): Promise<Answer<T>>;
  upload<T = Record<string, never>>(bytes: Uint8Array, filename?: string, key?: TestKey): Promise<Answer<T>>;
  /** Keys of all objects. */
  objects(): Promise<string[]>;
  /** What lies in the folder for decoding. */
  tempFiles(): Promise<string[]>;
  close(): Promise<void>;
}

export interface CallOptions {
  key?: TestKey | null;
  body?: unknown;
  headers?: Record<string, string>;
}

@Global()
@Module({})
class Surroundings {
  static with(parts: {
    db: Database;
    store: ObjectStore;
    egress: Egress;
    media: unknown;
    queue: Pick<Enqueue, 'enqueue'>;
  }): DynamicModule {
    return {
      module: Surroundings,
      providers: [
        { provide: Database, useValue: parts.db },
        { provide: OBJECT_STORE, useValue: parts.store },
        { provide: EGRESS, useValue: parts.egress },
        { provide: MEDIA, useValue: parts.media },
        { provide: Enqueue, useValue: parts.queue },
      ],
      exports: [Database, OBJECT_STORE, EGRESS, MEDIA, Enqueue],
    };
  }
}

/** The assets module over HTTP, on PostgreSQL, a store on disk, real decoders and the guarded egress. */
export async function startAssets(makeStore?: (dir: string) => Promise<ObjectStore>): Promise<AssetsHarness> {
  const dir = await mkdtemp(join(tmpdir(), 'kiln-assets-'));
  const test = await createTestDatabase();
  const db = new Database({ url: test.url, poolSize: 8 });
  const store = await (makeStore ?? ((folder: string) => createFileStore({ dir: folder })))(join(dir, 'objects'));
  const media = createMedia({ ...(await findFfmpeg()), timeoutMs: 30_000 });
  const peer: AssetsHarness['peer'] = {
    origin: '',
    answer: (_request, response) => void response.writeHead(404).end(),
  };
  const server: Server = createServer((request, response) => peer.answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  peer.origin = `http://${host}`;
  const egress = createEgress({ configuredOrigins: () => [], allow: [host] });
  const worker = { on: true };
  const messages: string[] = [];
  const queue: Pick<Enqueue, 'enqueue'> = {
    enqueue: async (_queue, id, payload) => {
      messages.push(id);
      if (worker.on && 'uploadId' in payload)
        setImmediate(() => void uploads.decide(payload.uploadId).catch(() => undefined));
      return true;
    },
  };
  const config = loadConfig({
    KILN_DATA_DIR: dir,
    KILN_MAX_UPLOAD_BYTES: String(MAX_UPLOAD_BYTES),
    KILN_MAX_PIXELS: '5000000',
  });
  const app = await startTestApp(
    [
      ConfigModule.forRoot(config, new Keyring(['a'.repeat(43)])),
      Surroundings.with({ db, store, egress, media, queue }),
      KeysModule,
      AssetsModule,
    ],
    registerUploadBodies,
  );
  await app.listen(0, '127.0.0.1');
  const url = (await app.getUrl()).replace('[::1]', '127.0.0.1');
  // Links are made of the public URL: where the application listens.
  Object.assign(config.http, { publicUrl: url });
  const uploads = app.get(Uploads);
  const keys = app.get(Keys);
  const newKey = async (name: string): Promise<TestKey> => {
    const { key, secret } = await keys.create(createKeyBody.parse({ name }));
    return { id: key.id, secret };
  };
  const [key, other] = await Promise.all([newKey('a'), newKey('b')]);

  const call: AssetsHarness['call'] = async (method, path, options = {}) => {
    const { body } = options;
    const caller = options.key === undefined ? key : options.key;
    const isRaw = body instanceof FormData || body instanceof Uint8Array || body instanceof ReadableStream;
    const response = await fetch(path.startsWith('http') ? path : url + path, {
      method,
      redirect: 'manual',
      headers: {
        ...(caller === null ? {} : { authorization: `Bearer ${caller.secret}` }),
        ...(body === undefined || isRaw ? {} : { 'content-type': 'application/json' }),
        ...options.headers,
      },
      body: body === undefined ? undefined : isRaw ? (body as FormData) : JSON.stringify(body),
      ...(body instanceof ReadableStream ? { duplex: 'half' } : {}),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: (text.startsWith('{') ? JSON.parse(text) : { text }) as never,
    };
  };
  return {
    url,
    db,
    store,
    uploads,
    key,
    other,
    peer,
    worker,
    messages,
    call,
    get: (token) => app.get(token),
    upload: async (bytes, filename = 'file.png', as = key) => {
      const form = new FormData();
      form.append('file', new Blob([new Uint8Array(bytes)]), filename);
      return call('POST', '/v1/uploads', { key: as, body: form });
    },
    objects: async () => {
      const found: string[] = [];
      for await (const object of store.list('')) found.push(object.key);
      return found;
    },
    tempFiles: async () => readdir(join(dir, 'tmp')).catch(() => []),
    close: async () => {
      await app.close();
      await egress.close();
      await new Promise((resolve) => server.close(resolve).closeAllConnections());
      await store.close();
      await db.close();
      await test.drop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
