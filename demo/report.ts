import { relative } from 'node:path';
import { type DemoResult, usd } from './run.js';
import type { SavedOutput } from './results.js';

/** The result for a program: one line of JSON. Paths are absolute. */
export function jsonReport({ job, model, uploadId, outputs, webhook, stages, elapsedMs }: DemoResult): string {
  return JSON.stringify({
    ok: true,
    job_id: job.id,
    model,
    route: job.route?.id ?? null,
    status: job.status,
    sandbox: job.sandbox,
    upload_id: uploadId,
    outputs,
    webhook: { verified: true, id: webhook.id, event: webhook.event },
    cost_micro_usd: job.cost.charged_micro_usd,
    stages,
    elapsed_ms: elapsedMs,
    warnings: job.warnings,
  });
}

/** The result for a person. */
export function readableReport({ job, outputs, webhook, stages, elapsedMs }: DemoResult): string {
  const lines = [
    '',
    `Done in ${seconds(elapsedMs)}: ${stages.map(({ stage, ms }) => `${stage} ${seconds(ms)}`).join(', ')}`,
  ];
  for (const output of outputs) {
    lines.push('', `${title(output)}, ${facts(output)}`);
    for (const { variant, path, bytes } of output.files)
      lines.push(`  ${(variant === 'content' ? output.type : variant).padEnd(10)} ${shownPath(path)} (${size(bytes)})`);
  }
  const charged = job.cost.charged_micro_usd;
  lines.push(
    '',
    `Webhook     ${webhook.event} ${webhook.id}, signature verified`,
    `Cost        ${charged === null ? 'not settled yet' : usd(charged)}${job.sandbox ? ' on paper: the sandbox answered, no provider was called' : ''}`,
    ...job.warnings.map((warning) => `Warning     ${warning}`),
  );
  return lines.join('\n');
}

const title = ({ type }: SavedOutput): string => type.charAt(0).toUpperCase() + type.slice(1);

function facts({ width, height, duration_seconds }: SavedOutput): string {
  return [
    width !== null && height !== null ? `${width}×${height}` : null,
    duration_seconds !== null ? `${Number(duration_seconds.toFixed(2))} s` : null,
  ]
    .filter((part) => part !== null)
    .join(', ');
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(ms < 100 ? 2 : 1)} s`;

const size = (bytes: number): string =>
  bytes < 1_000_000 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;

function shownPath(path: string): string {
  const near = relative(process.env['INIT_CWD'] ?? process.cwd(), path);
  return near.startsWith('..') ? path : near;
}
