import { createHash } from 'node:crypto';
import { blocksOf } from './tokens.js';
import type { TextRequest } from './types.js';

const MIN_TOKENS = 1024;
const STEP_TOKENS = 128;
const MAX_KEPT = 10_000;

/** Tokens. */
export interface Cached {
  read: number;
  written: number;
}

/** A provider's prompt cache: what began alike before is read, the rest is written. It forgets nothing but the oldest. */
export class PromptCache {
  private readonly kept = new Set<string>();

  /** As OpenAI and DeepSeek cache by themselves: whole blocks, 1024 tokens at least, in steps of 128; writing is free. */
  automatic(request: TextRequest, scope: string): Cached {
    const { read, written } = this.upTo(request, scope, blocksOf(request).length);
    if (read < MIN_TOKENS) return { read: 0, written: 0 };
    return { read: read - (read % STEP_TOKENS), written };
  }

  /**
   * As Anthropic caches where it is told: `blocks` of `blocksOf(request)` are kept. Nothing happens below 1024 tokens.
   * `scope` is the model.
   */
  upTo(request: TextRequest, scope: string, blocks: number): Cached {
    const hash = createHash('sha256').update(scope);
    let total = 0;
    let read = 0;
    const prefixes = blocksOf(request)
      .slice(0, blocks)
      .map(({ text, tokens }) => {
        const key = hash.update(text).copy().digest('base64url');
        total += tokens;
        if (this.kept.has(key)) read = total;
        return key;
      });
    if (total < MIN_TOKENS) return { read: 0, written: 0 };
    for (const key of prefixes) this.keep(key);
    return { read, written: total - read };
  }

  private keep(key: string): void {
    this.kept.delete(key);
    this.kept.add(key);
    if (this.kept.size <= MAX_KEPT) return;
    const [oldest] = this.kept;
    if (oldest !== undefined) this.kept.delete(oldest);
  }
}
