import type { RouteBase } from './schema.js';

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

/** A row of a Markdown table. */
export const row = (...cells: string[]): string => `| ${cells.map(cell).join(' | ')} |`;

/** The line below a table's head. */
export const headRule = (columns: number): string => row(...Array.from({ length: columns }, () => '---'));

export const code = (text: string): string => `\`${text}\``;

/** A link to the heading of an alias on the same page. */
export const heading = (id: string): string =>
  `[${id.replace('*', '\\*')}](#${id.toLowerCase().replaceAll(/[^a-z0-9_-]/g, '')})`;

/** What a reader should know of a route beside its provider and model. */
export const routeNotes = (route: RouteBase): string =>
  [
    ...(route.retiresOn === null ? [] : [`the provider ends it on ${route.retiresOn}`]),
    ...(route.substitute ? ['another model'] : []),
    ...(route.bridge ? ['bridges while a GPU wakes'] : []),
    ...(route.scaleToZero ? ['sleeps when idle'] : []),
  ].join('; ');
