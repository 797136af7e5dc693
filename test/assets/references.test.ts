import { createHash } from 'node:crypto';
import { Outputs } from '../../src/assets/outputs.js';
import { OutputsRepository } from '../../src/assets/outputs.repository.js';
import { type ReferenceInput, References, type StoredReference } from '../../src/assets/references.js';
import type { UploadView } from '../../src/assets/upload-view.js';
import { newId } from '../../src/common/ids.js';
import { execute, queryRows, sql } from '../../src/database/database.js';
import { tinyMp4, tinyPng } from '../support/media.js';
import { type AssetsHarness, MAX_UPLOAD_BYTES, startAssets } from './harness.js';

const signal = new AbortController().signal;

let kiln: AssetsHarness;
let references: References;
beforeAll(async () => {
  kiln = await startAssets();
  references = kiln.get(References);
});
afterAll(async () => kiln.close());
beforeEach(() => {
  kiln.worker.on = true;
});

const image = (source: ReferenceInput['source']): ReferenceInput => ({
  role: 'image',
  index: 0,
  param: 'input.image',
  source,
});
const accept = async (source: ReferenceInput['source'], keyId = kiln.key.id): Promise<StoredReference[]> =>
  references.accept(keyId, [image(source)]);
const data = (bytes: Buffer): ReferenceInput['source'] => ({
  kind: 'data',
  contentType: 'image/png',
  base64: bytes.toString('base64'),
});
const uploaded = async (bytes: Buffer): Promise<string> => (await kiln.upload<UploadView>(bytes)).body.id;
const prepare = async (refs: StoredReference[], jobId = newId('job')): ReturnType<References['prepare']> =>
  references.prepare(kiln.key.id, jobId, refs, signal);

async function anOutput(): Promise<{ jobId: string; id: string }> {
  const jobId = newId('job');
  const id = newId('out');
  await kiln.store.put(`outputs/${jobId}/1/t/0.png`, await tinyPng(), { contentType: 'image/png' });
  await kiln.db.transaction(async (tx) =>
    new OutputsRepository(kiln.db).insert(tx, [
      {
        id,
        jobId,
        keyId: kiln.key.id,
        run: 1,
        n: 0,
        type: 'image',
        name: null,
        objectKey: `outputs/${jobId}/1/t/0.png`,
        contentType: 'image/png',
        bytes: 1,
        sha256: 'x',
        retentionSeconds: 60,
      },
    ]),
  );
  return { jobId, id };
}

describe('accept', () => {
  it('keeps what each source is, in order', async () => {
    const id = await uploaded(await tinyPng());
    const output = await anOutput();
    const png = await tinyPng();
    const stored = await references.accept(kiln.key.id, [
      image({ kind: 'upload', id }),
      {
        ...image({ kind: 'output', jobId: output.jobId, output: 0 }),
        role: 'images',
        index: 0,
        param: 'input.images[0]',
      },
      {
        ...image({ kind: 'url', url: `${kiln.peer.origin}/a.png` }),
        role: 'images',
        index: 1,
        param: 'input.images[1]',
      },
      { ...image(data(png)), role: 'mask', param: 'input.mask' },
    ]);
    expect(stored).toMatchObject([
      { role: 'image', source: { kind: 'upload', id } },
      { role: 'images', index: 0, source: { kind: 'output', jobId: output.jobId, output: 0, outputId: output.id } },
      { role: 'images', index: 1, source: { kind: 'url' } },
      { role: 'mask', source: { kind: 'upload' }, fingerprint: createHash('sha256').update(png).digest('hex') },
    ]);
    expect(await references.accept(kiln.key.id, [])).toEqual([]);
  });

  it("answers 404 for another key's upload and output", async () => {
    const id = await uploaded(await tinyPng());
    const { jobId } = await anOutput();
    await expect(accept({ kind: 'upload', id }, kiln.other.id)).rejects.toMatchObject({ status: 404 });
    await expect(accept({ kind: 'output', jobId, output: 0 }, kiln.other.id)).rejects.toMatchObject({ status: 404 });
    await expect(accept({ kind: 'output', jobId, output: 1 })).rejects.toMatchObject({ status: 404 });
  });

  it('answers 422 for what is rejected, expired, not there yet or of another kind', async () => {
    const refused = { status: 422, param: 'input.image' };
    const text = await kiln.uploads.create(
      kiln.key,
      (await import('node:stream')).Readable.from([Buffer.from('text')], { objectMode: false }),
      { filename: null, source: 'multipart' },
    );
    await kiln.uploads.waitDecided(kiln.key, text.id, 10_000);
    await expect(accept({ kind: 'upload', id: text.id })).rejects.toMatchObject(refused);
    await expect(accept({ kind: 'upload', id: await uploaded(await tinyMp4()) })).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining('an image, not a video'),
    });
    const { row } = await kiln.uploads.presign(kiln.key, { contentType: 'image/png', bytes: 5, filename: null });
    await expect(accept({ kind: 'upload', id: row.id })).rejects.toMatchObject(refused);
    const { jobId } = await anOutput();
    await execute(kiln.db, sql`UPDATE output SET expires_at = now() - interval '1 second' WHERE job_id = ${jobId}`);
    await expect(accept({ kind: 'output', jobId, output: 0 })).rejects.toMatchObject(refused);
  });

  it('answers 400 for a URL that may not be fetched, 413 for too large a data URI', async () => {
    for (const url of [
      'http://example.com/a.png',
      'https://169.254.169.254/a',
      'https://user:pw@example.com/a',
      'https://[::1]/a',
      'https://example.com:8443/a',
    ]) {
      await expect(accept({ kind: 'url', url })).rejects.toMatchObject({ status: 400, param: 'input.image' });
    }
    const before = await kiln.objects();
    await expect(accept(data(Buffer.alloc(MAX_UPLOAD_BYTES + 1)))).rejects.toMatchObject({
      status: 413,
      param: 'input.image',
    });
    expect(await kiln.objects()).toEqual(before);
  });
});

