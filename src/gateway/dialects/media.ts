import type { Source } from './conversation.js';
import { refuse } from './shapes.js';

const HEADER_CHARS = 200;

/** `http(s)` and base64 data URLs, without copying the data; 400 for anything else. */
export function sourceOf(url: string, field: string): Source {
  if (/^https?:\/\//i.test(url)) return { kind: 'url', url };
  if (/^data:/i.test(url)) return dataSource(url, field);
  return refuse(field, 'is neither an http(s) URL nor a data URL');
}

/** RFC 2397, base64 only: `data:image/png;base64,…`. */
export function dataSource(url: string, field: string): Source {
  const comma = url.slice(0, HEADER_CHARS).indexOf(',');
  const [mediaType = '', ...flags] = url.slice('data:'.length, Math.max(comma, 0)).split(';');
  if (comma === -1 || mediaType === '' || !flags.includes('base64'))
    return refuse(field, "is not a data URL of the form 'data:<media type>;base64,<data>'");
  const data = url.slice(comma + 1);
  if (data === '') return refuse(field, 'is a data URL without data');
  return { kind: 'base64', mediaType: mediaType === 'image/jpg' ? 'image/jpeg' : mediaType.toLowerCase(), data };
}

export const dataUrl = (mediaType: string, data: string): string => `data:${mediaType};base64,${data}`;
