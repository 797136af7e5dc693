import { TEXT_FAULTS } from './text/text-faults.js';

/** Where in a task's life a fault shows. */
export type FaultPhase = 'submit' | 'accept' | 'run' | 'poll' | 'download' | 'text';

/** What a fault of the submit or the poll is answered with. */
export type FaultAnswer = 'rate_limited' | 'internal' | 'unavailable' | 'blocked' | 'hang' | 'drop' | 'malformed';

export interface FaultSpec {
  phase: FaultPhase;
  /** What `=VALUE` in a marker means; `count` is how often the fault shows, per prompt (submit) or per task. */
  value: 'none' | 'count' | 'ms' | 'bytes' | 'chunks';
  /** How often a marker without a value shows. */
  times?: number;
  answer?: FaultAnswer;
  says: string;
}

const ALWAYS = Number.POSITIVE_INFINITY;

/** Every switch there is. A marker or an admin call that names another is refused. */
export const FAULTS = {
  '429': {
    phase: 'submit',
    answer: 'rate_limited',
    value: 'count',
    times: ALWAYS,
    says: 'the submit is refused for its rate',
  },
  '500': {
    phase: 'submit',
    answer: 'internal',
    value: 'count',
    times: ALWAYS,
    says: 'the submit is answered 500; nothing was accepted',
  },
  '503': {
    phase: 'submit',
    answer: 'unavailable',
    value: 'count',
    times: ALWAYS,
    says: 'the submit is answered 503; nothing was accepted',
  },
  hang: {
    phase: 'submit',
    answer: 'hang',
    value: 'count',
    times: ALWAYS,
    says: 'the submit is never answered; nothing was accepted',
  },
  drop: {
    phase: 'submit',
    answer: 'drop',
    value: 'count',
    times: ALWAYS,
    says: 'the connection is cut before anything was accepted',
  },
  'policy-submit': {
    phase: 'submit',
    answer: 'blocked',
    value: 'count',
    times: ALWAYS,
    says: 'the prompt is refused at once with 400',
  },
  'hang-after': {
    phase: 'accept',
    answer: 'hang',
    value: 'count',
    times: ALWAYS,
    says: 'the work is accepted, the answer never comes',
  },
  'drop-after': {
    phase: 'accept',
    answer: 'drop',
    value: 'count',
    times: ALWAYS,
    says: 'the work is accepted, the connection is cut instead of an answer',
  },
  'malformed-submit': {
    phase: 'accept',
    answer: 'malformed',
    value: 'count',
    times: ALWAYS,
    says: 'the work is accepted, the answer is not JSON',
  },
  latency: { phase: 'run', value: 'ms', says: 'the generation takes exactly this long, whatever the speed' },
  never: { phase: 'run', value: 'none', says: 'the generation stays running' },
  fail: { phase: 'run', value: 'none', says: 'the generation fails after a while' },
  policy: { phase: 'run', value: 'none', says: 'the result is withheld by the content filter' },
  oom: { phase: 'run', value: 'none', says: 'the generation runs out of GPU memory (elsewhere: fails)' },
  empty: { phase: 'run', value: 'none', says: 'it ends well, with no result in it' },
  lost: { phase: 'run', value: 'none', says: 'the task vanishes halfway' },
  'off-origin': {
    phase: 'run',
    value: 'none',
    says: 'the result link points to http://169.254.169.254/ (where results are links)',
  },
  'no-callback': { phase: 'run', value: 'none', says: 'no callback comes when it ends' },
  'duplicate-callbacks': { phase: 'run', value: 'none', says: 'the callback comes three times' },
  pad: { phase: 'run', value: 'bytes', says: 'the result is padded to this many bytes and stays playable (MP4 only)' },
  '429-poll': {
    phase: 'poll',
    answer: 'rate_limited',
    value: 'count',
    times: 3,
    says: 'polls of the task are refused for their rate',
  },
  '500-poll': {
    phase: 'poll',
    answer: 'internal',
    value: 'count',
    times: 3,
    says: 'polls of the task are answered 500',
  },
  '503-poll': {
    phase: 'poll',
    answer: 'unavailable',
    value: 'count',
    times: 3,
    says: 'polls of the task are answered 503',
  },
  'hang-poll': {
    phase: 'poll',
    answer: 'hang',
    value: 'count',
    times: 1,
    says: 'polls of the task are never answered',
  },
  malformed: {
    phase: 'poll',
    answer: 'malformed',
    value: 'count',
    times: 1,
    says: 'polls of the task are answered with a body that is not JSON',
  },
  truncate: {
    phase: 'download',
    value: 'count',
    times: 1,
    says: 'downloads break off in the middle, later ones are whole',
  },
  'truncate-always': { phase: 'download', value: 'none', says: 'every download breaks off in the middle' },
  expired: { phase: 'download', value: 'none', says: 'the result link is gone (404)' },
  'zero-bytes': { phase: 'download', value: 'none', says: 'the result is an empty file' },
  'not-media': { phase: 'download', value: 'none', says: 'the result is an HTML page with status 200' },
  'cut-bytes': {
    phase: 'text',
    value: 'bytes',
    says: 'speech and transcripts: the connection is cut after so many bytes of the body',
  },
  ...TEXT_FAULTS,
} as const satisfies Record<string, FaultSpec>;

export type FaultName = keyof typeof FAULTS;

export function isFaultName(name: string): name is FaultName {
  return Object.hasOwn(FAULTS, name);
}

export function faultSpec(name: FaultName): FaultSpec {
  return FAULTS[name];
}
