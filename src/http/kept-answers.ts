import type { Readable } from 'node:stream';

const unfinished = new WeakMap<Readable, () => boolean>();

/** Of a streamed answer: it is not to be given again where `isPartial` says, at its end, that it is none. */
export function notKept(stream: Readable, isPartial: () => boolean): void {
  unfinished.set(stream, isPartial);
}

export const isPartial = (stream: Readable): boolean => unfinished.get(stream)?.() ?? false;
