import { Logger } from './logger.js';
import { Metrics } from './metrics.js';
import { OpsEvents } from './ops-events.js';
import type { OpsEventsRepository, OpsEventRow } from './ops-events.repository.js';
import { readableLine } from './readable-log.js';
import { scrubText } from './redaction.js';
import { withRequestId } from './request-id.js';

function capture(): { logger: Logger; lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (line: string): void => void lines.push(JSON.parse(line) as Record<string, unknown>) };
  return { logger: Logger.create({ level: 'debug', destination }), lines };
}

describe('Logger', () => {
  it('writes ids, the request id and the message', () => {
    const { logger, lines } = capture();
    withRequestId('req_1', () => logger.child({ role: 'api' }).info({ job_id: 'job_1' }, 'created'));
    expect(lines).toEqual([
      { level: 'info', time: expect.any(String), role: 'api', job_id: 'job_1', request_id: 'req_1', msg: 'created' },
    ]);
  });

  it('hides what users wrote and what authenticates, at any depth and in errors', () => {
    const { logger, lines } = capture();
    const cause = new Error('POST https://api.test/v1?key=hunter2 failed with Bearer abcdefghijkl');
    const err = new Error('calling sk-live-hunter2hunter2 failed', { cause });
    logger.warn(
      { prompt: 'hunter2', task: { metadata: { a: 'hunter2' }, headers: { authorization: 'hunter2' } }, err },
      'at /files/x?sig=hunter2',
    );
    const text = JSON.stringify(lines);
    expect(text).not.toContain('hunter2');
    expect(text).not.toContain('abcdefghijkl');
    expect(lines[0]).toMatchObject({
      msg: 'at /files/x?[hidden]',
      err: { type: 'Error', cause: { message: expect.stringContaining('https://api.test/v1?[hidden]') } },
    });
  });

  it('is readable on a terminal', () => {
    expect(
      readableLine(
        '{"level":"warn","time":"2026-11-23T07:00:01.123Z","msg":"late","job_id":"job_1","err":{"message":"no"}}\n',
      ),
    ).toBe('07:00:01.123 warn  late job_id=job_1 err="no"\n');
  });
});

it.each([
  ['postgresql://kiln:pw@h/db', 'postgresql://[hidden]@h/db'],
  ['/callbacks/kling/abc123_x-y', '/callbacks/kling/[hidden]'],
  ['data:image/png;base64,AAAA', 'data:[hidden]'],
  ['whsec_abcdefghijklmnop', '[hidden]'],
  ['a plain sentence, really?', 'a plain sentence, really?'],
])('scrubs %s', (text, scrubbed) => {
  expect(scrubText(text)).toBe(scrubbed);
});

describe('OpsEvents', () => {
  const broken = new Error('away');
  const setUp = (
    fail: boolean,
  ): { sut: OpsEvents; rows: OpsEventRow[]; metrics: Metrics; lines: Record<string, unknown>[] } => {
    const rows: OpsEventRow[] = [];
    const repository = {
      insert: async (row: OpsEventRow) => {
        if (fail) throw broken;
        rows.push(row);
      },
    };
    const metrics = new Metrics();
    const { logger, lines } = capture();
    return { sut: new OpsEvents(repository as unknown as OpsEventsRepository, logger, metrics), rows, metrics, lines };
  };
  const event = {
    severity: 'critical' as const,
    type: 'storage.failing',
    message: 'no space',
    data: { job_id: 'job_1' },
  };

  it('are one row, one line and one count', async () => {
    const { sut, rows, metrics, lines } = setUp(false);
    await sut.tell(event);
    expect(rows).toEqual([{ id: expect.stringMatching(/^ops_/), ...event }]);
    expect(lines).toEqual([
      expect.objectContaining({ level: 'error', ops_event: 'storage.failing', job_id: 'job_1', msg: 'no space' }),
    ]);
    expect((await metrics.scrape()).text).toContain(
      'kiln_ops_events_total{severity="critical",type="storage.failing"} 1',
    );
  });

  it('are still a line and a count while the database is away', async () => {
    const { sut, lines } = setUp(true);
    await sut.tell(event);
    expect(lines.map(({ msg }) => msg)).toEqual(['no space', 'an ops event could not be stored']);
  });
});

it('a gauge that fails is left out of the scrape, the others are there', async () => {
  const metrics = new Metrics();
  metrics.gauge('kiln_broken', 'x', [], () => Promise.reject(new Error('away')));
  metrics.gauge('kiln_open', 'x', ['lane'], () => [{ labels: { lane: 'a' }, value: 3 }]);
  const { text } = await metrics.scrape();
  expect(text).toContain('kiln_open{lane="a"} 3');
  expect(text).not.toMatch(/^kiln_broken/m);
});
