/** What the clients of a soak ask for, and what goes wrong. Weights say how often; faults are the sandbox's markers. */

export interface MediaOffer {
  weight: number;
  model: string;
  /** Provider that must serve it; null leaves the choice, and failover, to Kiln. */
  only: string | null;
  input: Readonly<Record<string, unknown>>;
}

/** Cheap to draw, and different on the wire: queues with callbacks, a synchronous provider, two servers of one's own. */
export const MEDIA: readonly MediaOffer[] = [
  { weight: 30, model: 'flux-dev', only: 'fal', input: { size: '256x256' } },
  { weight: 20, model: 'flux-dev', only: 'replicate', input: { aspect_ratio: '1:1' } },
  { weight: 16, model: 'flux-dev', only: null, input: { size: '256x256' } },
  { weight: 14, model: 'flux-dev', only: 'comfyui', input: { size: '256x256', steps: 4 } },
  { weight: 12, model: 'gpt-image-1.5', only: 'openai', input: { size: '1024x1024', quality: 'low' } },
  { weight: 5, model: 'ace-step', only: 'acestep', input: { duration_seconds: 10, instrumental: true } },
  { weight: 2, model: 'veo-3.1-fast', only: 'gemini', input: { duration_seconds: 4 } },
  { weight: 1, model: 'wan-2.2', only: 'comfyui', input: { duration_seconds: 1 } },
];

export interface Fault {
  weight: number;
  marker: string;
  /** The job only ends by its deadline. */
  endless?: true;
}

export const MEDIA_FAULTS: readonly Fault[] = [
  { weight: 4, marker: '503=1' },
  { weight: 4, marker: '500=1' },
  { weight: 4, marker: '429=1' },
  { weight: 2, marker: 'drop=1' },
  { weight: 2, marker: 'hang=1' },
  { weight: 4, marker: 'policy-submit' },
  { weight: 4, marker: 'policy' },
  { weight: 4, marker: 'fail' },
  { weight: 2, marker: 'lost' },
  { weight: 2, marker: 'empty' },
  { weight: 4, marker: 'truncate' },
  { weight: 2, marker: 'expired' },
  { weight: 2, marker: 'zero-bytes' },
  { weight: 2, marker: 'not-media' },
  { weight: 3, marker: '429-poll=2' },
  { weight: 3, marker: '500-poll=2' },
  { weight: 3, marker: 'malformed=1' },
  { weight: 4, marker: 'no-callback' },
  { weight: 4, marker: 'duplicate-callbacks' },
  { weight: 2, marker: 'drop-after=1' },
  { weight: 2, marker: 'hang-after=1' },
  { weight: 2, marker: 'malformed-submit=1' },
  { weight: 1, marker: 'never', endless: true },
];

export type TextApi = 'chat' | 'responses' | 'messages' | 'embeddings';

export interface TextOffer {
  weight: number;
  api: TextApi;
  model: string;
}

export const TEXT: readonly TextOffer[] = [
  { weight: 30, api: 'chat', model: 'gpt-5.4-nano' },
  { weight: 20, api: 'chat', model: 'deepseek/deepseek-chat' },
  { weight: 15, api: 'chat', model: 'selfhosted-chat' },
  { weight: 5, api: 'chat', model: 'claude-haiku-4-5' },
  { weight: 10, api: 'messages', model: 'claude-haiku-4-5' },
  { weight: 5, api: 'messages', model: 'gpt-5.4-nano' },
  { weight: 10, api: 'responses', model: 'gpt-5.4-mini' },
  { weight: 5, api: 'embeddings', model: 'text-embedding-3-small' },
];

export interface TextFault extends Fault {
  /** The client goes away after so many milliseconds. */
  hangUpAfterMs?: number;
}

export const TEXT_FAULTS: readonly TextFault[] = [
  { weight: 4, marker: '503=1' },
  { weight: 4, marker: '500' },
  { weight: 4, marker: '429=1' },
  { weight: 2, marker: 'drop=1' },
  { weight: 2, marker: 'hang', hangUpAfterMs: 800 },
  { weight: 3, marker: 'policy-submit' },
  { weight: 3, marker: 'filter' },
  { weight: 3, marker: 'refusal' },
  { weight: 4, marker: 'error-after=3' },
  { weight: 4, marker: 'cut-after=3' },
  { weight: 2, marker: 'stall-after=2', hangUpAfterMs: 800 },
  { weight: 4, marker: 'slow=100', hangUpAfterMs: 400 },
  { weight: 3, marker: 'end-after=3' },
  { weight: 4, marker: 'no-usage' },
  { weight: 2, marker: 'no-events' },
  { weight: 2, marker: 'empty-body' },
  { weight: 2, marker: 'error-body' },
  { weight: 2, marker: 'error-event' },
  { weight: 2, marker: 'invalid-utf8' },
  { weight: 2, marker: 'drop-after' },
  { weight: 2, marker: 'malformed-submit' },
  { weight: 2, marker: 'context-length' },
];
