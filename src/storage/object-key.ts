const SEGMENT = /^[A-Za-z0-9._=-]{1,200}$/;
const MAX_KEY_LENGTH = 900;

/**
 * Keys are `/`-separated segments of letters, digits and `._=-`. Anything else is a mistake of ours, never of a client:
 * `..`, an absolute path or an encoded slash must not leave the store's folder.
 */
export function keySegments(key: string): string[] {
  const segments = key.split('/');
  const legal =
    key.length <= MAX_KEY_LENGTH && segments.every((part) => SEGMENT.test(part) && part !== '.' && part !== '..');
  if (!legal) throw new TypeError(`illegal object key ${JSON.stringify(key.slice(0, 100))}`);
  return segments;
}
