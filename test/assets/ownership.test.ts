import type { UploadView } from '../../src/assets/upload-view.js';
import { newId } from '../../src/common/ids.js';
import { tinyPng } from '../support/media.js';
import { type AssetsHarness, startAssets } from './harness.js';

let kiln: AssetsHarness;
let theirs: string;
beforeAll(async () => {
  kiln = await startAssets();
  theirs = (await kiln.upload<UploadView>(await tinyPng(), 'theirs.png', kiln.other)).body.id;
});
afterAll(async () => kiln.close());

it.each([
  ['GET', '/v1/uploads/{id}'],
  ['DELETE', '/v1/uploads/{id}'],
  ['POST', '/v1/uploads/{id}/complete'],
  ['GET', '/v1/uploads?after={id}'],
  ['GET', '/v1/uploads?before={id}'],
])("%s %s answers 404 for another key's id, as for none", async (method, path) => {
  const ask = async (id: string): Promise<{ status: number; message: string }> => {
    const { status, body } = await kiln.call<{ error: { message: string; type: string } }>(
      method,
      path.replace('{id}', id),
    );
    expect(body.error.type).toBe('not_found');
    return { status, message: body.error.message.replace(id, '') };
  };
  const answer = await ask(theirs);
  expect(answer.status).toBe(404);
  expect(answer).toEqual(await ask(newId('upload')));
  expect((await kiln.call('GET', `/v1/uploads/${theirs}`, { key: kiln.other })).status).toBe(200);
});

it("does not list another key's uploads", async () => {
  expect(await kiln.call('GET', '/v1/uploads')).toMatchObject({
    status: 200,
    body: { data: [], has_more: false, first_id: null },
  });
});
