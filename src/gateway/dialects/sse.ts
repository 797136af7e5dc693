import type { SseFrame } from './dialect.js';

/** Server-sent event of one line of data. */
export const sse = (event: string, data: string): string =>
  event === '' ? `data: ${data}\n\n` : `event: ${event}\ndata: ${data}\n\n`;

/** The frame as text again; data of several lines keeps them. */
export const sseOf = ({ event, data }: SseFrame): string =>
  sse(event, data.includes('\n') ? data.replaceAll('\n', '\ndata: ') : data);
