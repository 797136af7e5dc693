import { Injectable } from '@nestjs/common';
import { csvLine } from './csv.js';
import { GROUPS_PER_PAGE, readPlace, type UsageAsk, writePlace } from './usage-query.js';
import {
  ADMIN_SUMS,
  fieldsOf,
  SUMS,
  type UsageGroup,
  UsageRepository,
  type UsageScope,
  type UsageSums,
} from './usage.repository.js';

export interface UsagePage {
  object: 'list';
  from: string;
  to: string;
  group_by: string[];
  /** `date`, `model`, … of the group, and its sums. */
  data: Record<string, string | number | null>[];
  /** Of the whole time, whichever page this is. */
  total: UsageSums;
  has_more: boolean;
  last_id: string | null;
}

/** What was used, by day and whatever else. */
@Injectable()
export class UsageReport {
  constructor(private readonly rows: UsageRepository) {}

  async page(
    ask: UsageAsk,
    scope: UsageScope,
    { limit, after }: { limit: number; after?: string },
  ): Promise<UsagePage> {
    const place = after === undefined ? null : readPlace(ask, after);
    const [found, total] = await Promise.all([
      this.rows.groups(ask, scope, place, limit + 1),
      this.rows.total(ask, scope),
    ]);
    const groups = found.slice(0, limit);
    const last = groups.at(-1);
    return {
      object: 'list',
      from: ask.from,
      to: ask.to,
      group_by: [...ask.by],
      data: groups.map((group) => viewOf(ask, group)),
      total,
      has_more: found.length > limit,
      last_id: last ? writePlace(ask, last.values) : null,
    };
  }

  /**
   * The same as CSV (RFC 4180) with a header, a bounded number of groups in memory. Resolves once the first are read, so that
   * what goes wrong until then is an answer of its own.
   */
  async csv(ask: UsageAsk, scope: UsageScope): Promise<AsyncIterable<string>> {
    const first = await this.rows.groups(ask, scope, null, GROUPS_PER_PAGE);
    return this.lines(ask, scope, first);
  }

  private async *lines(ask: UsageAsk, scope: UsageScope, first: UsageGroup[]): AsyncGenerator<string> {
    const sums = scope.isAdmin ? ADMIN_SUMS : SUMS;
    yield csvLine([...fieldsOf(ask.by), ...sums]);
    for (let groups = first; groups.length > 0;) {
      yield groups.map((group) => csvLine([...group.values, ...sums.map((name) => group.sums[name] ?? 0)])).join('');
      const last = groups.at(-1);
      if (groups.length < GROUPS_PER_PAGE || !last) return;
      groups = await this.rows.groups(ask, scope, last.values, GROUPS_PER_PAGE);
    }
  }
}

const viewOf = ({ by }: UsageAsk, { values, sums }: UsageGroup): Record<string, string | number | null> => ({
  ...Object.fromEntries(fieldsOf(by).map((field, n) => [field, values[n] === '' ? null : (values[n] ?? null)])),
  ...sums,
});
