import type { Segment, Ttl } from './prompt.js';

const LOOK_BACK_PIECES = 20;
const MAX_ENTRIES = 10_000;
const TTL_MS = { '5m': 5 * 60_000, '1h': 60 * 60_000 } as const;

/** How the input of a request divides; the sum is the whole prompt. */
export interface InputTokens {
  /** What was neither read from the cache nor written to it. */
  input: number;
  read: number;
  written: Record<Ttl, number>;
}

/** Prompt caching: exact prefixes up to a breakpoint; the longest one within 20 pieces before a breakpoint is read. */
export class PromptCache {
  private readonly expiresAtMs = new Map<string, number>();

  constructor(private readonly now: () => number) {}

  /** Divides a prompt, and remembers its prefixes of at least `minTokens`. */
  use(segments: readonly Segment[], minTokens: number): InputTokens {
    const tokensAt = (index: number) => segments[index]?.tokensUntilHere ?? 0;
    const marked = segments.flatMap(({ ttl }, index) =>
      ttl === null || tokensAt(index) < minTokens ? [] : [{ index, ttl }],
    );
    const hit = Math.max(-1, ...marked.map(({ index }) => this.longestHit(segments, index)));
    const written: Record<Ttl, number> = { '5m': 0, '1h': 0 };
    let covered = tokensAt(hit);
    for (const { index, ttl } of marked) {
      this.keep(segments[index]?.prefix ?? '', ttl);
      if (index <= hit) continue;
      written[ttl] += tokensAt(index) - covered;
      covered = tokensAt(index);
    }
    return { input: tokensAt(segments.length - 1) - covered, read: tokensAt(hit), written };
  }

  private longestHit(segments: readonly Segment[], from: number): number {
    for (let index = from; index >= 0 && index > from - LOOK_BACK_PIECES; index -= 1)
      if ((this.expiresAtMs.get(segments[index]?.prefix ?? '') ?? 0) > this.now()) return index;
    return -1;
  }

  private keep(prefix: string, ttl: Ttl): void {
    const until = this.now() + TTL_MS[ttl];
    const before = this.expiresAtMs.get(prefix) ?? 0;
    this.expiresAtMs.delete(prefix);
    this.expiresAtMs.set(prefix, Math.max(until, before));
    const [oldest] = this.expiresAtMs.keys();
    if (this.expiresAtMs.size > MAX_ENTRIES && oldest !== undefined) this.expiresAtMs.delete(oldest);
  }
}
