import { createHash, generateKeyPairSync, sign } from 'node:crypto';

export interface Signer {
  /** What `/.well-known/jwks.json` answers. */
  jwks: object;
  /** The four headers of one webhook, over the bytes sent. */
  headers(requestId: string, body: Buffer, nowMs: number): Record<string, string>;
}

const USER_ID = 'sandbox-user';

/** A key pair of the sandbox's own, new with each start, as after a rotation. */
export function newSigner(): Signer {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return {
    jwks: { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'sandbox', alg: 'EdDSA', use: 'sig' }] },
    headers: (requestId, body, nowMs) => {
      const timestamp = String(Math.floor(nowMs / 1000));
      const message = [requestId, USER_ID, timestamp, createHash('sha256').update(body).digest('hex')].join('\n');
      return {
        'x-fal-webhook-request-id': requestId,
        'x-fal-webhook-user-id': USER_ID,
        'x-fal-webhook-timestamp': timestamp,
        'x-fal-webhook-signature': sign(null, Buffer.from(message), privateKey).toString('hex'),
      };
    },
  };
}
