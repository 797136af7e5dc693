import { z } from 'zod';
import type { BudgetView, EntryView, ProofView } from '../../account/budget.js';
import type { ReceiptView } from '../../account/receipt-view.js';
import { ADMIN_SUMS, SUMS } from '../../account/usage.repository.js';
import { ATTEMPT_STATES } from '../../jobs/domain/states.js';
import type { Operation } from './operations.js';

const text = z.string();
const whole = z.int();
const time = z.iso.datetime();
const day = z.iso.date().describe('A UTC day.');
const microUsd = z.int().describe('Integer micro-USD: 1,000,000 is one US dollar.');
const object = z.record(text, z.json());

const sums = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, z.number()]));
const usagePage = (names: readonly string[]) =>
  z.strictObject({
    object: z.literal('list'),
    from: day,
    to: day,
    group_by: z.array(text),
    data: z
      .array(
        z.strictObject({
          date: day.optional(),
          model: text.optional(),
          key: text.optional(),
          endpoint: text.optional(),
          route: text.nullable().optional().describe('Null where no route was tried.'),
          ...sums(names),
        }),
      )
      .describe('In the order of their groups.'),
    total: z.strictObject(sums(names)).describe('Of the whole time, whichever page this is.'),
    has_more: z.boolean(),
    last_id: text.nullable().describe('`after` of the next page.'),
  });

const totals = { spent_micro_usd: microUsd, held_micro_usd: microUsd };

const budget: z.ZodType<BudgetView> = z.strictObject({
  object: z.literal('budget'),
  date: day,
  limit_micro_usd: microUsd.nullable().describe('Null: without limit.'),
  ...totals,
  left_micro_usd: microUsd.nullable(),
  resets_at: time,
});

const proof: z.ZodType<ProofView> = z.strictObject({
  object: z.literal('budget_proof'),
  date: day,
  balanced: z.boolean().describe('Counters, ledger and usage say the same.'),
  counters: z.strictObject(totals).describe('By which budgets are checked.'),
  ledger: z.strictObject({
    ...totals,
    rows: whole,
    open_holds: whole,
    sums: z.strictObject({ hold_micro_usd: microUsd, settle_micro_usd: microUsd, release_micro_usd: microUsd }),
  }),
  usage: z
    .strictObject({ records: whole, charged_micro_usd: microUsd })
    .nullable()
    .describe('Null of days whose usage records are past their time.'),
  sql: text.describe('The statement that this comes from.'),
  parameters: z.tuple([text, day]),
});

const entryFields = {
  id: text,
  object: z.literal('ledger_entry'),
  kind: z.enum(['hold', 'settle', 'release']),
  work_id: text.describe('The request or the job.'),
  run: whole,
  date: day.describe('Of the hold, which what closes it bears too.'),
  amount_micro_usd: microUsd,
  reason: text.nullable(),
  created_at: time,
};
const entry: z.ZodType<EntryView> = z.strictObject(entryFields);

const milliseconds = whole.nullable();
const receiptFields = {
  id: text,
  object: z.literal('receipt'),
  request_id: text.nullable(),
  job_id: text.nullable(),
  run: whole,
  endpoint: text.nullable(),
  model: text.nullable(),
  status: z.enum(['running', 'ok', 'failed', 'canceled', 'partial', 'abandoned']),
  http_status: whole.nullable(),
  error_code: text.nullable(),
  streamed: z.boolean().nullable(),
  sandbox: z.boolean().nullable(),
  route: z.strictObject({ id: text, provider: text.nullable(), upstream_model: text.nullable() }).nullable(),
  times: z.strictObject({
    created_at: time,
    finished_at: time.nullable(),
    queue_ms: milliseconds,
    cold_start_ms: milliseconds,
    overhead_ms: milliseconds,
    upstream_ms: milliseconds,
    first_byte_ms: milliseconds,
    total_ms: milliseconds,
  }),
  attempt_count: whole.nullable(),
  attempts: z.array(
    z.strictObject({
      id: text,
      run: whole,
      route: text,
      provider: text,
      upstream_model: text,
      state: z.enum(ATTEMPT_STATES),
      error: z.strictObject({ code: text }).nullable(),
      created_at: time,
      started_at: time.nullable(),
      finished_at: time.nullable(),
    }),
  ),
  usage: object.nullable(),
  price: object.describe('As it stood when the money was held.'),
  cost: z.strictObject({
    held_micro_usd: microUsd,
    charged_micro_usd: microUsd.nullable().describe('Null while it runs.'),
    all_runs_charged_micro_usd: microUsd,
  }),
  ledger: z.array(z.strictObject(entryFields)),
};
const receipt: z.ZodType<ReceiptView> = z.strictObject(receiptFields);

export const ACCOUNT_SCHEMAS = {
  Usage: usagePage(SUMS),
  AdminUsage: usagePage(ADMIN_SUMS),
  Budget: budget,
  BudgetProof: proof,
  LedgerEntry: entry,
  Receipt: receipt,
  AdminReceipt: z.strictObject({
    ...receiptFields,
    key_id: text,
    upstream_cost_micro_usd: microUsd,
    loss_micro_usd: microUsd,
    margin_micro_usd: microUsd,
  }),
} as const;

const USAGE_CSV = 'With `format=csv` or `Accept: text/csv` the whole as CSV (RFC 4180).';

export const ACCOUNT: Readonly<Record<string, Operation>> = {
  'GET /v1/usage': {
    id: 'getUsage',
    tag: 'Account',
    summary: `What this key used, by day, model, key, endpoint and route (\`group_by\`). ${USAGE_CSV}`,
    answers: { 200: 'Usage' },
    errors: [],
  },
  'GET /v1/budget': {
    id: 'getBudget',
    tag: 'Account',
    summary: 'What is spent, held and left of today.',
    answers: { 200: 'Budget' },
    errors: [],
  },
  'GET /v1/budget/proof': {
    id: 'proveBudget',
    tag: 'Account',
    summary: 'A day recomputed from its ledger rows and usage records, beside the counters.',
    answers: { 200: 'BudgetProof' },
    errors: [],
  },
  'GET /v1/budget/entries': {
    id: 'listLedgerEntries',
    tag: 'Account',
    summary: 'The ledger rows of a day.',
    answers: { 200: 'LedgerEntry[]' },
    errors: ['not_found'],
  },
  'GET /v1/requests/{id}': {
    id: 'getReceipt',
    tag: 'Account',
    summary: 'The receipt of a request or a job.',
    answers: { 200: 'Receipt' },
    errors: ['not_found'],
  },
  'GET /admin/usage': {
    id: 'adminGetUsage',
    tag: 'Admin',
    summary: `What all keys, or one, used, with upstream cost, loss and margin. ${USAGE_CSV}`,
    answers: { 200: 'AdminUsage' },
    errors: ['permission_denied'],
  },
  'GET /admin/requests/{id}': {
    id: 'adminGetReceipt',
    tag: 'Admin',
    summary: "The receipt of any key's request or job, with what it cost upstream.",
    answers: { 200: 'AdminReceipt' },
    errors: ['permission_denied', 'not_found'],
  },
};
