import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { invalidRequest } from '../common/errors.js';
import { GROUPS_PER_PAGE, readUsageQuery, type UsageQuery, wantsCsv } from './usage-query.js';
import type { UsageReport } from './usage.js';
import type { UsageScope } from './usage.repository.js';

/** Answers in JSON, a page of it, or in CSV, all of it. */
export async function answerUsage(
  report: UsageReport,
  query: UsageQuery,
  scope: UsageScope,
  { request, reply }: { request: FastifyRequest; reply: FastifyReply },
): Promise<void> {
  const ask = readUsageQuery(query);
  reply.header('vary', 'accept');
  if (!wantsCsv(query.format, request.headers.accept)) {
    const { limit = GROUPS_PER_PAGE, after } = query;
    await reply.send(await report.page(ask, scope, { limit, after }));
    return;
  }
  for (const name of ['limit', 'after'] as const)
    if (query[name] !== undefined) throw invalidRequest(`'${name}' is of JSON; CSV is the whole, in one answer.`, name);
  const lines = await report.csv(ask, scope);
  await reply
    .type('text/csv; charset=utf-8; header=present')
    .header('content-disposition', `attachment; filename="usage-${ask.from}-${ask.to}.csv"`)
    .send(Readable.from(lines));
}
