import { createHmac } from 'node:crypto';
import { CannedWire, NOW_MS, type CannedAnswer } from '../../../test/support/provider-wire.js';
import type { MediaTask, ProviderContext } from '../contract.js';
import { klingTokens } from './auth.js';
import current from './fixtures/current.json' with { type: 'json' };
import errors from './fixtures/errors.json' with { type: 'json' };
import legacy from './fixtures/legacy.json' with { type: 'json' };
import { kling, makeKling } from './index.js';
import type { Wire } from './options.js';

const ENDPOINT = 'https://api-singapore.klingai.com';
const PAIR = { credential: { kind: 'api_key', key: 'ak-1:sk:2' } } as const;

const task = (wire: Wire): MediaTask => ({
  jobId: 'job_1',
  modality: 'video',
  operation: 'text_to_video',
  model: wire === 'current' ? 'kling-3.0' : 'kling-v3',
  input: { prompt: 'A girl sat on the train' },
  references: [],
  options: {},
  settings: { wire },
});
const submitted = async (one: MediaTask, answer: CannedAnswer, more: Partial<ProviderContext> = {}) => {
  const wire = new CannedWire().on('POST /text-to-video/kling-3.0', answer).on('POST /v1/videos/text2video', answer);
  return { taskId: (await kling.submit(one, wire.context(ENDPOINT, more))).taskId, call: wire.calls[0] };
};

describe('kling accessKey:secretKey', () => {
  const START = 'POST /v1/videos/text2video';
  const bearer = (wire: CannedWire, at: number) => wire.calls[at]?.headers['authorization']?.replace('Bearer ', '');
  const read = (part: string | undefined) => JSON.parse(Buffer.from(part ?? '', 'base64url').toString()) as unknown;

  test('signs a token with the claims Kling asks for', async () => {
    const wire = new CannedWire().on(START, { json: legacy.created });
    await makeKling(klingTokens()).submit(task('legacy'), wire.context(ENDPOINT, PAIR));
    const [header, claims, signature] = bearer(wire, 0)?.split('.') ?? [];
    const now = NOW_MS / 1000;
    expect(read(header)).toEqual({ alg: 'HS256', typ: 'JWT' });
    expect(read(claims)).toEqual({ iss: 'ak-1', exp: now + 1800, nbf: now - 5 });
    expect(signature).toBe(createHmac('sha256', 'sk:2').update(`${header}.${claims}`).digest('base64url'));
  });

  test('a token serves until shortly before its end', () => {
    const tokens = klingTokens();
    const at = (seconds: number, key = 'a:b') =>
      tokens.of({
        ...new CannedWire().context(ENDPOINT, { credential: { kind: 'api_key', key } }),
        now: () => NOW_MS + seconds * 1000,
      });
    const [first, another, late, renewed] = [at(0), at(0, 'a:c'), at(1499), at(1500)];
    expect(late).toBe(first);
    expect(another).not.toBe(first);
    expect(renewed).not.toBe(first);
  });

  test('one that Kling calls expired is signed anew, once', async () => {
    const expired = { status: 401, json: errors.expired };
    const wire = new CannedWire().on(START, expired, { json: legacy.created });
    const adapter = makeKling(klingTokens());
    expect((await adapter.submit(task('legacy'), wire.context(ENDPOINT, PAIR))).taskId).toBeDefined();
    const dead = new CannedWire().on(START, expired);
    await expect(adapter.submit(task('legacy'), dead.context(ENDPOINT, PAIR))).rejects.toMatchObject({ kind: 'auth' });
    expect(dead.calls).toHaveLength(2);
    const plain = new CannedWire().on(START, expired);
    await expect(adapter.submit(task('legacy'), plain.context(ENDPOINT))).rejects.toMatchObject({ kind: 'auth' });
    expect(plain.calls).toHaveLength(1);
  });

  test('refused by the current wire, the route is closed and the credential is not', async () => {
    const refused = { status: 401, json: errors.keyPairRefused };
    await expect(submitted(task('current'), refused, PAIR)).rejects.toMatchObject({
      kind: 'not_found',
      outcome: 'rejected',
    });
    await expect(submitted(task('legacy'), refused, PAIR)).rejects.toMatchObject({ kind: 'auth' });
    await expect(submitted(task('current'), refused)).rejects.toMatchObject({ kind: 'auth' });
  });

  test('other credentials', async () => {
    const { call } = await submitted(
      task('current'),
      { json: current.created },
      { credential: { kind: 'bearer', token: 'a:b' } },
    );
    expect(call?.headers['authorization']).toBe('Bearer a:b');
    const account = { credential: { kind: 'google_service_account', json: '{}' } } as const;
    for (const more of [account, { credential: null }])
      await expect(submitted(task('current'), { json: current.created }, more)).rejects.toMatchObject({
        kind: 'auth',
        outcome: 'rejected',
      });
  });
});
