import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import multipart from '@fastify/multipart';
import fastify from 'fastify';
import { AceStepServer } from './acestep/tasks.js';
import { acestepRoutes } from './acestep/routes.js';
import { adminRoutes } from './admin.js';
import { Clock } from './clock.js';
import { ComfyInstance } from './comfyui/instance.js';
import { comfyuiRoutes } from './comfyui/routes.js';
import { ComfySockets } from './comfyui/sockets.js';
import type { SandboxContext } from './context.js';
import { type ArmedFault, FaultBoard, type Provider } from './faults.js';
import { geminiRoutes } from './google/gemini.js';
import { vertexRoutes } from './google/vertex.js';
import { openGoogleWork } from './google/work.js';
import { type RecordedSubmit, Recorder } from './recorder.js';
import { findFfmpeg } from './render/ffmpeg.js';
import { Studio } from './render/studio.js';
import { allowLoaders } from './render/svg.js';
import { Sleepers, sleepRoutes } from './sleep.js';
import { WIRES } from './wires.js';

export interface SandboxOptions {
  /** Default 127.0.0.1. */
  host?: string;
  /** Default 0: a free one. */
  port?: number;
  /** Where renders, uploads and accepted generations live. Default: a temporary folder, removed on close. */
  dataDir?: string;
  /** Factor on every default latency: 1 is realistic (default), 0.01 a hundred times faster. */
  speed?: number;
  /** The credential every wire accepts. Default `sandbox`. */
  key?: string;
  /** How many ComfyUI servers are mounted. Default 2. */
  comfyInstances?: number;
  /** Default: `ffmpeg` on PATH, else the npm package's. */
  ffmpegPath?: string;
}

export interface Sandbox {
  /** Without a trailing slash. */
  readonly url: string;
  readonly clock: Clock;
  arm(fault: Pick<ArmedFault, 'provider' | 'fault'> & Partial<ArmedFault>): void;
  clearFaults(): void;
  /** Newest submits in order of arrival, base64 elided; `contains` is looked for in the body. */
  requests(filter?: { provider?: Provider; contains?: string }): RecordedSubmit[];
  /** e.g. `{submits_accepted: 1, polls: 4, downloads: 1}`. */
  counts(provider: Provider): Record<string, number>;
  /** The queue and the history of one ComfyUI server are gone, as after a crash. */
  restartComfy(index: number): void;
  restartAceStep(): void;
  close(): Promise<void>;
}

const BODY_LIMIT_BYTES = 100 * 1024 * 1024;
/** ARNs in paths are longer than Fastify's 100. */
const PARAMETER_MAX_CHARACTERS = 2_048;

/** Starts every emulator on one port. */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  allowLoaders();
  const host = options.host ?? '127.0.0.1';
  const isOwnFolder = options.dataDir === undefined;
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'kiln-sandbox-')));
  await mkdir(dataDir, { recursive: true });
  const studio = await Studio.open(dataDir, findFfmpeg(options.ffmpegPath));
  const context: SandboxContext = {
    key: options.key ?? 'sandbox',
    dataDir,
    clock: new Clock(options.speed ?? 1),
    faults: new FaultBoard(),
    recorder: new Recorder(),
    studio,
  };
  const google = await openGoogleWork(context);
  const comfy = Array.from({ length: options.comfyInstances ?? 2 }, () => new ComfyInstance(context));
  const acestep = new AceStepServer(context);

  const app = fastify({
    bodyLimit: BODY_LIMIT_BYTES,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: PARAMETER_MAX_CHARACTERS },
  });
  await app.register(multipart, { limits: { fileSize: BODY_LIMIT_BYTES } });
  sleepRoutes(app, new Sleepers(context));
  await app.register(vertexRoutes(context, google), { prefix: '/vertex' });
  await app.register(geminiRoutes(context, google), { prefix: '/gemini' });
  await app.register(comfyuiRoutes(context, comfy), { prefix: '/comfyui/:instance' });
  await app.register(acestepRoutes(context, acestep), { prefix: '/acestep' });
  const wires = await Promise.all(WIRES.map((open) => open(context)));
  for (const { routes, prefix } of wires) await app.register(routes, { prefix });
  const emulated = Object.assign({}, ...wires.map(({ emulates }) => emulates)) as object;
  await app.register(adminRoutes(context, comfy, acestep, emulated));
  const sockets = new ComfySockets(comfy);
  app.server.on('upgrade', (request, socket, head) => sockets.upgrade(request, socket, head));
  await app.listen({ host, port: options.port ?? 0 });

  const { port } = app.server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    clock: context.clock,
    arm: (fault) => context.faults.arm({ times: 1, value: null, match: null, ...fault }),
    clearFaults: () => context.faults.clear(),
    requests: (filter) => context.recorder.requests(filter),
    counts: (provider) => context.recorder.counts(provider),
    restartComfy: (index) => instanceAt(comfy, index).restart(),
    restartAceStep: () => acestep.restart(),
    close: async () => {
      for (const instance of comfy) instance.restart();
      sockets.close();
      for (const wire of wires) wire.close?.();
      await app.close();
      studio.close();
      if (isOwnFolder) await rm(dataDir, { recursive: true, force: true });
    },
  };
}

function instanceAt(comfy: ComfyInstance[], index: number): ComfyInstance {
  const instance = comfy[index];
  if (instance === undefined)
    throw new RangeError(`there are ${comfy.length} ComfyUI instances, none is number ${index}`);
  return instance;
}
