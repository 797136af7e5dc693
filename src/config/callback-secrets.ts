export const CALLBACK_SECRET_PREFIX = 'KILN_CALLBACK_SECRET_';
export const CALLBACK_SECRET_ALLOWED = 'a Standard Webhooks secret: `whsec_` and at least 24 bytes as base64';

const NAME = /^[A-Z0-9_]+$/;
const SECRET = /^whsec_[A-Za-z0-9+/]+={0,2}$/;
const MIN_BYTES = 24;

const isSecret = (text: string): boolean =>
  SECRET.test(text) && Buffer.from(text.slice('whsec_'.length), 'base64').length >= MIN_BYTES;

/** `KILN_CALLBACK_SECRET_KLING` is what the account behind the credential `kling` signs its callbacks with. Values are never part of an error. */
export function parseCallbackSecrets(env: Readonly<Record<string, string | undefined>>): {
  callbackSecrets: Record<string, string>;
  problems: string[];
} {
  const callbackSecrets: Record<string, string> = {};
  const problems: string[] = [];
  for (const [variable, raw] of Object.entries(env)) {
    const value = raw?.trim();
    if (!variable.startsWith(CALLBACK_SECRET_PREFIX) || !value) continue;
    const name = variable.slice(CALLBACK_SECRET_PREFIX.length);
    if (!NAME.test(name))
      problems.push(`${variable} has a name that is not of the form ${CALLBACK_SECRET_PREFIX}<NAME> in capitals`);
    else if (!isSecret(value))
      problems.push(`${variable} (hidden) is not of the allowed form: ${CALLBACK_SECRET_ALLOWED}`);
    else callbackSecrets[name.toLowerCase()] = value;
  }
  return { callbackSecrets, problems };
}
