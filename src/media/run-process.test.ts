import { runProcess } from './run-process.js';

const limits = { timeoutMs: 20_000, maxMemoryBytes: 1024 ** 3 };

describe('runProcess', () => {
  it('passes arguments as they are and gives output and exit code back', async () => {
    const result = await runProcess(
      '/bin/sh',
      ['-c', 'printf %s "$1"; echo broken >&2; exit 3', 'sh', '$(id); "x" *'],
      limits,
    );
    expect(result).toEqual({ code: 3, stdout: '$(id); "x" *', stderr: 'broken\n', timedOut: false });
  });

  it('hands no environment down', async () => {
    const { stdout } = await runProcess('/usr/bin/env', [], limits);
    const names = stdout
      .trim()
      .split('\n')
      .map((line) => line.split('=')[0]);
    expect(new Set(names)).toEqual(new Set(['LC_ALL', 'PATH']));
  });

  it('kills the whole group at the timeout: the pipe that a grandchild holds open is closed', async () => {
    const result = await runProcess('/bin/sh', ['-c', 'sleep 1000 & sleep 1000'], { ...limits, timeoutMs: 100 });
    expect(result).toMatchObject({ code: null, timedOut: true });
  });

  it('stops what takes too much memory', async () => {
    const result = await runProcess('/usr/bin/tail', ['/dev/zero'], { ...limits, maxMemoryBytes: 64 * 1024 ** 2 });
    expect(result).toMatchObject({ code: 1, timedOut: false, stderr: expect.stringContaining('memory exhausted') });
  });

  it('keeps only the end of endless output', async () => {
    const { stdout, stderr } = await runProcess(
      '/bin/sh',
      ['-c', 'head -c 3000000 /dev/zero; head -c 30000 /dev/zero >&2'],
      limits,
    );
    expect([stdout.length, stderr.length]).toEqual([1024 * 1024, 8192]);
  });
});
