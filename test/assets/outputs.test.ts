import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { PassThrough, Readable } from 'node:stream';
import { Outputs, type StoreArtifact } from '../../src/assets/outputs.js';
import { sha256Hex, newId } from '../../src/common/ids.js';
import { execute, sql } from '../../src/database/database.js';
import { ProviderError } from '../../src/providers/contract.js';
import { createS3Store } from '../../src/storage/s3-store.js';
import { clipFile, tinyMp3, tinyMp4, tinyPng, toneFile } from '../support/media.js';
import { startS3 } from '../support/s3.js';
import { type AssetsHarness, startAssets } from './harness.js';

const signal = new AbortController().signal;

describe.each(['file', 's3'] as const)('outputs on the %s store', (kind) => {
  let kiln: AssetsHarness;
  let outputs: Outputs;
  let closeS3 = async (): Promise<void> => undefined;

  beforeAll(async () => {
    if (kind === 's3') {
      const { close, ...s3 } = await startS3();
      closeS3 = close;
      kiln = await startAssets(async () => createS3Store({ ...s3, region: 'us-east-1', forcePathStyle: true }));
    } else kiln = await startAssets();
    outputs = kiln.get(Outputs);
  });
  afterAll(async () => {
    await kiln.close();
    await closeS3();
  });

  const artifact = (bytes: Buffer, more: Partial<StoreArtifact> = {}): StoreArtifact => ({
    jobId: newId('job'),
    keyId: kiln.key.id,
    run: 1,
    n: 0,
    claimToken: randomBytes(6).toString('hex'),
    artifact: { type: 'video' },
    open: async (offset) => ({
      body: Readable.from([bytes.subarray(offset)], { objectMode: false }),
      contentType: null,
      totalBytes: bytes.length,
      offset,
    }),
    signal,
    ...more,
  });

  test('an answer that breaks off before its bytes are read is a failed keep, and no failed process', async () => {
    const body = new PassThrough();
    const at = { jobId: newId('job'), run: 1, claimToken: 'one' };
    const kept = outputs.keep(at, body, signal, async () => undefined);
    body.destroy(new Error('the connection was cut'));
    await expect(kept).rejects.toThrow('the connection was cut');
  });

  /** What the engine does with one artifact, from the provider to the finished row. */
  async function finish(
    a: StoreArtifact,
  ): Promise<{ derived: Awaited<ReturnType<Outputs['derive']>>; warnings: string[] }> {
    const stored = await outputs.store(a);
    const job = { jobId: a.jobId, keyId: a.keyId, run: a.run, retentionSeconds: 3600 };
    await kiln.db.transaction(async (tx) => outputs.record(tx, job, [stored]));
    await kiln.db.transaction(async (tx) => outputs.record(tx, job, [stored]));
    const [again] = await outputs.stored(a.jobId, a.run);
    expect(again).toEqual(stored);
    const derived = await outputs.derive({ ...stored, jobId: a.jobId, run: a.run, claimToken: 'second' }, signal);
    await kiln.db.transaction(async (tx) => outputs.saveDerived(tx, a.jobId, a.run, [derived]));
    return { derived, warnings: derived.warnings };
  }

  const view = async (jobId: string): Promise<ReturnType<Outputs['view']>> => {
    const row = await outputs.get(kiln.key.id, jobId, 0);
    return outputs.view(row!, new Date());
  };

  const download = async (url: string): Promise<Buffer> => {
    const response = await fetch(url);
    expect(response.status).toBe(200);
    return Buffer.from(await response.arrayBuffer());
  };

  it('stores a video, moves its index to the front and makes poster, preview, thumbnail and blurhash', async () => {
    const a = artifact(await tinyMp4());
    const { warnings } = await finish(a);
    expect(warnings).toEqual([]);
    const shown = await view(a.jobId);
    expect(shown).toMatchObject({
      type: 'video',
      content_type: 'video/mp4',
      width: 64,
      height: 48,
      fps: 10,
      has_audio: true,
    });
    expect(shown.blurhash).toHaveLength(28);
    const bytes = await download(shown.url!);
    expect(sha256Hex(bytes)).toBe(shown.sha256);
    expect(bytes).toHaveLength(shown.bytes);
    expect(bytes.indexOf('moov')).toBeLessThan(bytes.indexOf('mdat'));
    expect(Object.keys(shown.variants)).toEqual(expect.arrayContaining(['poster', 'preview', 'thumbnail']));
    for (const { url } of Object.values(shown.variants)) expect((await download(url)).length).toBeGreaterThan(0);
    expect(await kiln.tempFiles()).toEqual([]);
  });

  it('makes a preview and a thumbnail of an image, a waveform of music', async () => {
    const image = artifact(await tinyPng(), { artifact: { type: 'image' } });
    await finish(image);
    expect(await view(image.jobId)).toMatchObject({
      content_type: 'image/png',
      variants: { preview: {}, thumbnail: {} },
    });
    const song = artifact(await tinyMp3(), { artifact: { type: 'audio', name: 'vocals' } });
    await finish(song);
    const shown = await view(song.jobId);
    expect(shown).toMatchObject({ type: 'audio', name: 'vocals', variants: { waveform: {} } });
    expect(shown.duration_seconds).toBeCloseTo(1, 0);
  });

  it('resumes after a cut and stores the whole', async () => {
    const bytes = await readFile(await toneFile('wav', 3));
    const offsets: number[] = [];
    const stored = await outputs.store(
      artifact(bytes, {
        artifact: { type: 'audio' },
        open: async (offset) => {
          offsets.push(offset);
          const part = bytes.subarray(offset, offset + 100_000);
          return {
            body: Readable.from([part], { objectMode: false }),
            contentType: null,
            totalBytes: bytes.length,
            offset,
          };
        },
      }),
    );
    expect(stored).toMatchObject({ bytes: bytes.length, sha256: sha256Hex(bytes) });
    expect(offsets.slice(0, 3)).toEqual([0, 100_000, 200_000]);
    expect(await kiln.store.head(stored.objectKey)).toMatchObject({ bytes: bytes.length });
  });

  it('says why it stored nothing, and stores nothing', async () => {
    const before = await kiln.objects();
    const html = Buffer.from(`<html>${'x'.repeat(5000)}</html>`);
    await expect(outputs.store(artifact(html))).rejects.toMatchObject({ name: 'ArtifactError', kind: 'not_media' });
    await expect(outputs.store(artifact(await tinyPng()))).rejects.toMatchObject({ kind: 'not_media' });
    await expect(outputs.store(artifact(Buffer.alloc(0)))).rejects.toMatchObject({ kind: 'not_media' });
    const expired = artifact(html, {
      open: async () => Promise.reject(new ProviderError('not_found', 'unknown', 'gone')),
    });
    await expect(outputs.store(expired)).rejects.toMatchObject({ kind: 'expired' });
    const wav = await readFile(await toneFile('wav', 3));
    const endless = artifact(wav, {
      artifact: { type: 'audio' },
      open: async (offset) => ({
        body: Readable.from([wav.subarray(offset)], { objectMode: false }),
        contentType: null,
        totalBytes: 9 * 1024 ** 3,
        offset,
      }),
    });
    await expect(outputs.store(endless)).rejects.toMatchObject({ kind: 'too_large' });
    const cut = artifact(wav, {
      artifact: { type: 'audio' },
      open: async (offset) => ({
        body: Readable.from([wav.subarray(offset, 200_000)], { objectMode: false }),
        contentType: null,
        totalBytes: wav.length,
        offset,
      }),
    });
    await expect(outputs.store(cut)).rejects.toMatchObject({ kind: 'retry' });
    expect(await kiln.objects()).toEqual(before);
  });

  it('ends with the reason of the one who stopped it', async () => {
    const stop = new AbortController();
    const wav = await readFile(await toneFile('wav', 3));
    const stopped = artifact(wav, {
      artifact: { type: 'audio' },
      signal: stop.signal,
      onBytes: () => stop.abort(new Error('draining')),
    });
    await expect(outputs.store(stopped)).rejects.toThrow('draining');
  });

  it('tells what could not be derived as a warning, and what is no media as an error', async () => {
    const broken = Buffer.concat([(await readFile(await clipFile('mp4'))).subarray(0, 40), randomBytes(5000)]);
    const stored = await outputs.store(artifact(broken));
    await expect(
      outputs.derive({ ...stored, jobId: newId('job'), run: 1, claimToken: 'x' }, signal),
    ).rejects.toMatchObject({ kind: 'not_media' });
    expect(await kiln.tempFiles()).toEqual([]);
  });

  it('expires and deletes outputs with all their objects', async () => {
    const a = artifact(await tinyMp4());
    await finish(a);
    const { url } = await view(a.jobId);
    const mine = async (): Promise<string[]> => (await kiln.objects()).filter((key) => key.includes(a.jobId));
    await execute(kiln.db, sql`UPDATE output SET expires_at = now() - interval '1 second' WHERE job_id = ${a.jobId}`);
    expect(await view(a.jobId)).toMatchObject({ expired: true, url: null, variants: {} });
    expect((await fetch(url!)).status).toBe(410);
    await outputs.sweep(10);
    expect(await mine()).toEqual([]);
    expect((await view(a.jobId)).expired).toBe(true);
    await outputs.removeForJob(a.jobId);
    await outputs.removeForJob(a.jobId);
    expect(await mine()).toEqual([]);
    expect(await outputs.get(kiln.key.id, a.jobId, 0)).toBeNull();
    expect((await fetch(url!)).status).toBe(403);
  });

  it('can not be deleted while a job reads it, and belongs to one key', async () => {
    const a = artifact(await tinyPng(), { artifact: { type: 'image' } });
    await finish(a);
    const row = await outputs.get(kiln.key.id, a.jobId, 0);
    await execute(kiln.db, sql`INSERT INTO asset_pin (asset_id, job_id) VALUES (${row!.id}, ${newId('job')})`);
    await expect(kiln.db.transaction(async (tx) => outputs.assertUnpinned(tx, a.jobId))).rejects.toMatchObject({
      status: 409,
    });
    expect(await outputs.get(kiln.other.id, a.jobId, 0)).toBeNull();
    expect(outputs.viewForWebhook(row!)).toMatchObject({
      url: `kiln-asset:${row!.id}/content`,
      url_expires_at: 'kiln-asset:expires',
    });
  });
});
