import type { DisabledReason, EndpointRow } from './endpoints.repository.js';

/** A registered endpoint as its owner sees it. */
export interface EndpointView {
  id: string;
  object: 'webhook_endpoint';
  url: string;
  description: string | null;
  /** Event types, or `*` for all. */
  events: string[];
  disabled: boolean;
  disabled_at: string | null;
  /** `owner`; `gone`: it answered 410; `failing`: nothing was delivered for five days. */
  disabled_reason: DisabledReason | null;
  /** Since when tries fail and none was delivered. */
  failing_since: string | null;
  created_at: string;
  updated_at: string;
}

const iso = (date: Date | null): string | null => date?.toISOString() ?? null;

export function endpointView(row: EndpointRow): EndpointView {
  return {
    id: row.id,
    object: 'webhook_endpoint',
    url: row.url,
    description: row.description,
    events: row.events,
    disabled: row.disabledAt !== null,
    disabled_at: iso(row.disabledAt),
    disabled_reason: row.disabledReason as DisabledReason | null,
    failing_since: iso(row.failingSince),
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
  };
}
