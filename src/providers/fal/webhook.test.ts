import { generateKeyPairSync } from 'node:crypto';
import { CannedWire, NOW_MS } from '../../../test/support/provider-wire.js';
import { makeFal } from './index.js';
import { JWKS, signed } from './test-subjects.js';
import { webhookVerifier } from './webhook.js';

const ENDPOINT = 'https://queue.fal.run';

describe('fal webhooks', () => {
  const body = Buffer.from('{"status":"OK"}');
  const verifier = () => {
    const adapter = makeFal(webhookVerifier());
    return async (request: ReturnType<typeof signed>, wire: CannedWire, endpoint = ENDPOINT, nowMs = NOW_MS) =>
      adapter.verifyCallback?.(request, wire.context(endpoint, { now: () => nowMs }));
  };
  const PUBLIC = 'GET https://rest.fal.ai/.well-known/jwks.json';

  test('keys are fetched once, without the key of the account', async () => {
    const verify = verifier();
    const wire = new CannedWire().on(PUBLIC, { json: JWKS });
    expect(await verify(signed(body), wire)).toBeNull();
    expect(await verify(signed(body), wire)).toBeNull();
    expect(wire.calls).toMatchObject([{ trust: 'foreign', headers: {} }]);
    expect(await verify(signed(body, NOW_MS + 3_600_000), wire, ENDPOINT, NOW_MS + 3_600_000)).toBeNull();
    expect(wire.calls).toHaveLength(2);
  });

  test('a new key is fetched when none matches, but not again and again', async () => {
    const verify = verifier();
    const next = generateKeyPairSync('ed25519');
    const wire = new CannedWire().on(
      PUBLIC,
      { json: JWKS },
      { json: { keys: [next.publicKey.export({ format: 'jwk' })] } },
    );
    expect(await verify(signed(body), wire)).toBeNull();
    expect(await verify(signed(body, NOW_MS, next.privateKey), wire)).toMatch(/no key/);
    expect(wire.calls).toHaveLength(1);
    expect(await verify(signed(body, NOW_MS, next.privateKey), wire, ENDPOINT, NOW_MS + 11_000)).toBeNull();
    expect(wire.calls).toHaveLength(2);
  });

  test('elsewhere than at fal, the keys lie below the endpoint', async () => {
    const wire = new CannedWire().on('GET /.well-known/jwks.json', { json: JWKS });
    expect(await verifier()(signed(body), wire, 'http://127.0.0.1:9/fal')).toBeNull();
    expect(wire.calls[0]).toMatchObject({ trust: 'endpoint', url: 'http://127.0.0.1:9/fal/.well-known/jwks.json' });
  });

  test('without keys nothing is believed, and nothing is called forged', async () => {
    const wire = new CannedWire().on(PUBLIC, { status: 500, text: 'no' });
    await expect(verifier()(signed(body), wire)).rejects.toThrow(/could not be read: HTTP 500/);
  });
});
