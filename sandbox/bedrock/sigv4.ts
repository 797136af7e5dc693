import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { BedrockError } from './errors.js';

/** The access key id that the sandbox knows; its secret is the sandbox's key. */
export const ACCESS_KEY_ID = 'sandbox';
const SERVICE = 'bedrock';
const MAX_SKEW_MS = 5 * 60_000;

/** What of a request is signed. */
export interface Signed {
  method: string;
  /** Path and query as they came. */
  url: string;
  headers: FastifyRequest['headers'];
  body: Buffer;
}

/**
 * Checks who calls: a Bedrock API key as `Authorization: Bearer`, or a signature `AWS4-HMAC-SHA256` that is computed again from
 * what came. Source: AWS IAM user guide, "Create a signed AWS API request".
 */
export function checkCaller(request: Signed, key: string, nowMs: number): void {
  const { authorization } = request.headers;
  if (authorization === undefined)
    throw new BedrockError('MissingAuthenticationTokenException', 'Missing Authentication Token');
  const bearer = /^Bearer (.+)$/.exec(authorization)?.[1];
  if (bearer === undefined) return checkSignature(request, authorization, key, nowMs);
  if (bearer !== key)
    throw new BedrockError('AccessDeniedException', 'Authentication failed: Please make sure your API Key is valid.');
}

const FORM =
  /^AWS4-HMAC-SHA256 Credential=([^/,\s]+)\/(\d{8})\/([^/,\s]+)\/([^/,\s]+)\/aws4_request,\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{64})$/;

function checkSignature(request: Signed, authorization: string, key: string, nowMs: number): void {
  const parts = FORM.exec(authorization);
  if (!parts)
    throw new BedrockError(
      'InvalidSignatureException',
      "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' of the algorithm AWS4-HMAC-SHA256.",
    );
  const [, accessKeyId, day = '', region = '', service = '', signedHeaders = '', signature = ''] = parts;
  if (accessKeyId !== ACCESS_KEY_ID)
    throw new BedrockError('UnrecognizedClientException', 'The security token included in the request is invalid.');
  if (service !== SERVICE)
    throw new BedrockError(
      'InvalidSignatureException',
      `Credential should be scoped to correct service: '${SERVICE}'.`,
    );
  const time = headerOf(request, 'x-amz-date');
  if (!isRecent(time, nowMs) || !time.startsWith(day))
    throw new BedrockError('InvalidSignatureException', `Signature expired or not yet current: ${time}`);
  const names = signedHeaders.split(';');
  if (!names.includes('host') || !names.includes('x-amz-date'))
    throw new BedrockError('InvalidSignatureException', "'Host' and 'X-Amz-Date' must be signed headers.");
  const toSign = [
    'AWS4-HMAC-SHA256',
    time,
    `${day}/${region}/${service}/aws4_request`,
    sha256(canonical(request, names)),
  ].join('\n');
  const signingKey = [day, region, service, 'aws4_request'].reduce<string | Buffer>(
    (secret, part) => hmac(secret, part),
    `AWS4${key}`,
  );
  if (!timingSafeEqual(hmac(signingKey, toSign), Buffer.from(signature, 'hex')))
    throw new BedrockError(
      'InvalidSignatureException',
      'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.',
    );
}

/** `20261126T160000Z`, at most five minutes off. */
function isRecent(time: string, nowMs: number): boolean {
  const iso = time.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z');
  return iso !== time && Math.abs(Date.parse(iso) - nowMs) <= MAX_SKEW_MS;
}

function canonical(request: Signed, names: readonly string[]): string {
  const [path = '', query = ''] = request.url.split('?');
  return [
    request.method,
    // Every service but S3 signs the path encoded once more.
    path.split('/').map(encode).join('/'),
    query.split('&').toSorted().join('&'),
    ...names.map(
      (name) =>
        `${name}:${headerOf(request, name)
          .trim()
          .replaceAll(/[ \t]+/g, ' ')}`,
    ),
    '',
    names.join(';'),
    sha256(request.body),
  ].join('\n');
}

const encode = (text: string): string =>
  encodeURIComponent(text).replaceAll(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);

const headerOf = ({ headers }: Signed, name: string): string => [headers[name] ?? ''].flat().join(',');
const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex');
const hmac = (key: string | Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest();
