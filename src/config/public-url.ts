import type { KilnConfig } from './config.js';

/** Base of every link this process makes, without a trailing slash. Known once the port is. */
export function publicUrlOf(config: KilnConfig): string {
  if (config.http.publicUrl === null) throw new Error('the public URL is not known before the port is');
  return config.http.publicUrl.replace(/\/+$/, '');
}
