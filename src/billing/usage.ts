/** So long usage records are kept. */
export const USAGE_MONTHS = 13;

/** What one request used, as the provider billed it. Counts are whole, of the whole answer. */
export interface Usage {
  /** All input, cache reads and writes included. */
  inputTokens: number;
  cacheReadTokens: number;
  /** Written to the cache for five minutes, or for whatever time the provider has. */
  cacheWriteTokens: number;
  cacheWrite1hTokens: number;
  /** Part of `inputTokens` that was audio. */
  inputAudioTokens: number;
  /** All output, reasoning included. */
  outputTokens: number;
  reasoningTokens: number;
  /** Part of `outputTokens` that was audio. */
  outputAudioTokens: number;
  /** Characters of spoken text. */
  characters: number;
  /** Seconds of audio heard; may have a fraction. */
  audioSeconds: number;
  /** Pictures that a job made. No synchronous route makes any: what asks for them there is refused, so no rate prices them. */
  images: number;
  /** Seconds of video or sound that a job made; may have a fraction. */
  mediaSeconds?: number;
  /** What the provider says it asked for (OpenRouter's `usage.cost`), in micro-USD; may have a fraction. */
  reportedCostMicroUsd?: number;
}

export const NO_USAGE: Usage = Object.freeze({
  inputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  cacheWrite1hTokens: 0,
  inputAudioTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  outputAudioTokens: 0,
  characters: 0,
  audioSeconds: 0,
  images: 0,
});

export type UsageEndpoint =
  | 'chat.completions'
  | 'responses'
  | 'messages'
  | 'embeddings'
  | 'transcriptions'
  | 'speech'
  | JobEndpoint;

/** Where a job was asked for. */
export const JOB_ENDPOINTS = [
  'jobs',
  'images.generations',
  'images.edits',
  'videos',
  'videos.edits',
  'videos.extensions',
  'videos.remix',
] as const;
export type JobEndpoint = (typeof JOB_ENDPOINTS)[number];

/** `partial`: the answer broke off after it began. `canceled`: the client went away. */
export type UsageStatus = 'ok' | 'failed' | 'canceled' | 'partial';

/** One request, or one run of a job, for the books and for its owner. Key, day and charge come from the hold. */
export interface UsageRecord {
  endpoint: UsageEndpoint;
  /** The alias that was asked for. */
  model: string;
  /** Route that answered or was tried last; null where none was. */
  route: string | null;
  provider: string | null;
  upstreamModel: string | null;
  status: UsageStatus;
  /** Status that the client got; 200 of a job, as which GET shows it whatever became of it. */
  httpStatus: number;
  usage: Usage;
  /** What the providers asked Kiln for, failed attempts included. */
  upstreamCostMicroUsd: number;
  /** From the request's arrival to the end of its answer; of a job from the run's acceptance to its end. */
  latencyMs: number;
  /** To the first byte of content; null where none came. */
  ttfbMs: number | null;
  /** Routes tried. */
  attempts: number;
  streamed: boolean;
  sandbox: boolean;
  /** `error.type` that the client got; `error.code` of a job. */
  errorCode: string | null;
}

/** Id of the usage record of one run: the work's own, with the number of a later run behind it. */
export const usageId = (workId: string, run: number): string => (run === 1 ? workId : `${workId}/${run}`);
