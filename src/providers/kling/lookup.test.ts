import { CannedWire, TOKEN, type CannedAnswer } from '../../../test/support/provider-wire.js';
import type { ProviderContext } from '../contract.js';
import current from './fixtures/current.json' with { type: 'json' };
import errors from './fixtures/errors.json' with { type: 'json' };
import legacy from './fixtures/legacy.json' with { type: 'json' };
import { kling } from './index.js';

const ENDPOINT = 'https://api-singapore.klingai.com';
const BY_EXTERNAL = `GET /tasks?external_task_ids=${TOKEN}`;
const TEXT = `GET /v1/videos/text2video/${TOKEN}`;
const IMAGE = `GET /v1/videos/image2video/${TOKEN}`;
const PAIR = { credential: { kind: 'api_key', key: 'ak-1:sk:2' } } as const;

describe('kling findByToken', () => {
  const none = { status: 400, json: errors.noTask };
  const find = async (answers: Record<string, CannedAnswer>, more: Partial<ProviderContext> = {}) => {
    const wire = new CannedWire();
    for (const [at, answer] of Object.entries(answers)) wire.on(at, answer);
    return kling.findByToken?.(TOKEN, wire.context(ENDPOINT, more));
  };

  test('on the current wire', async () => {
    expect(await find({ [BY_EXTERNAL]: { json: current.processing } })).toEqual({
      wire: 'current',
      id: '893605946402811985',
    });
  });

  test('on the legacy wire, with the path that made it', async () => {
    const empty = { [BY_EXTERNAL]: { json: current.unknown } };
    const path = '/v1/videos/image2video';
    expect(await find({ ...empty, [TEXT]: none, [IMAGE]: { json: legacy.processing } })).toEqual({
      wire: 'legacy',
      path,
      id: 'CmYlSGiVf6AAAAAAAjB1Qw',
    });
  });

  test('absence is what Kling says of every place', async () => {
    expect(await find({ [BY_EXTERNAL]: { json: current.unknown }, [TEXT]: none, [IMAGE]: none })).toBeNull();
  });

  test.each<[string, CannedAnswer]>([
    ['a bare 404', { status: 404, text: 'not found' }],
    ['an invalid method', { status: 404, json: { code: 1202, message: 'The requested method is invalid' } }],
    ['a refused key', { status: 401, json: { code: 1002, message: 'x' } }],
    ['an error of another parameter', { status: 400, json: errors.invalid }],
    ['a server error', { status: 500, json: { code: 5000, message: 'not found' } }],
    ['a page', { text: '<html>' }],
  ])('%s proves nothing, wherever it comes', async (_what, answer) => {
    const empty = { [BY_EXTERNAL]: { json: current.unknown }, [TEXT]: none, [IMAGE]: none };
    for (const at of [BY_EXTERNAL, TEXT, IMAGE])
      await expect(find({ ...empty, [at]: answer })).rejects.toMatchObject({ outcome: 'unknown' });
  });

  test("another's task proves nothing either", async () => {
    const other = { code: 0, message: '', data: [{ id: '1', status: 'succeeded', external_id: 'another' }] };
    await expect(find({ [BY_EXTERNAL]: { json: other } })).rejects.toMatchObject({ outcome: 'unknown' });
  });

  test('a pair of keys can have made nothing on the current wire, which refuses it', async () => {
    const refused = { status: 401, json: errors.keyPairRefused };
    expect(await find({ [BY_EXTERNAL]: refused, [TEXT]: none, [IMAGE]: none }, PAIR)).toBeNull();
    expect(await find({ [BY_EXTERNAL]: refused, [TEXT]: { json: legacy.processing } }, PAIR)).toMatchObject({
      path: '/v1/videos/text2video',
    });
  });
});
