/**
 * Named places where a crash costs money or a result. Tests stop the engine there; in production nobody listens and a point
 * is one property read.
 */
export type FaultPoint =
  | 'create.inserted'
  | 'admission.reserved'
  | 'submit.leased'
  | 'submit.answered'
  | 'submit.saved'
  | 'poll.answered'
  | 'store.half'
  | 'store.stored'
  | 'process.derived'
  | 'end.committed';

export const faultPoints: { reach: ((point: FaultPoint, jobId: string) => Promise<void> | void) | null } = {
  reach: null,
};

export async function reach(point: FaultPoint, jobId: string): Promise<void> {
  if (faultPoints.reach) await faultPoints.reach(point, jobId);
}
