import { createHash } from 'node:crypto';

/** Thinking blocks prove that they were written here: a changed one is refused, as Anthropic refuses it. */
const seal = (text: string): string => createHash('sha256').update(`kiln sandbox thinking\n${text}`).digest('base64');

/** What `signature_delta` carries for a thinking block; `shown` is its text as it was sent, `''` when display is omitted. */
export const signatureOf = (shown: string): string => `sbx${seal(shown)}`;
export const isOwnSignature = (shown: string, signature: string): boolean => signature === signatureOf(shown);

/** `data` of a redacted block. */
export const redactedOf = (thought: string): string => `sbxr.${seal(thought)}.${seal(seal(thought))}`;
export function isOwnRedacted(data: string): boolean {
  const [kind, sealed = '', proof] = data.split('.');
  return kind === 'sbxr' && proof === seal(sealed);
}
