import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { clipFile, imageFile, toneFile } from './media.js';
import type { Kiln } from './kiln.js';

type SampleKind = 'image' | 'square' | 'mask' | 'video' | 'audio';

/** One request through the real engine and the sandbox, and what must be stored in the end. */
export interface AliasRun {
  model: string;
  /** Provider or route name that must answer; the request allows no other. */
  only: string;
  operation: string;
  input: Record<string, unknown>;
  /** Media fields: a sample, or a list of samples, each sent as a data URI. */
  files?: Record<string, SampleKind | SampleKind[]>;
  providerOptions?: Record<string, unknown>;
  expect: {
    type: 'video' | 'image' | 'audio';
    width?: number;
    height?: number;
    /** Within a frame or two. */
    seconds?: number;
    sound?: boolean;
    contentType?: string;
    /** Default 1. */
    count?: number;
    names?: string[];
    warnings?: RegExp;
    /** The route's own model id. */
    upstreamModel?: string;
    substituted?: boolean;
  };
}

const TYPES: Readonly<Record<SampleKind, string>> = {
  image: 'image/png',
  square: 'image/png',
  mask: 'image/png',
  video: 'video/mp4',
  audio: 'audio/mpeg',
};

/** A sample large enough for every provider's limits, as a data URI. */
export async function sample(kind: SampleKind): Promise<string> {
  const path =
    kind === 'video'
      ? await clipFile('mp4', { width: 640, height: 360, seconds: 3, fps: 24 })
      : kind === 'audio'
        ? await toneFile('mp3', 12)
        : kind === 'image'
          ? await imageFile('png', 1280, 720)
          : await imageFile('png', 1024, 1024);
  return `data:${TYPES[kind]};base64,${(await readFile(path)).toString('base64')}`;
}

/** `video · veo-3.1 · vertex · text_to_video`. */
export const titleOf = ({ model, only, operation, input }: AliasRun): string =>
  [model, only, operation, JSON.stringify(input)].join(' · ').slice(0, 160);

const PATIENCE_SECONDS = 110;

/** Runs one row to the end and checks the stored artifact: its kind, size, length, and that the bytes are those of its row. */
export const runAlias = async (kiln: Kiln, row: AliasRun): Promise<void> => check(kiln, row, await post(kiln, row));

/**
 * A test for each row. All jobs are posted at once and run side by side, as they would for many clients; each test waits for
 * its own. `prepare` makes the rest of a row once the first hooks have run.
 */
export function testAliases(
  rows: readonly AliasRun[],
  kiln: () => Kiln,
  prepare: (row: AliasRun) => AliasRun = (row) => row,
): void {
  const posted = new Map<AliasRun, Promise<string>>();
  beforeAll(async () => {
    for (const row of rows) posted.set(row, post(kiln(), prepare(row)));
    await Promise.allSettled(posted.values());
  });
  test.each(rows.map((row) => [titleOf(row), row] as const))(
    '%s',
    async (_title, row) => check(kiln(), row, (await posted.get(row)) ?? ''),
    (PATIENCE_SECONDS + 10) * 1000,
  );
}

async function post(kiln: Kiln, row: AliasRun): Promise<string> {
  const media: Record<string, unknown> = {};
  for (const [field, kinds] of Object.entries(row.files ?? {}))
    media[field] = Array.isArray(kinds) ? await Promise.all(kinds.map(sample)) : await sample(kinds);
  const job = await kiln.post({
    model: row.model,
    input: { ...row.input, ...media },
    routing: { only: [row.only], allow_fallback: false },
    ...(row.providerOptions ? { provider_options: row.providerOptions } : {}),
  });
  return job.id;
}

async function check(kiln: Kiln, row: AliasRun, id: string): Promise<void> {
  const done = await kiln.finished(id, PATIENCE_SECONDS);
  expect({ error: done.error, status: done.status }).toEqual({ error: null, status: 'succeeded' });
  const { type, width, height, seconds, sound, contentType, count = 1, names } = row.expect;
  expect(done.outputs).toHaveLength(count);
  for (const output of done.outputs) {
    expect(output.type).toBe(type);
    if (width !== undefined) expect([output.width, output.height]).toEqual([width, height]);
    if (contentType !== undefined) expect(output.content_type).toBe(contentType);
    if (sound !== undefined) expect(output.has_audio).toBe(sound);
    if (seconds !== undefined) expect(Math.abs((output.duration_seconds ?? 0) - seconds)).toBeLessThan(0.3);
    const response = await fetch(output.url ?? '');
    const bytes = Buffer.from(await response.arrayBuffer());
    expect([response.status, bytes.length]).toEqual([200, output.bytes]);
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(output.sha256);
  }
  if (names) expect(done.outputs.map(({ name }) => name)).toEqual(names);
  if (row.expect.warnings) expect(done.warnings.join('\n')).toMatch(row.expect.warnings);
  if (row.expect.upstreamModel) expect(done.route?.model).toBe(row.expect.upstreamModel);
  if (row.expect.substituted !== undefined) expect(done.route?.substituted).toBe(row.expect.substituted);
  expect(done.cost.charged_micro_usd).toBe(done.cost.held_micro_usd);
}
