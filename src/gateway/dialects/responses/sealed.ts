import type { ReasoningPart } from '../conversation.js';

/**
 * Anthropic's seals travel in `encrypted_content`, the one field of a reasoning item that every client hands back as it
 * came. The prefix says whose they are: OpenAI can't read them, nor Anthropic those of OpenAI.
 */
const SIGNATURE = 'kiln.anthropic.signature:';
const REDACTED = 'kiln.anthropic.redacted:';

export type Seal = Pick<ReasoningPart, 'signature' | 'sealed'>;

/** `encrypted_content` of a reasoning item; null where nothing seals it. */
export function encryptedOf(seal: Seal): string | null {
  if (seal.signature !== undefined) return SIGNATURE + seal.signature;
  if (!seal.sealed) return null;
  return seal.sealed.by === 'anthropic' ? REDACTED + seal.sealed.data : seal.sealed.data;
}

export function sealOf(encrypted: string): Seal {
  if (encrypted.startsWith(SIGNATURE)) return { signature: encrypted.slice(SIGNATURE.length) };
  if (encrypted.startsWith(REDACTED)) {
    return { sealed: { by: 'anthropic', data: encrypted.slice(REDACTED.length) } };
  }
  return { sealed: { by: 'openai', data: encrypted } };
}

/** Whether OpenAI can read it. */
export const isOpenAi = (encrypted: string): boolean =>
  encrypted !== '' && !encrypted.startsWith(SIGNATURE) && !encrypted.startsWith(REDACTED);