describe('prepare', () => {
  it('gives safe copies that can be read, and keeps their sources for a replay', async () => {
    kiln.worker.on = false;
    const [stored] = await accept(data(await tinyPng()));
    const result = await prepare([stored!]);
    if (result.state !== 'ready') throw new Error(result.state);
    const [prepared] = result.references;
    expect(prepared).toMatchObject({
      ...stored,
      kind: 'image',
      contentType: 'image/png',
      width: 64,
      height: 48,
      durationSeconds: null,
    });
    expect(prepared!.filename).toMatch(/^[0-9a-f]+\.png$/);
    const [resolved] = references.resolve(result.references);
    expect(await resolved!.read(1_000_000)).toHaveLength(prepared!.bytes);
    await expect(resolved!.read(10)).rejects.toThrow('more than 10');
    expect((await fetch(await resolved!.url())).status).toBe(200);
    expect(await prepare(result.references)).toMatchObject({ state: 'ready' });
  });

  it('decides an upload whose message was lost, and waits while another worker does', async () => {
    kiln.worker.on = false;
    const stored = await accept(data(await tinyPng()));
    const { id } = stored[0]!.source as { id: string };
    await execute(kiln.db, sql`UPDATE upload SET claim_until = now() + interval '1 minute' WHERE id = ${id}`);
    expect(await prepare(stored)).toMatchObject({ state: 'pending' });
    await execute(kiln.db, sql`UPDATE upload SET claim_until = NULL WHERE id = ${id}`);
    expect(await prepare(stored)).toMatchObject({ state: 'ready' });
  });

  it('says which field is unusable and why', async () => {
    kiln.worker.on = false;
    const text = await accept(data(Buffer.from('text')));
    expect(await prepare(text)).toMatchObject({ state: 'unusable', param: 'input.image', code: 'unknown_type' });
    const video = await accept(data(await tinyMp4()));
    expect(await prepare(video)).toMatchObject({ state: 'unusable', code: 'wrong_kind' });
    kiln.worker.on = true;
    const [gone] = await accept({ kind: 'upload', id: await uploaded(await tinyPng()) });
    await kiln.uploads.remove(kiln.key, (gone!.source as { id: string }).id);
    expect(await prepare([gone!])).toMatchObject({ state: 'unusable', code: 'media_expired' });
    await expect(references.assertUsable(kiln.key.id, [gone!])).rejects.toMatchObject({ status: 422 });
  });
});

