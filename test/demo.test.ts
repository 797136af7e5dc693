import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ENTRY = join(import.meta.dirname, '../dist/demo/main.js');
const TIMEOUT_MS = 60_000;

let dir: string;
beforeAll(async () => {
  if (!existsSync(ENTRY)) throw new Error(`${ENTRY} is missing: run the tests by 'npm test', which builds first`);
  dir = await mkdtemp(join(tmpdir(), 'kiln-demo-'));
  // PostgreSQL runs under another account where the tests run as root.
  await chmod(dir, 0o755);
});
afterAll(async () => rm(dir, { recursive: true, force: true }));

async function demo(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const env = { ...process.env, KILN_SANDBOX_SPEED: '0.02', NODE_OPTIONS: '' };
  return new Promise((resolve) => {
    execFile(process.execPath, [ENTRY, '--json', ...args], { env, cwd: dir }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

interface Report {
  ok: boolean;
  error?: string;
  upload_id: string;
  cost_micro_usd: number;
  webhook: { verified: boolean; event: string };
  stages: { stage: string; ms: number }[];
  outputs: { type: string; sha256: string; files: { variant: string; path: string; content_type: string }[] }[];
}

/** Standard output has one line and nothing else. */
function reportOf(stdout: string): Report {
  expect(stdout.split('\n')).toEqual([expect.stringMatching(/^\{.*\}$/), '']);
  return JSON.parse(stdout) as Report;
}

test(
  'the demo ends with a playable clip of the asked length and size, its poster and a verified webhook',
  async () => {
    const { code, stdout, stderr } = await demo('--data', join(dir, 'data'), '--out', join(dir, 'out'));
    expect({ code, stderr }).toMatchObject({ code: 0 });
    const report = reportOf(stdout);
    expect(report).toMatchObject({
      ok: true,
      upload_id: expect.stringMatching(/^upload_/),
      cost_micro_usd: expect.any(Number),
      webhook: { verified: true, event: 'job.succeeded' },
      outputs: [{ type: 'video' }],
    });
    expect(report.stages.map(({ stage }) => stage)).toEqual(
      expect.arrayContaining(['submitting', 'generating', 'storing', 'processing']),
    );

    const [output] = report.outputs;
    const fileOf = (variant: string): string => output?.files.find((file) => file.variant === variant)?.path ?? '';
    const clip = fileOf('content');
    expect(
      createHash('sha256')
        .update(await readFile(clip))
        .digest('hex'),
    ).toBe(output?.sha256);
    expect(probe(clip)).toEqual({ codec: 'h264', width: 1280, height: 720, seconds: 4 });
    expect(probe(fileOf('poster'))).toMatchObject({ width: 1280, height: 720 });
    expect(probe(fileOf('preview'))).toMatchObject({ codec: 'h264', seconds: 4 });
  },
  TIMEOUT_MS,
);

test(
  'a job that fails says why, with exit code 1, on the data of the run before',
  async () => {
    const { code, stdout } = await demo('--data', join(dir, 'data'), '--prompt', 'no [[sandbox:policy]]');
    expect(code).toBe(1);
    expect(reportOf(stdout)).toMatchObject({ ok: false, error: expect.stringContaining('content_policy') });
  },
  TIMEOUT_MS,
);

test('wrong arguments are named, with exit code 2, before anything starts', async () => {
  const { code, stdout } = await demo('--image', 'nowhere.png');
  expect(code).toBe(2);
  expect(reportOf(stdout)).toMatchObject({ ok: false, error: expect.stringContaining('--image') });
  expect((await demo('--modle', 'x')).code).toBe(2);
});

function probe(path: string): { codec: string; width: number; height: number; seconds: number } {
  const { streams, format } = JSON.parse(
    execFileSync('ffprobe', ['-v', 'error', '-show_streams', '-show_format', '-of', 'json', path], {
      encoding: 'utf8',
    }),
  ) as {
    streams: { codec_name: string; codec_type: string; width: number; height: number }[];
    format: { duration?: string };
  };
  const picture = streams.find((stream) => stream.codec_type === 'video');
  return {
    codec: picture?.codec_name ?? '',
    width: picture?.width ?? 0,
    height: picture?.height ?? 0,
    seconds: Math.round(Number(format.duration ?? 0)),
  };
}
