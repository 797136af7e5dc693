import { median, megabytes, ms, perSecond } from '../numbers.js';
import type { Finding } from '../report.js';
import type { Served } from './client.js';
import type { Contender, ContenderName } from './contenders.js';

export type Mode = 'whole' | 'streamed';

/** What was served in one turn of everyone, by connections. */
export type Rounds = Record<number, { mode: Mode; served: ReadonlyMap<ContenderName, Served> }[]>;

export interface Memory {
  name: ContenderName;
  requests: number;
  halfwayBytes: number;
  bytes: number;
}

const AIM = 0.5;
const MODE_WORDS: Readonly<Record<Mode, string>> = { whole: 'whole answers', streamed: 'streams of 200 chunks' };
/** Latencies, each with how the direct way's is taken from it. */
const LATENCIES = [
  ['added p50', (one: Served) => one.p50Ms],
  ['added p99', (one: Served) => one.p99Ms],
  ['added first byte p50', (one: Served) => one.firstByteP50Ms],
] as const;

type Read = (served: Served) => number;

/** Medians over the rounds of one mode. */
function medians(rounds: Rounds, connections: number, mode: Mode) {
  const turns = (rounds[connections] ?? []).filter((turn) => turn.mode === mode).map(({ served }) => served);
  const of = (turn: ReadonlyMap<ContenderName, Served>, name: ContenderName, read: Read): number => {
    const served = turn.get(name);
    return served ? read(served) : Number.NaN;
  };
  return {
    of: (name: ContenderName, read: Read) => median(turns.map((turn) => of(turn, name, read))),
    added: (name: ContenderName, read: Read) =>
      median(turns.map((turn) => of(turn, name, read) - of(turn, 'direct', read))),
    ratio: (name: ContenderName, to: ContenderName, read: Read) =>
      median(turns.map((turn) => of(turn, name, read) / of(turn, to, read))),
  };
}

const rate: Read = (one) => one.rate;

export function findingsOf(
  contenders: readonly Contender[],
  rounds: Rounds,
  connections: number,
  memory: readonly Memory[],
): Finding[] {
  const withPortkey = contenders.some(({ name }) => name === 'Portkey');
  const findings: Finding[] = [];
  for (const mode of ['whole', 'streamed'] as const) {
    const { of, added, ratio } = medians(rounds, connections, mode);
    const throughput = (baseline: ContenderName, aim: number): Finding => ({
      bench: 'gateway',
      what: `${MODE_WORDS[mode]}, ${connections} connections`,
      measured: perSecond(of('Kiln', rate)),
      baseline: `${baseline} ${perSecond(of(baseline, rate))}`,
      ratio: ratio('Kiln', baseline, rate),
      aim: aim === 1 ? `> ${baseline}` : `≥ ${aim} of the ${baseline}`,
      met: ratio('Kiln', baseline, rate) >= aim,
    });
    findings.push(throughput('bare proxy', AIM));
    if (!withPortkey) continue;
    findings.push(throughput('Portkey', 1));
    for (const [what, read] of LATENCIES) {
      const [ours, theirs] = [added('Kiln', read), added('Portkey', read)];
      findings.push({
        bench: 'gateway',
        what: `${what}, ${MODE_WORDS[mode]}`,
        measured: ms(ours),
        baseline: `Portkey ${ms(theirs)}`,
        ratio: ours / theirs,
        aim: '< Portkey',
        met: ours < theirs,
      });
    }
  }
  const memoryOf = (name: ContenderName): Memory | undefined => memory.find((one) => one.name === name);
  const [ours, theirs] = [memoryOf('Kiln'), memoryOf('Portkey')];
  if (ours && theirs)
    findings.push({
      bench: 'gateway',
      what: `RSS after ${ours.requests} requests, half of them before: ${megabytes(ours.halfwayBytes)}`,
      measured: megabytes(ours.bytes),
      baseline: `Portkey ${megabytes(theirs.bytes)}`,
      ratio: ours.bytes / theirs.bytes,
      aim: '< Portkey',
      met: ours.bytes < theirs.bytes,
    });
  return findings;
}

/** Everyone in every column, for reading. */
export function overview(
  contenders: readonly Contender[],
  rounds: Rounds,
  connections: number,
  memory: readonly Memory[],
): string {
  const lines = [
    '| contender | mode | req/s | of bare | added p50 | added p99 | added first byte | alone: added p50 | RSS |',
  ];
  lines.push('| --- | --- | --- | --- | --- | --- | --- | --- | --- |');
  for (const mode of ['whole', 'streamed'] as const) {
    const busy = medians(rounds, connections, mode);
    const alone = medians(rounds, 1, mode);
    for (const { name } of contenders) {
      const [p50, p99, first] = LATENCIES.map(([, read]) =>
        name === 'direct' ? `(${ms(busy.of(name, read))})` : ms(busy.added(name, read)),
      );
      const quiet =
        name === 'direct' ? `(${ms(alone.of(name, LATENCIES[0][1]))})` : ms(alone.added(name, LATENCIES[0][1]));
      const bytes = memory.find((one) => one.name === name)?.bytes;
      lines.push(
        `| ${[name, MODE_WORDS[mode], busy.of(name, rate).toFixed(0), busy.ratio(name, 'bare proxy', rate).toFixed(2), p50, p99, first, quiet, bytes === undefined ? '' : megabytes(bytes)].join(' | ')} |`,
      );
    }
  }
  return lines.join('\n');
}
