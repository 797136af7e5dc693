import { createVerify, generateKeyPairSync } from 'node:crypto';
import { EgressError, type EgressOptions } from '../../egress/egress.js';
import { CannedWire, NOW_MS, type CannedAnswer } from '../../../test/support/provider-wire.js';
import type { ProviderContext } from '../contract.js';
import { serviceAccountTokens } from './access-token.js';

const TOKEN_URL = 'https://oauth2.googleapis.com/token';
const { privateKey, publicKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
});
const account = JSON.stringify({ client_email: 'kiln@p.iam.gserviceaccount.com', private_key: privateKey });

/** The token endpoint; form bodies are kept as sent. */
function tokenEndpoint(...answers: CannedAnswer[]): {
  ctx: (nowMs?: number) => ProviderContext;
  forms: URLSearchParams[];
} {
  const wire = new CannedWire().on(`POST ${TOKEN_URL}`, ...answers);
  const forms: URLSearchParams[] = [];
  const ctx = (nowMs = Date.now()): ProviderContext => {
    const base = wire.context('https://aiplatform.googleapis.com');
    const fetchForeign = async (url: string, options: EgressOptions = {}) => {
      forms.push(new URLSearchParams(typeof options.body === 'string' ? options.body : ''));
      return base.fetchForeign(url, { ...options, body: undefined });
    };
    return { ...base, fetchForeign, now: () => nowMs };
  };
  return { ctx, forms };
}

const granted = {
  headers: { 'content-type': 'application/json' },
  json: { access_token: 'ya29.a', expires_in: 3600, token_type: 'Bearer' },
};

describe('service account tokens', () => {
  test('a signed assertion goes to Google through the guarded egress, once', async () => {
    const endpoint = tokenEndpoint(granted);
    const tokens = serviceAccountTokens();
    expect(await Promise.all([tokens(account, endpoint.ctx()), tokens(account, endpoint.ctx())])).toEqual([
      'ya29.a',
      'ya29.a',
    ]);
    expect(await tokens(account, endpoint.ctx())).toBe('ya29.a');
    expect(endpoint.forms).toHaveLength(1);
    const [header = '', payload = '', signature = ''] = endpoint.forms[0]?.get('assertion')?.split('.') ?? [];
    expect(JSON.parse(Buffer.from(payload, 'base64url').toString())).toMatchObject({
      iss: 'kiln@p.iam.gserviceaccount.com',
      scope: 'https://www.googleapis.com/auth/cloud-platform',
      aud: TOKEN_URL,
    });
    const verify = createVerify('RSA-SHA256').update(`${header}.${payload}`);
    expect(verify.verify(publicKey, signature, 'base64url')).toBe(true);
  });

  test('a token about to end is renewed', async () => {
    const endpoint = tokenEndpoint(granted, { ...granted, json: { ...granted.json, access_token: 'ya29.b' } });
    const tokens = serviceAccountTokens();
    expect(await tokens(account, endpoint.ctx())).toBe('ya29.a');
    expect(await tokens(account, endpoint.ctx(Date.now() + 56 * 60_000))).toBe('ya29.b');
  });

  test('a refused key is auth; a lost connection is not, and neither is remembered', async () => {
    const refusal = {
      status: 400,
      headers: { 'content-type': 'application/json' },
      json: { error: 'invalid_grant', error_description: 'Invalid JWT Signature.' },
    };
    const tokens = serviceAccountTokens();
    await expect(tokens(account, tokenEndpoint(refusal).ctx())).rejects.toMatchObject({
      kind: 'auth',
      outcome: 'rejected',
    });
    const down = tokenEndpoint(new EgressError('connect', 'refused', false));
    await expect(tokens(account, down.ctx())).rejects.toMatchObject({ kind: 'unavailable', outcome: 'rejected' });
    expect(await tokens(account, tokenEndpoint(granted).ctx())).toBe('ya29.a');
  });

  test('a key that is no service account is auth, without a call', async () => {
    const endpoint = tokenEndpoint(granted);
    await expect(serviceAccountTokens()('{}', endpoint.ctx(NOW_MS))).rejects.toMatchObject({ kind: 'auth' });
    await expect(serviceAccountTokens()('no json', endpoint.ctx(NOW_MS))).rejects.toMatchObject({ kind: 'auth' });
    expect(endpoint.forms).toEqual([]);
  });
});
