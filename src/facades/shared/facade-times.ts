/** How long facades wait; a test has less patience. */
export interface FacadeTimes {
  /** A request that waits for its pictures is answered 504 after this. */
  imageWaitSeconds: number;
  /** Between keep-alive comments of a stream. */
  heartbeatMs: number;
  /** A reader that takes nothing for this long is cut off. */
  stallMs: number;
}

export const FACADE_TIMES = Symbol('FACADE_TIMES');
export const DEFAULT_TIMES: FacadeTimes = { imageWaitSeconds: 300, heartbeatMs: 15_000, stallMs: 60_000 };
