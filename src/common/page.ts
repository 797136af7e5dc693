import { z } from 'zod';
import { invalidRequest, notFound } from './errors.js';

/** Query fields of every list; spread into a list's own strict object. */
export const pageFields = {
  limit: z.coerce.number().int().min(1).max(100).default(20),
  after: z.string().max(64).optional(),
  before: z.string().max(64).optional(),
  order: z.enum(['asc', 'desc']).default('desc'),
};

/** `after` goes on beyond that id in the list's order, `before` takes what stands directly in front of it. */
export interface Page {
  limit: number;
  after?: string;
  before?: string;
  order: 'asc' | 'desc';
}

export interface ListEnvelope<T> {
  object: 'list';
  data: T[];
  has_more: boolean;
  first_id: string | null;
  last_id: string | null;
}

/** Query parts for rows whose ids are time-ordered; one row more than asked tells whether there are more. */
export function pageArgs({ limit, after, before, order }: Page): {
  id: { gt?: string; lt?: string };
  orderBy: { id: 'asc' | 'desc' };
  take: number;
} {
  const backwards = before !== undefined;
  const ascending = (order === 'asc') !== backwards;
  const cursor = before ?? after;
  return {
    id: cursor === undefined ? {} : ascending ? { gt: cursor } : { lt: cursor },
    orderBy: { id: ascending ? 'asc' : 'desc' },
    take: limit + 1,
  };
}

/** `rows` as a query with `pageArgs` gave them. */
export function listEnvelope<R extends { id: string }, T>(rows: R[], page: Page, view: (row: R) => T): ListEnvelope<T> {
  const kept = rows.slice(0, page.limit);
  const shown = page.before === undefined ? kept : kept.toReversed();
  return {
    object: 'list',
    data: shown.map((row) => view(row)),
    has_more: rows.length > page.limit,
    first_id: shown[0]?.id ?? null,
    last_id: shown.at(-1)?.id ?? null,
  };
}

/** A cursor must be the key's own row: 404 otherwise, as for any other id. */
export async function assertCursor(page: Page, what: string, exists: (id: string) => Promise<boolean>): Promise<void> {
  if (page.after !== undefined && page.before !== undefined) {
    throw invalidRequest("Send 'after' or 'before', not both.", 'before');
  }
  const cursor = page.after ?? page.before;
  if (cursor !== undefined && !(await exists(cursor))) throw notFound(what, cursor);
}
