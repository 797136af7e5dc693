import { CannedWire, NOW_MS, type CannedAnswer } from '../../../test/support/provider-wire.js';
import type { ProviderContext } from '../contract.js';
import { makeReplicate } from './index.js';
import { signed } from './test-subjects.js';

const ENDPOINT = 'https://api.replicate.com/v1';

describe('callbacks', () => {
  const OLD = `whsec_${Buffer.from('old').toString('base64')}`;
  const NEW = `whsec_${Buffer.from('new').toString('base64')}`;
  const secrets = (...keys: CannedAnswer[]) => {
    const wire = new CannedWire().on('GET /webhooks/default/secret', ...keys);
    const adapter = makeReplicate();
    const verify = async (secret: string, afterMs: number, more: Partial<ProviderContext> = {}) =>
      adapter.verifyCallback?.(
        signed({ secret, atMs: NOW_MS + afterMs }),
        wire.context(ENDPOINT, { now: () => NOW_MS + afterMs, ...more }),
      );
    return { verify, asked: () => wire.calls.length };
  };
  const holding = (key: string): CannedAnswer => ({ json: { key } });

  test('the secret is asked for once an hour, with the credential', async () => {
    const { verify, asked } = secrets(holding(OLD));
    expect(await Promise.all([verify(OLD, 0), verify(OLD, 0)])).toEqual([null, null]);
    expect(await verify(OLD, 3_599_000)).toBeNull();
    expect(asked()).toBe(1);
    expect(await verify(OLD, 3_601_000)).toBeNull();
    expect(asked()).toBe(2);
  });

  test('a rotated secret is found, but a forger does not make Kiln ask more than once a minute', async () => {
    const { verify, asked } = secrets(holding(OLD), holding(NEW));
    expect(await verify(OLD, 0)).toBeNull();
    expect(await verify(NEW, 30_000)).toMatch(/no signature fits/);
    expect(asked()).toBe(1);
    expect(await verify(NEW, 61_000)).toBeNull();
    expect(asked()).toBe(2);
    for (let n = 0; n < 3; n += 1) expect(await verify(OLD, 62_000 + n)).toMatch(/no signature fits/);
    expect(asked()).toBe(2);
  });

  test('the configured secret alone counts where there is one', async () => {
    const { verify, asked } = secrets(holding(OLD));
    expect(await verify(NEW, 0, { callbackSecret: NEW })).toBeNull();
    expect(await verify(OLD, 0, { callbackSecret: NEW })).toBe('no signature fits');
    expect(asked()).toBe(0);
  });

  test('a secret that can not be read is an error of the moment: the provider rings again, and so does the question', async () => {
    const { verify } = secrets({ status: 503, text: '' }, holding(OLD));
    await expect(verify(OLD, 0)).rejects.toMatchObject({ kind: 'unavailable' });
    expect(await verify(OLD, 1000)).toBeNull();
  });
});
