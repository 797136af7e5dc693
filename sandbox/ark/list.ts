import { invalid } from './errors.js';
import type { ArkTask, Status } from './tasks.js';

const STATUSES: readonly Status[] = ['queued', 'running', 'cancelled', 'succeeded', 'failed', 'expired'];
const PAGE_MAX = 500;
const PAGE_DEFAULT = 20;

type Query = Record<string, string | string[] | undefined>;

const many = (value: string | string[] | undefined): string[] => (value === undefined ? [] : [value].flat());

function page(query: Query, name: string, standard: number): number {
  const [value = String(standard), ...more] = many(query[name]);
  const number = Number(value);
  if (more.length > 0 || !/^\d+$/.test(value) || number < 1 || number > PAGE_MAX)
    throw invalid(name, `supported values are 1 to ${PAGE_MAX}`);
  return number;
}

/** One page of `GET /contents/generations/tasks`. `filter.task_ids` is taken as a repeated key and as a list with commas: sources disagree. */
export function listPage(
  query: Query,
  tasks: ArkTask[],
  statusOf: (task: ArkTask) => Status,
): { items: ArkTask[]; total: number } {
  const known = ['page_num', 'page_size', 'filter.status', 'filter.task_ids', 'filter.model', 'filter.service_tier'];
  const unknown = Object.keys(query).find((name) => !known.includes(name));
  if (unknown !== undefined) throw invalid(unknown, 'unknown field');
  const [number, size] = [page(query, 'page_num', 1), page(query, 'page_size', PAGE_DEFAULT)];
  const [status] = many(query['filter.status']);
  if (status !== undefined && !STATUSES.some((one) => one === status))
    throw invalid('filter.status', `supported values are: ${STATUSES.join(', ')}`);
  const [tier = 'default'] = many(query['filter.service_tier']);
  if (tier !== 'default' && tier !== 'flex')
    throw invalid('filter.service_tier', 'supported values are: default, flex');
  const [model] = many(query['filter.model']);
  const ids = many(query['filter.task_ids']).flatMap((value) => value.split(','));
  const found = tasks.filter(
    (task) =>
      tier === 'default' &&
      (status === undefined || statusOf(task) === status) &&
      (model === undefined || task.request.model === model) &&
      (ids.length === 0 || ids.includes(task.id)),
  );
  return { items: found.slice((number - 1) * size, number * size), total: found.length };
}
