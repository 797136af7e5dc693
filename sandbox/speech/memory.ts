import { createHash } from 'node:crypto';

const MAX_REMEMBERED = 5_000;

/** What was spoken, by the file's hash: for formats without a place for text (raw AAC, PCM). The newest are kept. */
export class SpokenMemory {
  private readonly texts = new Map<string, string>();

  remember(file: Buffer, text: string): void {
    const hash = hashOf(file);
    this.texts.delete(hash);
    this.texts.set(hash, text);
    const [oldest] = this.texts.keys();
    if (this.texts.size > MAX_REMEMBERED && oldest !== undefined) this.texts.delete(oldest);
  }

  recall(file: Buffer): string | null {
    return this.texts.get(hashOf(file)) ?? null;
  }
}

function hashOf(file: Buffer): string {
  return createHash('sha256').update(file).digest('base64url');
}
