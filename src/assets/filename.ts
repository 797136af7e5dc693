const MAX_CHARS = 200;

/**
 * A client's filename as it is kept and shown: the last part of its path, without control characters and other invisible
 * ones. It is never part of a path or an object key. Null where nothing is left.
 */
export function cleanFilename(name: string | null): string | null {
  const last = (name ?? '').split(/[/\\]/).at(-1) ?? '';
  const visible = last.toWellFormed().replaceAll(/\p{C}/gu, '').trim();
  return Array.from(visible).slice(0, MAX_CHARS).join('') || null;
}
