import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { WebSocket } from 'ws';
import { startSandbox, type Sandbox } from '../sandbox/server.js';
import { probe, until } from '../sandbox/test-client.js';
import { loadCatalog } from '../src/catalog/load-catalog.js';
import type { Catalog } from '../src/catalog/catalog.service.js';
import { parseInput } from '../src/catalog/input.js';
import { isJobRoute, type Route } from '../src/catalog/schema.js';
import type { JsonObject, JsonValue } from '../src/common/json.js';
import { createEgress } from '../src/egress/create-egress.js';
import type { Egress } from '../src/egress/egress.js';
import type { Adapter, MediaTask, ProviderContext, ResolvedReference, TaskState } from '../src/providers/contract.js';
import { adapterFor, adapters } from '../src/providers/registry.js';
import { readAll, reference } from './support/provider-wire.js';

const EXAMPLE = fileURLToPath(new URL('../docs/examples/comfyui-empty-image/catalog.yaml', import.meta.url));

let sandbox: Sandbox;
let egress: Egress;
let catalog: Catalog;
let picture: Buffer;
let song: Buffer;

beforeAll(async () => {
  sandbox = await startSandbox({ speed: 0.01 });
  catalog = loadCatalog({
    overlayPath: EXAMPLE,
    now: () => new Date('2026-11-23T12:00:00Z'),
    sandbox: { url: sandbox.url, credential: 'sandbox' },
    hasCredential: () => false,
    endpointsFrom: (name) => (name === 'EMPTY_IMAGE' ? [`${sandbox.url}/comfyui/0`] : []),
    adapters,
  });
  egress = createEgress({ configuredOrigins: () => catalog.configuredOrigins(), allow: [new URL(sandbox.url).host] });
  picture = await sharp({ create: { width: 360, height: 640, channels: 3, background: '#3aa' } })
    .png()
    .toBuffer();
  song = tone(12);
}, 60_000);

afterAll(async () => {
  await egress.close();
  await sandbox.close();
});

