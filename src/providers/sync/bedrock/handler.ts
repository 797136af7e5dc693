import type { Readable } from 'node:stream';
import type { BedrockRuntimeClientConfig } from '@aws-sdk/client-bedrock-runtime';
import type { SyncCall, SyncContext } from '../contract.js';

interface AwsRequest {
  method: string;
  protocol: string;
  hostname: string;
  port?: number;
  path: string;
  query: Record<string, string | string[] | null>;
  headers: Record<string, string>;
  body?: string | Uint8Array;
}

function urlOf({ protocol, hostname, port, path, query }: AwsRequest): string {
  const params = Object.entries(query).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value ?? '']).map(
      (one) => `${encodeURIComponent(name)}=${encodeURIComponent(one)}`,
    ),
  );
  const host = port === undefined ? hostname : `${hostname}:${port}`;
  return `${protocol}//${host}${path}${params.length === 0 ? '' : `?${params.join('&')}`}`;
}

/** Carries what AWS's client has signed over Kiln's egress. */
export function egressHandler(
  call: SyncCall,
  ctx: SyncContext,
): NonNullable<BedrockRuntimeClientConfig['requestHandler']> {
  return {
    async handle(request: AwsRequest) {
      // The client sets its own length; it is signed by neither scheme.
      const { host: _host, 'content-length': _length, ...headers } = lowercased(request.headers);
      const answer = await ctx.fetch(urlOf(request), {
        method: request.method as 'POST',
        headers,
        ...(request.body === undefined ? {} : { body: request.body }),
        signal: ctx.signal,
        timeoutMs: call.timeoutMs,
        idleTimeoutMs: call.idleTimeoutMs,
        maxBytes: 1024 ** 3,
      });
      const body: Readable = answer.body;
      return { response: { statusCode: answer.status, headers: Object.fromEntries(answer.headers), body } };
    },
  };
}

const lowercased = (headers: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
