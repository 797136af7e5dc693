import { MEDIA, MEDIA_FAULTS, type MediaOffer, TEXT, TEXT_FAULTS, type TextOffer } from './offers.js';
import { Random } from './random.js';

export interface SoakSize {
  jobs: number;
  /** Requests of the synchronous gateway. */
  requests: number;
  keys: number;
}

export interface KeyPlan {
  name: string;
  /** Null: without limit. Of every fourth key it ends about halfway. */
  dailyBudgetMicroUsd: number | null;
}

export interface JobAct {
  n: number;
  /** Index of the key that sends it. */
  key: number;
  offer: MediaOffer;
  /** Stands in the prompt of this job and of no other. */
  mark: string;
  prompt: string;
  fault: string | null;
  deadlineSeconds: number | null;
  webhook: boolean;
  /** `again`: the same POST with the same Idempotency-Key, after it was accepted. `replay`: once, if it fails. */
  afterwards: 'nothing' | 'cancel' | 'again' | 'replay';
  /** Before a cancel. */
  waitMs: number;
}

export interface TextAct {
  n: number;
  key: number;
  offer: TextOffer;
  prompt: string;
  maxTokens: number;
  streamed: boolean;
  fault: string | null;
  /** The client goes away after so long; null: it stays. */
  hangUpAfterMs: number | null;
  /** Sent under an Idempotency-Key and, without an answer, again. */
  repeats: boolean;
}

export interface Plan extends SoakSize {
  seed: number;
  keyPlans: KeyPlan[];
  jobActs: JobAct[];
  textActs: TextAct[];
}

const FAULT_SHARE = 0.2;
const ENDLESS_SECONDS = 20;
/** What a job of the mixture costs on average, roughly; half of it makes a budget that ends. */
const USUAL_JOB_MICRO_USD = 30_000;
const WIDE_BUDGET_MICRO_USD = 1e9;

/** Everything that a soak does, from its seed. */
export function planOf(size: SoakSize, seed: number): Plan {
  const random = new Random(seed);
  const jobsOfKey = size.jobs / size.keys;
  return {
    ...size,
    seed,
    keyPlans: Array.from({ length: size.keys }, (_, n) => ({
      name: `soak-${n}`,
      dailyBudgetMicroUsd: budgetOf(n, jobsOfKey),
    })),
    jobActs: Array.from({ length: size.jobs }, (_, n) => jobAct(n, size.keys, seed, random)),
    textActs: Array.from({ length: size.requests }, (_, n) => textAct(n, size.keys, random)),
  };
}

function budgetOf(n: number, jobsOfKey: number): number | null {
  if (n % 4 === 3) return Math.ceil((jobsOfKey * USUAL_JOB_MICRO_USD) / 2);
  return n % 4 === 2 ? null : WIDE_BUDGET_MICRO_USD;
}

/** A graph of ComfyUI's is another one at each try, so that the sandbox shows the first fault of a prompt again and again. */
function jobAct(n: number, keys: number, seed: number, random: Random): JobAct {
  const offer = random.weighted(MEDIA);
  const fault = random.chance(FAULT_SHARE) ? random.weighted(MEDIA_FAULTS) : null;
  const ends = fault === null || (fault.endless !== true && !(offer.only === 'comfyui' && fault.marker.endsWith('=1')));
  const mark = `soak${seed}x${n}x`;
  const dice = random.next();
  const afterwards = dice < 0.06 ? 'cancel' : dice < 0.16 ? 'again' : dice < 0.5 ? 'replay' : 'nothing';
  return {
    n,
    key: random.whole(0, keys - 1),
    offer,
    mark,
    prompt: `A paper boat, ${mark}${fault ? ` [[sandbox:${fault.marker}]]` : ''}`,
    fault: fault?.marker ?? null,
    deadlineSeconds: ends ? null : ENDLESS_SECONDS,
    webhook: random.chance(0.95),
    afterwards: ends ? afterwards : 'nothing',
    waitMs: random.whole(0, 1500),
  };
}

function textAct(n: number, keys: number, random: Random): TextAct {
  const offer = random.weighted(TEXT);
  const fault = random.chance(FAULT_SHARE) ? random.weighted(TEXT_FAULTS) : null;
  const streamed = offer.api !== 'embeddings' && random.chance(0.5);
  const leaves = fault === null && random.chance(0.05);
  return {
    n,
    key: random.whole(0, keys - 1),
    offer,
    prompt: `Say something about number ${n}.${fault ? ` [[sandbox:${fault.marker}]]` : leaves ? ' [[sandbox:slow=50]]' : ''}`,
    maxTokens: random.pick([64, 256, 1024]),
    streamed,
    fault: fault?.marker ?? null,
    hangUpAfterMs: fault?.hangUpAfterMs ?? (leaves ? random.whole(1, 600) : null),
    repeats: random.chance(0.15),
  };
}