/** A mono 8 kHz WAV of silence. */
function tone(seconds: number): Buffer {
  const samples = Buffer.alloc(8000 * seconds * 2);
  const header = Buffer.alloc(44);
  header.write('RIFF', 0);
  header.writeUInt32LE(36 + samples.length, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(8000, 24);
  header.writeUInt32LE(16_000, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36);
  header.writeUInt32LE(samples.length, 40);
  return Buffer.concat([header, samples]);
}

interface Started {
  adapter: Adapter;
  ctx: ProviderContext;
  task: MediaTask;
  route: Route;
}

/** A job as the engine would hand it to the adapter: input checked by the catalog, references resolved. */
function prepare(
  routeId: string,
  input: JsonObject,
  references: ResolvedReference[] = [],
  token: string = randomUUID(),
): Started {
  const route = catalog.route(routeId);
  const model = catalog.get(routeId.split('/')[0] ?? '');
  if (!route || !model || !isJobRoute(route)) throw new Error(`no route ${routeId}`);
  const adapter = adapterFor(route.provider);
  const roles = [...new Set(references.map(({ role }) => role))];
  const listed = new Set(['images', 'reference_images']);
  const media = Object.fromEntries(
    roles.map((role) => {
      const sources = references.filter((one) => one.role === role).map(() => 'https://example.com/reference');
      return [role, listed.has(role) ? sources : (sources[0] ?? '')];
    }),
  );
  const parsed = parseInput(model, { ...input, ...media }, 'input');
  const origin = new URL(sandbox.url).origin;
  const endpoint = route.endpoints[0] ?? '';
  const task: MediaTask = {
    jobId: 'job_01h455vb4pex5vsknk084sn02q',
    modality: model.modality,
    operation: parsed.operation,
    model: route.model,
    input: parsed.input,
    references,
    options: {},
    settings: route.settings,
  };
  const counts = Object.fromEntries(roles.map((role) => [role, references.filter((one) => one.role === role).length]));
  expect(adapter.unsupported({ ...task, references: counts })).toEqual([]);
  const ctx: ProviderContext = {
    endpoint,
    credential: { kind: 'api_key', key: 'sandbox' },
    token,
    fetch: (url, options) => egress.configured(url, options),
    fetchForeign: (url, options) =>
      new URL(url).origin === origin ? egress.configured(url, options) : egress.foreign(url, options),
    now: () => Date.now(),
    signal: AbortSignal.timeout(30_000),
    keep: async () => {
      throw new Error('no wire of this test is synchronous');
    },
  };
  return { adapter, ctx, task, route };
}

const ended = async ({ adapter, ctx }: Started, taskId: JsonValue): Promise<Exclude<TaskState, { state: 'pending' }>> =>
  until(async () => {
    const state = await adapter.poll(taskId, ctx);
    return state.state === 'pending' ? null : state;
  });

async function run(job: Started): Promise<{ files: Buffer[]; warnings: string[] }> {
  const { taskId, warnings = [] } = await job.adapter.submit(job.task, job.ctx);
  const state = await ended(job, JSON.parse(JSON.stringify(taskId)) as JsonValue);
  if (state.state !== 'succeeded') throw new Error(`expected a result, got ${JSON.stringify(state)}`);
  const files: Buffer[] = [];
  for (const artifact of state.artifacts)
    files.push(await readAll((await job.adapter.openArtifact(artifact, taskId, job.ctx, 0)).body));
  return { files, warnings };
}

const image = (role: ResolvedReference['role'], index = 0): ResolvedReference =>
  reference(role, 'image', picture, { index, width: 360, height: 640 });
const audio = (): ResolvedReference =>
  reference('audio', 'audio', song, { contentType: 'audio/wav', filename: 'song.wav' });
const videoOf = (file: Buffer | undefined) =>
  probe(file ?? Buffer.alloc(0), 'mp4').streams.find((stream) => stream.codec_type === 'video');

describe('every route of the shipped catalog makes its medium', () => {
  test.each(['vertex', 'gemini'])('veo-3.1 by %s: text, then first and last frame', async (wire) => {
    const plain = await run(prepare(`veo-3.1/${wire}`, { prompt: 'a kite over dunes', duration_seconds: 4 }));
    expect(videoOf(plain.files[0])).toMatchObject({ codec_name: 'h264', width: 1280, height: 720 });
    const frames = await run(
      prepare(`veo-3.1/${wire}`, { prompt: 'a kite', duration_seconds: 4, aspect_ratio: '9:16' }, [
        image('image'),
        image('last_image'),
      ]),
    );
    expect(videoOf(frames.files[0])).toMatchObject({ width: 720, height: 1280 });
  });

  test('veo-3.1-fast by both wires, with references', async () => {
    for (const wire of ['vertex', 'gemini']) {
      const { files } = await run(
        prepare(`veo-3.1-fast/${wire}`, { prompt: 'a kite' }, [
          image('reference_images'),
          image('reference_images', 1),
        ]),
      );
      expect(videoOf(files[0])).toMatchObject({ codec_name: 'h264' });
    }
  });

  test('wan-2.2: text, and an image whose shape the clip follows', async () => {
    const plain = await run(prepare('wan-2.2/comfyui', { prompt: 'a kite', duration_seconds: 1, seed: 7 }));
    expect(videoOf(plain.files[0])).toMatchObject({
      codec_name: 'h264',
      width: 1280,
      height: 704,
      nb_read_frames: '25',
    });
    expect(plain.warnings).toEqual([
      'duration_seconds 1 became 25 frames at 24 fps (1.04 s)',
      'resolution 720p became 1280x704',
    ]);
    const moved = await run(prepare('wan-2.2/comfyui', { prompt: 'a kite', duration_seconds: 1 }, [image('image')]));
    expect(videoOf(moved.files[0])).toMatchObject({ width: 704, height: 1280 });
  });

  test('flux-dev: several pictures of a free size, and a changed one', async () => {
    const plain = await run(prepare('flux-dev/comfyui', { prompt: 'a kite', size: '512x256', n: 2 }));
    expect(plain.files).toHaveLength(2);
    expect(await sharp(plain.files[0]).metadata()).toMatchObject({ format: 'png', width: 512, height: 256 });
    const changed = await run(prepare('flux-dev/comfyui', { prompt: 'at night', strength: 0.6 }, [image('images')]));
    expect(await sharp(changed.files[0]).metadata()).toMatchObject({ width: 720, height: 1280 });
  });

  test('ace-step: a song, a cover, a stem', async () => {
    const { files } = await run(
      prepare('ace-step/turbo', {
        prompt: 'warm lo-fi',
        instrumental: true,
        duration_seconds: 10,
        format: 'wav',
        seed: 3,
      }),
    );
    expect(probe(files[0] ?? Buffer.alloc(0), 'wav').seconds).toBeCloseTo(10, 0);
    const cover = await run(
      prepare('ace-step/turbo', { task: 'cover', prompt: 'bossa nova', strength: 0.5 }, [audio()]),
    );
    expect(cover.files).toHaveLength(1);
    const stem = await run(prepare('ace-step/base', { task: 'extract', stems: ['vocals'] }, [audio()]));
    expect(stem.files).toHaveLength(1);
  });

  test("an operator's own alias, as the documentation has it", async () => {
    const { files } = await run(prepare('empty-image/comfyui', { width: 64, height: 48, seed: 0x112233 }));
    const { data, info } = await sharp(files[0]).raw().toBuffer({ resolveWithObject: true });
    expect([info.width, info.height, ...data.subarray(0, 3)]).toEqual([64, 48, 0x11, 0x22, 0x33]);
  });
});

describe('what can go wrong on the wire', () => {
  const routes = ['veo-3.1/vertex', 'veo-3.1/gemini', 'wan-2.2/comfyui', 'ace-step/turbo'];
  const short = (routeId: string, prompt: string): Started =>
    prepare(routeId, {
      prompt,
      ...(routeId.startsWith('wan') && { duration_seconds: 1 }),
      ...(routeId.startsWith('veo') && { duration_seconds: 4 }),
    });

  test.each(routes)('%s: rate limit, refusal, cut before and after it was accepted', async (routeId) => {
    const submit = async (marker: string) => {
      const job = short(routeId, `[[sandbox:${marker}]] x`);
      return job.adapter.submit(job.task, job.ctx);
    };
    await expect(submit('429')).rejects.toMatchObject({ kind: 'rate_limited', outcome: 'rejected' });
    await expect(submit('drop-after')).rejects.toMatchObject({ outcome: 'unknown' });
    await expect(submit('malformed-submit')).rejects.toMatchObject({ kind: 'internal', outcome: 'unknown' });
  });

  test.each(routes)('%s: a run that fails, and one that vanishes', async (routeId) => {
    const failing = short(routeId, '[[sandbox:fail]] x');
    expect(await ended(failing, (await failing.adapter.submit(failing.task, failing.ctx)).taskId)).toMatchObject({
      state: 'failed',
    });
    const lost = short(routeId, '[[sandbox:lost]] x');
    expect(await ended(lost, (await lost.adapter.submit(lost.task, lost.ctx)).taskId)).toEqual({ state: 'missing' });
  });

  test.each(['veo-3.1/vertex', 'veo-3.1/gemini'])(
    '%s: a prompt refused at once, and a result withheld',
    async (routeId) => {
      const refused = short(routeId, '[[sandbox:policy-submit]] x');
      await expect(refused.adapter.submit(refused.task, refused.ctx)).rejects.toMatchObject({
        kind: 'content_policy',
        outcome: 'rejected',
      });
      const withheld = short(routeId, '[[sandbox:policy]] x');
      const state = await ended(withheld, (await withheld.adapter.submit(withheld.task, withheld.ctx)).taskId);
      expect(state).toMatchObject({ state: 'failed', error: { kind: 'content_policy', outcome: 'rejected' } });
    },
  );

  test.each(['veo-3.1/gemini', 'ace-step/turbo'])(
    '%s: a result link into the inner network is not followed',
    async (routeId) => {
      const job = short(routeId, '[[sandbox:off-origin]] x');
      await expect(run(job)).rejects.toMatchObject({ kind: 'internal', cause: { reason: 'blocked' } });
    },
  );

  test.each(['veo-3.1/gemini', 'wan-2.2/comfyui', 'ace-step/turbo'])(
    '%s: a download that breaks off is taken up again',
    async (routeId) => {
      const job = short(routeId, '[[sandbox:truncate]] x');
      const { taskId } = await job.adapter.submit(job.task, job.ctx);
      const state = await ended(job, taskId);
      const artifact = state.state === 'succeeded' ? state.artifacts[0] : undefined;
      if (!artifact) throw new Error('no artifact');
      const parts: Buffer[] = [];
      const cut = await job.adapter.openArtifact(artifact, taskId, job.ctx, 0);
      await expect(
        (async () => {
          for await (const chunk of cut.body) parts.push(chunk as Buffer);
        })(),
      ).rejects.toMatchObject({ name: 'EgressError', reason: 'reset' });
      const had = Buffer.concat(parts);
      const rest = await job.adapter.openArtifact(artifact, taskId, job.ctx, had.length);
      expect(rest.offset).toBe(had.length);
      const whole = Buffer.concat([had, await readAll(rest.body)]);
      expect(whole.length).toBe(cut.totalBytes);
    },
  );

  test('ComfyUI: what an unanswered submit made is found by its token, and canceled', async () => {
    const job = short('wan-2.2/comfyui', '[[sandbox:never]] [[sandbox:drop-after]] x');
    await expect(job.adapter.submit(job.task, job.ctx)).rejects.toMatchObject({ outcome: 'unknown' });
    const taskId = await job.adapter.findByToken?.(job.ctx.token, job.ctx);
    expect(taskId).toEqual({ prompt_id: job.ctx.token });
    expect(await job.adapter.findByToken?.(randomUUID(), job.ctx)).toBeNull();
    expect(await job.adapter.load?.(job.ctx)).toBeGreaterThanOrEqual(1);
    expect(await job.adapter.cancel?.(taskId ?? null, job.ctx)).toBe('canceled');
    expect(await ended(job, taskId ?? null)).toMatchObject({ state: 'failed', error: { kind: 'unavailable' } });
    expect(await job.adapter.cancel?.(taskId ?? null, job.ctx)).toBe('too_late');
  });

  test('ComfyUI: progress comes over the socket under the id that submit named', async () => {
    const job = short('wan-2.2/comfyui', '[[sandbox:latency=400]] x');
    const socketOf = job.adapter.progress;
    if (!socketOf) throw new Error('no progress socket');
    const socket = new WebSocket(socketOf.url(job.ctx.endpoint, socketOf.clientId(job.ctx.endpoint)));
    const seen: number[] = [];
    const done = new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.on('message', (data, isBinary) => {
        if (isBinary) return;
        for (const { taskKey, progress } of socketOf.parse((data as Buffer).toString('utf8'))) {
          if (taskKey === job.ctx.token) seen.push(progress);
          if (taskKey === job.ctx.token && progress === 1) resolve();
        }
      });
    });
    await new Promise((resolve) => socket.once('open', resolve));
    const { taskId } = await job.adapter.submit(job.task, job.ctx);
    expect(socketOf.taskKeyOf(taskId)).toBe(job.ctx.token);
    await done;
    socket.close();
    expect(seen.some((progress) => progress > 0 && progress < 1)).toBe(true);
  });
});
