import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** What authenticates Kiln at a provider; the same shapes as the provider contract's. */
export type ProviderCredential =
  | { kind: 'api_key'; key: string }
  | { kind: 'bearer'; token: string }
  | { kind: 'aws'; accessKeyId: string; secretAccessKey: string; sessionToken?: string }
  | { kind: 'google_service_account'; json: string };

export const CREDENTIAL_PREFIX = 'KILN_CREDENTIAL_';
export const CREDENTIAL_ALLOWED =
  '`api_key:<key>`, `bearer:<token>`, `aws:<access key id>:<secret access key>[:<session token>]`, the JSON of a Google service account, or `@/path` of a file that holds one of these';

const NAME = /^[A-Z0-9_]+$/;
const PLAIN = /^(api_key|bearer):(\S+)$/;
const AWS = /^aws:([A-Z0-9a-z]+):([A-Za-z0-9/+=]+)(?::([A-Za-z0-9/+=]+))?$/;
const serviceAccount = z.looseObject({
  type: z.literal('service_account'),
  client_email: z.string(),
  private_key: z.string(),
});
const keyObject = z
  .strictObject({ api_key: z.string().min(1) })
  .transform(({ api_key }) => ({ kind: 'api_key' as const, key: api_key }));
const bearerObject = z
  .strictObject({ bearer: z.string().min(1) })
  .transform(({ bearer }) => ({ kind: 'bearer' as const, token: bearer }));

/**
 * `KILN_CREDENTIAL_GOOGLE_EU` is the credential `google_eu`. Values are never part of an error.
 * Problems are returned, one sentence each, so that a start names all of them.
 */
export function parseCredentials(
  env: Readonly<Record<string, string | undefined>>,
  readText: (path: string) => string = (path) => readFileSync(path, 'utf8'),
): { credentials: Record<string, ProviderCredential>; problems: string[] } {
  const credentials: Record<string, ProviderCredential> = {};
  const problems: string[] = [];
  for (const [variable, raw] of Object.entries(env)) {
    const value = raw?.trim();
    if (!variable.startsWith(CREDENTIAL_PREFIX) || !value) continue;
    const name = variable.slice(CREDENTIAL_PREFIX.length);
    const found = NAME.test(name)
      ? resolve(value, readText)
      : `has a name that is not of the form ${CREDENTIAL_PREFIX}<NAME> in capitals`;
    if (typeof found === 'string') problems.push(`${variable} ${found}`);
    else credentials[name.toLowerCase()] = found;
  }
  return { credentials, problems };
}

function resolve(value: string, readText: (path: string) => string): ProviderCredential | string {
  if (!value.startsWith('@')) return parse(value) ?? `(hidden) has none of the allowed forms: ${CREDENTIAL_ALLOWED}`;
  const path = value.slice(1);
  let content: string;
  try {
    content = readText(path);
  } catch (error) {
    return `names the file ${path}, which can't be read (${(error as NodeJS.ErrnoException).code ?? 'error'})`;
  }
  return (
    parse(content.trim()) ??
    `names the file ${path}, whose content has none of the allowed forms: ${CREDENTIAL_ALLOWED}`
  );
}

function parse(value: string): ProviderCredential | null {
  const [, kind, rest] = PLAIN.exec(value) ?? [];
  if (rest !== undefined) return kind === 'bearer' ? { kind, token: rest } : { kind: 'api_key', key: rest };
  const [, accessKeyId, secretAccessKey, sessionToken] = AWS.exec(value) ?? [];
  if (accessKeyId !== undefined && secretAccessKey !== undefined)
    return { kind: 'aws', accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
  let object: unknown;
  try {
    object = JSON.parse(value);
  } catch {
    return null;
  }
  if (serviceAccount.safeParse(object).success) return { kind: 'google_service_account', json: value };
  return z.union([keyObject, bearerObject]).safeParse(object).data ?? null;
}