describe('URLs', () => {
  const at = async (path: string): Promise<StoredReference[]> => accept({ kind: 'url', url: kiln.peer.origin + path });

  it('are fetched once a job, also by two workers', async () => {
    let hits = 0;
    const png = await tinyPng();
    kiln.peer.answer = (_request, response) => {
      hits += 1;
      response.writeHead(200).end(png);
    };
    const stored = await at('/cat.png?token=secret');
    const jobId = newId('job');
    const first = await prepare(stored, jobId);
    expect(first).toMatchObject({ state: 'ready', references: [{ kind: 'image', source: stored[0]!.source }] });
    expect(await prepare(stored, jobId)).toEqual(first);
    expect(hits).toBe(1);
    if (first.state !== 'ready') throw new Error(first.state);
    expect(await kiln.uploads.get(kiln.key, first.references[0]!.assetId)).toMatchObject({
      source: 'url',
      filename: 'cat.png',
    });
    await expect(kiln.uploads.remove(kiln.key, first.references[0]!.assetId)).rejects.toMatchObject({ status: 409 });
    await kiln.db.transaction(async (tx) => references.unpin(tx, jobId));
    await kiln.uploads.remove(kiln.key, first.references[0]!.assetId);
  });

  it('are tried again after trouble on the way, five times', async () => {
    kiln.peer.answer = (_request, response) => void response.writeHead(503).end();
    const stored = await at('/busy.png');
    const jobId = newId('job');
    const due = async (): Promise<unknown> =>
      execute(
        kiln.db,
        sql`UPDATE upload SET claim_until = now() - interval '1 second' WHERE id IN (SELECT asset_id FROM asset_pin WHERE job_id = ${jobId})`,
      );
    for (let n = 0; n < 4; n += 1) {
      expect(await prepare(stored, jobId)).toMatchObject({ state: 'pending' });
      await due();
    }
    expect(await prepare(stored, jobId)).toMatchObject({ state: 'unusable', code: 'url_unreachable' });
  });

  it('are picked up where a worker left them', async () => {
    kiln.peer.answer = (_request, response) => void response.writeHead(503).end();
    const stored = await at('/later.png');
    const jobId = newId('job');
    expect(await prepare(stored, jobId)).toMatchObject({ state: 'pending' });
    const png = await tinyPng();
    kiln.peer.answer = (_request, response) => void response.writeHead(200).end(png);
    await execute(
      kiln.db,
      sql`UPDATE upload SET claim_until = now() - interval '1 second' WHERE id IN (SELECT asset_id FROM asset_pin WHERE job_id = ${jobId})`,
    );
    expect(await prepare(stored, jobId)).toMatchObject({ state: 'ready' });
  });

  it.each<[string, string, (response: import('node:http').ServerResponse) => unknown]>([
    ['a page that is not there', 'url_refused', (response) => response.writeHead(404).end()],
    [
      'a redirect to loopback',
      'url_blocked',
      (response) => response.writeHead(302, { location: 'https://127.0.0.1/secret' }).end(),
    ],
    [
      'a redirect to another scheme',
      'url_blocked',
      (response) => response.writeHead(302, { location: 'file:///etc/passwd' }).end(),
    ],
    [
      'too large an announced body',
      'too_large',
      (response) => response.writeHead(200, { 'content-length': String(MAX_UPLOAD_BYTES + 1) }).end(),
    ],
    ['too large a body', 'too_large', (response) => response.writeHead(200).end(Buffer.alloc(MAX_UPLOAD_BYTES + 1))],
    [
      'a page of HTML',
      'unknown_type',
      (response) => response.writeHead(200, { 'content-type': 'image/png' }).end('<html></html>'),
    ],
  ])('that lead to %s are %s, and leave nothing', async (_name, code, answer) => {
    kiln.peer.answer = (_request, response) => void answer(response);
    const result = await prepare(await at('/x.png'));
    expect(result).toMatchObject({ state: 'unusable', param: 'input.image', code });
    expect(JSON.stringify(result)).not.toContain('secret');
    expect((await kiln.objects()).filter((key) => key.startsWith('staging/'))).toEqual([]);
    expect(await kiln.tempFiles()).toEqual([]);
  });
});

describe('pins', () => {
  it('hold uploads and outputs from the statement that inserts the job', async () => {
    const id = await uploaded(await tinyPng());
    const output = await anOutput();
    const stored = await references.accept(kiln.key.id, [
      image({ kind: 'upload', id }),
      { ...image({ kind: 'output', jobId: output.jobId, output: 0 }), role: 'mask', param: 'input.mask' },
    ]);
    const jobId = newId('job');
    const insert = async (rows: number): Promise<unknown> =>
      queryRows(
        kiln.db,
        sql`WITH created AS (SELECT 1 AS one LIMIT ${rows}), ${references.pinCtes(jobId, stored, sql`created`)!} SELECT * FROM created`,
      );
    await insert(0);
    expect(await queryRows(kiln.db, sql`SELECT 1 FROM asset_pin WHERE job_id = ${jobId}`)).toEqual([]);
    await insert(1);
    await expect(kiln.uploads.remove(kiln.key, id)).rejects.toMatchObject({ status: 409 });
    await expect(
      kiln.db.transaction(async (tx) => kiln.get(Outputs).assertUnpinned(tx, output.jobId)),
    ).rejects.toMatchObject({ status: 409 });
    await kiln.db.transaction(async (tx) => references.unpin(tx, jobId));
    await kiln.db.transaction(async (tx) => references.pin(tx, jobId, stored));
    await kiln.db.transaction(async (tx) => references.unpin(tx, jobId));
    await kiln.uploads.remove(kiln.key, id);
    await expect(kiln.db.transaction(async (tx) => references.pin(tx, jobId, stored))).rejects.toMatchObject({
      status: 422,
    });
    expect(references.pinCtes(jobId, [], sql`created`)).toBeNull();
  });

  it('and a delete at the same moment never both succeed', async () => {
    for (let round = 0; round < 5; round += 1) {
      const id = await uploaded(await tinyPng());
      const stored = await accept({ kind: 'upload', id });
      const jobId = newId('job');
      const outcomes = await Promise.allSettled([
        kiln.db.transaction(async (tx) => references.pin(tx, jobId, stored)),
        kiln.uploads.remove(kiln.key, id),
      ]);
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    }
  });
});
