import { EgressError, type EgressReason } from './egress.js';

const DNS_CODES: ReadonlySet<string> = new Set([
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAI_FAIL',
  'EAI_NODATA',
  'EAI_NONAME',
  'ENODATA',
  'ESERVFAIL',
]);
const TLS_CODE = /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA|EPROTO$)/;
const TIMEOUT_CODES: ReadonlySet<string> = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT']);

/** By shape, not by class: an error of Node's core is of another realm than code that runs in a VM context. */
const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : '';

function reasonOf(code: string, sent: boolean): EgressReason {
  if (DNS_CODES.has(code)) return 'dns';
  if (TLS_CODE.test(code)) return 'tls';
  if (TIMEOUT_CODES.has(code)) return 'timeout';
  if (code === 'UND_ERR_HEADERS_OVERFLOW') return 'too_large';
  if (code === 'UND_ERR_INVALID_ARG') return 'blocked';
  return sent ? 'reset' : 'connect';
}

/** Any failure of the HTTP client as an EgressError; `sent` is what the exchange knows, not what the error says. */
export function toEgressError(error: unknown, sent: boolean, origin: string): EgressError {
  if (error instanceof EgressError) {
    return error.sent === sent ? error : new EgressError(error.reason, error.message, sent, { cause: error });
  }
  const code = codeOf(error);
  const reason = reasonOf(code, sent);
  const words = code === '' ? (error instanceof Error ? error.message : String(error)) : code;
  return new EgressError(reason, `${origin}: ${reason} (${words})`, sent, { cause: error });
}
