import type { App } from './app.js';
import { IMAGE } from './apps-image.js';
import { MUSIC } from './apps-music.js';
import { OPEN_VIDEO } from './apps-open-video.js';
import { PARTNER_VIDEO } from './apps-partner-video.js';

/** Every endpoint the sandbox speaks for, by its whole id. */
export const APPS: ReadonlyMap<string, App> = new Map(
  Object.entries({ ...PARTNER_VIDEO, ...OPEN_VIDEO, ...IMAGE, ...MUSIC }),
);

/** Status, result and cancel know the owner and the app only; `workflows/` and `comfy/` keep their first segment. */
export function appOf(id: string): string {
  const parts = id.split('/');
  return parts.slice(0, parts[0] === 'workflows' || parts[0] === 'comfy' ? 3 : 2).join('/');
}
